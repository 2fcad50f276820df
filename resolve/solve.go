package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
)

// Prefetcher is an optional interface of an Index: it may read documents before they
// are asked for.
type Prefetcher interface {
	// Prefetch names plugins whose documents will probably be asked for soon. It does
	// not block.
	Prefetch(ids ...manifest.ID)
}

// Solver answers several problems over one index. It reads each document once, so it
// is for a moment, not for a day. It is not for concurrent use.
type Solver struct {
	ix      index.Index
	early   Prefetcher // ix, or nil if it is none
	engine  pubgrub.Solver
	byID    map[manifest.ID]*plugin
	plugins []*plugin // by number
	needs   []*need   // by number
	choices map[string]*plugin

	// the problem at hand
	ctx      context.Context
	p        Problem
	epoch    int // counts changes of what admissions that are kept depend on
	last     Problem
	marked   []*plugin        // with a role in the problem
	ruled    map[*plugin]bool // named by a pin or an exclusion
	linked   map[*plugin]bool
	override map[*plugin]*Wish
	keeping  bool
	freed    map[*plugin]bool // that may move though others are kept
	maxNames int
	wishes   []pubgrub.Wish
	wants    []need // of the wishes, in their order
}

// New returns a solver over the documents of ix.
func New(ix index.Index) *Solver {
	s := &Solver{
		ix: ix, byID: map[manifest.ID]*plugin{}, choices: map[string]*plugin{},
		ruled: map[*plugin]bool{}, linked: map[*plugin]bool{}, override: map[*plugin]*Wish{},
		freed: map[*plugin]bool{},
	}
	s.early, _ = ix.(Prefetcher)
	return s
}

// Solve answers p with the documents of ix; see [Solver.Solve].
func Solve(ctx context.Context, ix index.Index, p Problem) (*Solution, error) {
	return New(ix).Solve(ctx, p)
}

// Solve answers p. It returns a [*Failure] if there is no solution, an error that
// wraps [ErrLinked], [ErrBudget] or a [*CycleError], the cause of the end of ctx, or what the index
// returned.
func (s *Solver) Solve(ctx context.Context, p Problem) (*Solution, error) {
	if p.Budget.Time > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.Budget.Time, fmt.Errorf("%w: more than %s", ErrBudget, p.Budget.Time))
		defer cancel()
	}
	if p.Keep && p.Locked != nil && !p.UpdateAll {
		if ok, err := s.keep(ctx, &p); ok && err == nil {
			return s.solution()
		} else if err != nil && !errors.Is(err, ErrBudget) {
			return nil, err
		}
	}
	ok, err := s.search(ctx, &p, false)
	if err != nil {
		return nil, err
	}
	if ok {
		return s.solution()
	}
	f := s.failure()
	if !p.NoSuggestions {
		f.help(ctx, s, p)
	}
	f.leaves = nil
	return nil, f
}

// Load reads documents before they are needed. Names that nobody has published are no
// error.
func (s *Solver) Load(ctx context.Context, ids ...manifest.ID) error {
	for _, id := range ids {
		if err := s.load(ctx, s.plugin(id)); err != nil {
			return err
		}
	}
	return nil
}

// search runs the engine on p.
func (s *Solver) search(ctx context.Context, p *Problem, keeping bool) (bool, error) {
	s.ctx, s.p, s.keeping = ctx, *p, keeping
	if err := s.Continue(); err != nil {
		return false, err
	}
	if err := s.prepare(); err != nil {
		return false, err
	}
	b := pubgrub.Budget{Steps: p.Budget.Steps, Clauses: p.Budget.Clauses, Touched: p.Budget.Plugins}
	if b.Steps <= 0 {
		b.Steps = defaultSteps
	}
	if b.Clauses <= 0 {
		b.Clauses = defaultClauses
	}
	if b.Touched <= 0 {
		b.Touched = defaultPlugins
	}
	s.maxNames = namesPerPlugin * b.Touched
	ok, err := s.engine.Solve(s, s.wishes, b)
	if errors.Is(err, pubgrub.ErrBudget) {
		err = fmt.Errorf("%w: %w", ErrBudget, err)
	}
	return ok, err
}

