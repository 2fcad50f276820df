package pubgrub

import "fmt"

// clause is a list of terms that must not all hold, no two of one package. The first
// two are watched: as long as neither of them holds for certain, nothing follows.
type clause struct {
	terms []Term
	need  *Need // what an outside clause states; nil for a wish and a learned clause
	from  int32 // the package that has need; for a wish its number
	moot  bool  // a second term of the need holds anyway: it lies behind terms and is not in it
	chain []link
}

// link is one step of how a clause was learned: resolve with clause c on package p.
// In the first link p is -1.
type link struct{ c, p int32 }

// entry is one narrowing of the domain of a package.
type entry struct {
	p     int32
	level int32
	cause int32 // clause, or -1 for a decision
	dom   Set
}

// Solver solves one problem after the other. It keeps its memory, so one Solver for
// many problems is fast. It is not for concurrent use.
type Solver struct {
	src    Source
	budget Budget
	stats  Stats

	at      []place // by package, which is also the number of a topic
	touched []int32
	topics  []int32 // with weak needs or members
	clauses []clause
	units   []int32 // clauses with a single term
	again   []int32 // those of them to apply (again)
	trail   []entry
	level   int32
	queue   []int32
	todo    decisions
	seen    []int32 // by need: the run in which it became a clause
	run     int32
	inWork  []int32
	steps   []link // how the clause under analysis came about
	final   []link // how the empty clause came about

	domains arena[uint64] // given back in the order of trail
	words   arena[uint64]
	terms   arena[Term]
	links   arena[link]
}

// place is what a solve knows of one package.
type place struct {
	pkg       *Package // nil until it is touched
	domain    Set
	rank      int32 // place in touched
	conflicts int32
	decided   bool
	queued    bool
	watches   []watch    // clauses to look at when the domain narrows
	history   []int32    // entries in trail
	barred    Set        // union of the clauses with this term alone; nil: none
	work      Set        // term of the clause under analysis
	satisfier int32      // and the first entry after which it holds
	weak      []weakNeed // with this topic
	members   []int32    // touched packages that belong to this topic besides itself
}

// watch is a clause to look at when its term for a package may hold. Both tests that save
// the look need one word of a domain: the term does not hold as long as the domain has one
// of the states lacks in word, and no term for other does that has only the states meets
// in at, as long as its domain has none of them.
type watch struct {
	c, word      int32
	lacks, meets uint64
	other, at    int32 // other is -1 if it has no such term
}

type weakNeed struct {
	need *Need
	from int32
}

// Solve looks for a state of every package such that no wish and no need is broken.
// It returns whether there is one; ask [Solver.Version] for it, or [Solver.Proof] for
// why there is none, before the next call. Errors are those of src, and [ErrBudget].
func (s *Solver) Solve(src Source, wishes []Wish, b Budget) (bool, error) {
	s.reset()
	s.src, s.budget = src, b.orDefault()
	for i, w := range wishes {
		if err := s.touch(w.Target); err != nil {
			return false, err
		}
		t := s.terms.take(1)
		t[0] = Term{w.Target, w.Bad}
		s.add(clause{terms: t, from: int32(i)})
	}
	for {
		ok, err := s.propagate()
		if !ok || err != nil {
			return false, err
		}
		p := s.next()
		if p < 0 {
			return true, nil
		}
		if err := s.decide(p); err != nil {
			return false, err
		}
	}
}

// Stats returns what the latest solve did.
func (s *Solver) Stats() Stats {
	s.stats.Decided = int(s.level)
	return s.stats
}

// Touched yields the packages that the latest solve looked at.
func (s *Solver) Touched(yield func(p int32) bool) {
	for _, p := range s.touched {
		if !yield(p) {
			return
		}
	}
}

// Chosen yields the packages that the latest solve decided, in the order in which
// they were first needed, with their versions.
func (s *Solver) Chosen(yield func(p int32, version int) bool) {
	for _, p := range s.touched {
		if s.at[p].decided && !yield(p, s.at[p].domain.Top()) {
			return
		}
	}
}

// Version returns the version of p that the latest solve decided, or -1.
func (s *Solver) Version(p int32) int {
	if int(p) < len(s.at) && s.at[p].decided {
		return s.at[p].domain.Top()
	}
	return -1
}

func (s *Solver) reset() {
	for _, p := range s.touched {
		l := &s.at[p]
		*l = place{watches: l.watches[:0], history: l.history[:0], weak: l.weak[:0], members: l.members[:0]}
	}
	for _, t := range s.topics {
		l := &s.at[t]
		l.weak, l.members = l.weak[:0], l.members[:0]
	}
	s.topics, s.inWork = s.topics[:0], s.inWork[:0]
	s.touched, s.units, s.again, s.final = s.touched[:0], s.units[:0], s.again[:0], nil
	s.trail, s.queue, s.todo = s.trail[:0], s.queue[:0], s.todo[:0]
	s.clauses = s.clauses[:0]
	s.level, s.stats = 0, Stats{}
	s.run++
	s.domains.reset()
	s.words.reset()
	s.terms.reset()
	s.links.reset()
}

