package pubgrub

import "fmt"

// learn finds out why all terms of clause c hold, goes back to where that could have
// been seen first, and adds the clause that says so. It returns false if nothing had
// to be decided for it: then the problem has no solution.
func (s *Solver) learn(c int32) (bool, error) {
	s.stats.Conflicts++
	if s.stats.Steps++; s.stats.Steps > s.budget.Steps {
		return false, fmt.Errorf("%w: %d steps", ErrBudget, s.budget.Steps)
	}
	if s.stats.Conflicts&63 == 0 {
		if err := s.src.Continue(); err != nil {
			return false, err
		}
	}
	s.steps = append(s.steps[:0], link{c, -1})
	for _, t := range s.clauses[c].terms {
		s.addWork(t)
	}
	for len(s.inWork) > 0 {
		p, back, done := s.examine()
		if done {
			return true, s.assert(c, p, back)
		}
		s.resolve(p)
	}
	s.final = append(s.links.take(0), s.steps...)
	return false, nil
}

// addWork adds a term to the clause under analysis, unless it holds anyway.
func (s *Solver) addWork(t Term) {
	if s.at[t.Package].pkg.Base.Within(t.Set) {
		return
	}
	if old := s.at[t.Package].work; old != nil {
		both := Set(s.words.take(len(old)))
		for i := range both {
			both[i] = old[i] & t.Set[i]
		}
		t.Set = both
	} else {
		s.inWork = append(s.inWork, t.Package)
	}
	s.at[t.Package].work = t.Set
	s.at[t.Package].satisfier = s.firstWithin(t.Package, t.Set, int32(len(s.trail)))
}

// firstWithin returns the first entry before upto after which the domain of p is
// within set, or -1 if it was from the beginning. There is one.
func (s *Solver) firstWithin(p int32, set Set, upto int32) int32 {
	if s.at[p].pkg.Base.Within(set) {
		return -1
	}
	h := s.at[p].history
	lo, hi := 0, len(h)-1
	for h[hi] >= upto {
		hi--
	}
	for lo < hi {
		mid := (lo + hi) / 2
		if s.trail[h[mid]].dom.Within(set) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return h[lo]
}

// examine finds the term that came to hold last, and the level to which its clause
// sends the search back. It is done if the clause forces something there.
func (s *Solver) examine() (p, back int32, done bool) {
	last := int32(-1)
	for _, q := range s.inWork {
		if k := s.at[q].satisfier; k > last {
			last, p = k, q
		}
	}
	e := &s.trail[last]
	if e.level == 0 {
		return p, 0, false
	}
	for _, q := range s.inWork {
		if q != p {
			back = max(back, s.trail[s.at[q].satisfier].level)
		}
	}
	if e.cause < 0 {
		return p, back, true
	}
	// What the cause alone says of p may not be enough: then p held a part before.
	cause := s.termOf(e.cause, p)
	rest := Set(s.words.take(len(cause)))
	for i := range rest {
		rest[i] = s.at[p].work[i] | cause[i]
	}
	if k := s.firstWithin(p, rest, last); k >= 0 {
		back = max(back, s.trail[k].level)
	}
	return p, back, back < e.level
}

// termOf returns the set of p in clause c.
func (s *Solver) termOf(c, p int32) Set {
	for _, t := range s.clauses[c].terms {
		if t.Package == p {
			return t.Set
		}
	}
	panic("pubgrub: a clause narrowed a package it does not name")
}

// resolve replaces the term of p in the clause under analysis by the reasons for it.
func (s *Solver) resolve(p int32) {
	cause := s.trail[s.at[p].satisfier].cause
	own := s.at[p].work
	s.dropWork(p)
	for _, t := range s.clauses[cause].terms {
		if t.Package != p {
			s.addWork(t)
			continue
		}
		u := Set(s.words.take(len(own)))
		for i := range u {
			u[i] = own[i] | t.Set[i]
		}
		s.addWork(Term{p, u})
	}
	s.steps = append(s.steps, link{cause, p})
}

func (s *Solver) dropWork(p int32) {
	s.at[p].work = nil
	for i, q := range s.inWork {
		if q == p {
			s.inWork = append(s.inWork[:i], s.inWork[i+1:]...)
			return
		}
	}
}

// assert goes back to a level, adds the clause under analysis, which came of clause c,
// and draws the conclusion for p from it.
func (s *Solver) assert(c, p, back int32) error {
	for _, q := range s.inWork {
		if s.at[q].conflicts++; s.at[q].conflicts%conflictsPerStep == 0 {
			s.want(q)
		}
	}
	if len(s.steps) == 1 && len(s.inWork) <= 2 { // c itself does it
		s.takeWork(p)
		s.backtrack(back)
		if len(s.clauses[c].terms) == 1 {
			s.again = append(s.again, c)
			return nil
		}
		for i := range s.clauses[c].terms {
			if t := &s.clauses[c].terms[i]; t.Package == p {
				s.exclude(t, c)
			}
		}
		return nil
	}
	if s.stats.Learned++; s.stats.Learned > s.budget.Clauses {
		return fmt.Errorf("%w: %d learned", ErrBudget, s.budget.Clauses)
	}
	chain := s.links.take(len(s.steps))
	copy(chain, s.steps)
	terms := s.takeWork(p)
	s.backtrack(back)
	id := s.add(clause{terms: terms, chain: chain, from: -1})
	if len(terms) > 1 {
		s.exclude(&terms[0], id)
	}
	return nil
}

// takeWork returns the terms of the clause under analysis, that of p first, the one
// that came to hold last of the others second.
func (s *Solver) takeWork(p int32) []Term {
	terms := s.terms.take(len(s.inWork))
	n, last := 1, int32(-1)
	for _, q := range s.inWork {
		t := Term{q, s.at[q].work}
		s.at[q].work = nil
		if q == p {
			terms[0] = t
			continue
		}
		terms[n] = t
		if s.at[q].satisfier > last {
			last = s.at[q].satisfier
			terms[1], terms[n] = terms[n], terms[1]
		}
		n++
	}
	s.inWork = s.inWork[:0]
	return terms
}