// prepare makes the problem the one at hand.
func (s *Solver) prepare() error {
	p := &s.p
	if s.epoch == 0 || p.Policy != nil || s.last.Policy != nil || !p.Host.equal(&s.last.Host) || !p.Rules.equal(&s.last.Rules) ||
		!slices.Equal(p.Platforms, s.last.Platforms) {
		s.epoch++
		if !slices.Equal(p.Host.Linked, s.last.Host.Linked) {
			clear(s.choices) // they depend on what is part of the program
		}
		s.last = Problem{Host: p.Host, Rules: p.Rules, Platforms: p.Platforms, Policy: p.Policy}
		s.prepareRules()
	}
	for _, q := range s.marked {
		q.role = role{}
	}
	s.marked = s.marked[:0]
	if p.Locked != nil {
		s.prepareLocked()
	}
	for _, w := range p.Wishes {
		q := s.role(w.ID)
		q.wished, q.pre = true, q.pre || w.Pre
	}
	s.prefetch()
	s.wishes, s.wants = s.wishes[:0], slices.Grow(s.wants[:0], len(p.Wishes))
	for _, w := range p.Wishes {
		if slices.Contains(p.Host.Linked, w.ID) {
			return fmt.Errorf("%s: %w", w.ID, ErrLinked)
		}
		s.wants = append(s.wants, need{field: "wish", id: w.ID, target: s.plugin(w.ID), rng: w.Range})
		target, bad, err := s.target(&s.wants[len(s.wants)-1])
		if err != nil {
			return err
		}
		s.wishes = append(s.wishes, pubgrub.Wish{Target: target.number, Bad: bad})
	}
	return nil
}

func (s *Solver) prepareRules() {
	for _, m := range []map[*plugin]bool{s.ruled, s.linked} {
		clear(m)
	}
	clear(s.override)
	r := &s.p.Rules
	for _, x := range r.Pins {
		s.ruled[s.plugin(x.ID)] = true
	}
	for _, x := range r.Excludes {
		s.ruled[s.plugin(x.ID)] = true
	}
	for i := range r.Overrides {
		s.override[s.plugin(r.Overrides[i].ID)] = &r.Overrides[i]
	}
	for _, id := range s.p.Host.Linked {
		s.linked[s.plugin(id)] = true
	}
}

func (s *Solver) prepareLocked() {
	for i := range s.p.Locked.Plugins {
		l := &s.p.Locked.Plugins[i]
		s.role(l.ID).locked = l
	}
	for _, id := range s.p.Update {
		s.role(id).updating = true
	}
}

// prefetch tells the index what is needed in any case.
func (s *Solver) prefetch() {
	if s.early == nil {
		return
	}
	var ids []manifest.ID
	add := func(id manifest.ID) {
		if p := s.plugin(id); !p.loaded && !s.linked[p] {
			ids = append(ids, id)
		}
	}
	for _, w := range s.p.Wishes {
		add(w.ID)
	}
	if s.p.Locked != nil {
		for _, l := range s.p.Locked.Plugins {
			add(l.ID)
		}
	}
	if len(ids) > 0 {
		s.early.Prefetch(ids...)
	}
}

func (s *Solver) isWished(p *plugin) bool { return p.role.wished }

func (s *Solver) isLocked(p *plugin) bool { return p.role.locked != nil }

// takesPre returns 1 if pre-releases of p are candidates without being named.
func (s *Solver) takesPre(p *plugin) int {
	if s.p.Rules.Pre || p.role.pre {
		return 1
	}
	return 0
}

// problem makes a Solver the pubgrub.Source of its engine.
type problem = Solver

// Package implements pubgrub.Source.
func (s *problem) Package(number int32) (*pubgrub.Package, error) {
	p := s.plugins[number]
	if p.choice != nil {
		return s.admitChoice(p), nil
	}
	if s.linked[p] {
		return &pubgrub.Package{Base: pubgrub.Absent(0), Prefer: -1}, nil
	}
	if err := s.load(s.ctx, p); err != nil {
		return nil, err
	}
	if len(s.plugins) > s.maxNames {
		return nil, fmt.Errorf("%w: more than %d names", ErrBudget, s.maxNames)
	}
	a := s.admit(p)
	if s.early != nil {
		s.prefetchNeeds(&a.Package)
	}
	return &a.Package, nil
}