// grow makes room for package p.
func (s *Solver) grow(p int32) {
	if n := int(p) + 1 - len(s.at); n > 0 {
		s.at = append(s.at, make([]place, n)...)
	}
}

// touch brings p into the search.
func (s *Solver) touch(p int32) error {
	s.grow(p)
	if s.at[p].pkg != nil {
		return nil
	}
	if len(s.touched) >= s.budget.Touched {
		return fmt.Errorf("%w: more than %d plugins", ErrBudget, s.budget.Touched)
	}
	k, err := s.src.Package(p)
	if err != nil {
		return err
	}
	s.grow(p)
	s.at[p].pkg, s.at[p].domain = k, k.Base
	s.at[p].rank = int32(len(s.touched))
	s.touched = append(s.touched, p)
	for _, w := range s.at[p].weak {
		s.addWeak(w, p)
	}
	for _, t := range k.Topics {
		s.grow(t)
		s.topics = append(s.topics, t)
		s.at[t].members = append(s.at[t].members, p)
		for _, w := range s.at[t].weak {
			s.addWeak(w, p)
		}
	}
	return nil
}

// addWeak makes the clause of a weak need and a package of its topic. It reports
// whether the need is broken if from has it.
func (s *Solver) addWeak(w weakNeed, q int32) (broken bool) {
	bad := s.src.Weak(w.need, q)
	return bad != nil && q != w.from && s.addNeed(w.from, w.need, q, bad)
}

// addNeed makes the clause of a need whose ends are both touched. It reports whether
// the need is broken as soon as a version of from that has it is decided.
func (s *Solver) addNeed(from int32, n *Need, target int32, bad Set) (broken bool) {
	s.enqueue(from)
	t := s.terms.take(2)
	t[0], t[1] = Term{from, n.From}, Term{target, bad}
	if s.at[target].pkg.Base.Within(bad) {
		s.add(clause{terms: t[:1], need: n, from: from, moot: true})
		return true
	}
	s.add(clause{terms: t, need: n, from: from})
	return s.at[target].domain.Within(bad)
}

// add stores a clause and watches it. No term of it holds in every state of Base.
func (s *Solver) add(c clause) int32 {
	id := int32(len(s.clauses))
	s.clauses = append(s.clauses, c)
	if len(c.terms) == 1 {
		t := c.terms[0]
		if b := s.at[t.Package].barred; b == nil {
			s.at[t.Package].barred = t.Set
		} else {
			s.at[t.Package].barred = b.Union(t.Set)
		}
		s.units, s.again = append(s.units, id), append(s.again, id)
		return id
	}
	s.watch(c.terms[0], id)
	s.watch(c.terms[1], id)
	return id
}

// watch lets clause id be looked at when its term t may hold.
func (s *Solver) watch(t Term, id int32) {
	l := &s.at[t.Package]
	i := l.pkg.Base.outside(t.Set)
	l.watches = append(l.watches, watch{c: id, word: int32(i), lacks: ^t.Set[i], other: -1})
}

// decide chooses a version of p, unless its needs show at once that it cannot be had:
// then the clauses of these needs are left to propagate.
func (s *Solver) decide(p int32) error {
	if s.stats.Steps++; s.stats.Steps > s.budget.Steps {
		return fmt.Errorf("%w: %d steps", ErrBudget, s.budget.Steps)
	}
	if s.stats.Steps&255 == 0 {
		if err := s.src.Continue(); err != nil {
			return err
		}
	}
	k := s.at[p].pkg
	v := k.Best(s.at[p].domain)
	broken := s.at[p].barred != nil && s.at[p].barred.Has(v)
	if broken { // what barred it was undone with something else
		s.again = append(s.again, s.units...)
	}
	for _, n := range k.Needs(v) {
		if !s.isNew(n) {
			continue
		}
		bad, err := s.open(p, n)
		if err != nil {
			return err
		}
		broken = broken || bad
	}
	if broken {
		s.want(p)
		return nil
	}
	one := Set(s.domains.take(len(k.Base)))
	clear(one)
	one.Add(v)
	s.level++
	s.at[p].decided = true
	s.narrow(p, one, -1)
	return nil
}

// open brings a need of p into the search. It reports whether it is broken now.
func (s *Solver) open(p int32, n *Need) (broken bool, err error) {
	if !n.Weak {
		target, bad, err := s.src.Open(n)
		if err != nil {
			return false, err
		}
		if err := s.touch(target); err != nil {
			return false, err
		}
		return s.addNeed(p, n, target, bad), nil
	}
	s.grow(n.Topic)
	w := weakNeed{n, p}
	s.topics = append(s.topics, n.Topic)
	s.at[n.Topic].weak = append(s.at[n.Topic].weak, w)
	if s.at[n.Topic].pkg != nil {
		broken = s.addWeak(w, n.Topic)
	}
	for _, q := range s.at[n.Topic].members {
		broken = s.addWeak(w, q) || broken
	}
	return broken, nil
}

func (s *Solver) isNew(n *Need) bool {
	for int(n.ID) >= len(s.seen) {
		s.seen = append(s.seen, make([]int32, max(len(s.seen), 64))...)
	}
	if s.seen[n.ID] == s.run {
		return false
	}
	s.seen[n.ID] = s.run
	return true
}