// prefetchNeeds names what the version that will be tried first needs.
func (s *Solver) prefetchNeeds(k *pubgrub.Package) {
	v := k.Best(k.Base)
	if v < 0 {
		return
	}
	var ids []manifest.ID
	for _, pn := range k.Needs(v) {
		if n := s.needs[pn.ID]; !n.Weak && n.target != nil && !n.target.loaded && !s.linked[n.target] {
			ids = append(ids, n.target.id)
		}
	}
	if len(ids) > 0 {
		s.early.Prefetch(ids...)
	}
}

// Open implements pubgrub.Source.
func (s *problem) Open(pn *pubgrub.Need) (int32, pubgrub.Set, error) {
	p, bad, err := s.target(s.needs[pn.ID])
	if err != nil {
		return 0, nil, err
	}
	return p.number, bad, nil
}

// noSet is the empty set of states of a package without versions.
var noSet = pubgrub.NewSet(0)

// target returns what a hard need asks for and the states that break it.
func (s *Solver) target(n *need) (*plugin, pubgrub.Set, error) {
	if n.fixed != nil {
		return n.target, n.fixed, nil
	}
	pre := 0
	if n.target != nil {
		if s.linked[n.target] {
			return n.target, noSet, nil
		}
		pre = s.takesPre(n.target)
		if o := s.override[n.target]; o != nil && n.field != "wish" {
			n = &need{field: n.field, id: n.id, target: n.target, rng: o.Range}
		}
	}
	p, err := s.open(s.ctx, n)
	if err != nil {
		return nil, nil, err
	}
	if p.choice != nil {
		return p, pubgrub.Absent(len(p.versions)), nil
	}
	if n.bad[pre] == nil {
		n.bad[pre] = p.breaking(n.field, n.rng, pre == 1)
	}
	return p, n.bad[pre], nil
}

// Weak implements pubgrub.Source.
func (s *problem) Weak(pn *pubgrub.Need, q int32) pubgrub.Set {
	n, p := s.needs[pn.ID], s.plugins[q]
	switch {
	case s.linked[p]:
		return nil
	case p == n.target:
		rng := n.rng
		if o := s.override[p]; o != nil && n.field == "optional" {
			return p.breaking(n.field, o.Range, s.takesPre(p) == 1)
		}
		pre := s.takesPre(p)
		if n.bad[pre] == nil {
			n.bad[pre] = p.breaking(n.field, rng, pre == 1)
		}
		return n.bad[pre]
	case n.field == "conflicts" && p.choice == nil:
		return p.offering(n.id, n.rng)
	}
	return nil
}

// Continue implements pubgrub.Source.
func (s *problem) Continue() error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return nil
}

// solution takes the answer out of the engine.
func (s *Solver) solution() (*Solution, error) {
	st := s.engine.Stats()
	out := &Solution{Wishes: s.p.Wishes, Overrides: s.p.Rules.Overrides, Choices: make([]Choice, 0, st.Decided)}
	ordered := false // somebody must start before somebody else
	for number, v := range s.engine.Chosen {
		p := s.plugins[number]
		if p.choice != nil {
			continue
		}
		r := p.releases[v]
		ordered = ordered || p.ordered
		out.Choices = append(out.Choices, Choice{})
		c := &out.Choices[len(out.Choices)-1] // it is large, so it is written once
		c.ID, c.Release, c.Document = p.id, r, p.doc.Document
		if pkg, ok := s.p.Host.choosePackage(r, s.p.Host.Platform); ok {
			c.Package = *pkg
		}
	}
	out.Stats = s.stats()
	if ordered {
		if _, err := out.StartOrder(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Solver) stats() Stats {
	st := s.engine.Stats()
	out := Stats{Steps: st.Steps, Conflicts: st.Conflicts}
	for number := range s.engine.Touched {
		if p := s.plugins[number]; p.choice == nil {
			out.Plugins++
			out.Versions += len(p.versions)
		}
	}
	return out
}
