package resolve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

const (
	defaultSteps = 200_000
	maxPlugins   = 2000 // in one solution, named or chosen: a chain of needs has no end by itself
)

// Solve answers p with the documents of ix. It returns a *ConflictError or an
// *UnknownError if there is no solution, ErrLinked, ErrBudget, or what ix returned.
func Solve(ctx context.Context, ix index.Index, p Problem) (*Solution, error) {
	s := &solver{
		ctx: ctx, ix: ix, p: p, steps: p.MaxSteps,
		plugins: map[manifest.ID]*plugin{}, chosen: map[manifest.ID]*candidate{}, asked: map[manifest.ID][]constraint{},
	}
	if s.steps <= 0 {
		s.steps = defaultSteps
	}
	for _, w := range p.Wishes {
		if slices.Contains(p.Host.Linked, w.ID) {
			return nil, fmt.Errorf("%s: %w", w.ID, ErrLinked)
		}
		s.ask(w.ID, constraint{rng: w.Range, from: You})
	}
	if f, err := s.search(); err != nil || f != nil {
		return nil, errors.Join(err, f.error())
	}
	return s.solution(), nil
}

// constraint is one requirement on a plugin and who has it.
type constraint struct {
	rng      version.Range
	from     string
	owner    manifest.ID // "" for a wish
	optional bool        // holds if the plugin is chosen, does not ask for it
	exclude  bool        // a declared conflict: versions in rng are refused
}

type candidate struct {
	id      manifest.ID
	release *index.Release
	pkg     index.Package
}

func (c *candidate) name() string { return fmt.Sprintf("%s %s", c.id, c.release.Version) }

// plugin is what is known of one plugin: the candidates that host and policy
// admit, best first, and why others are none.
type plugin struct {
	document artifact.Digest
	all      []candidate // best first
	refused  []refusal
	versions []version.Version // everything published, ascending
}

type solver struct {
	ctx     context.Context
	ix      index.Index
	p       Problem
	steps   int
	plugins map[manifest.ID]*plugin
	chosen  map[manifest.ID]*candidate
	asked   map[manifest.ID][]constraint
	order   []manifest.ID // in which plugins were first asked for
}

func (s *solver) ask(id manifest.ID, c constraint) {
	if len(s.asked[id]) == 0 {
		s.order = append(s.order, id)
	}
	s.asked[id] = append(s.asked[id], c)
}

// takeBack undoes the latest of ask, for id.
func (s *solver) takeBack(id manifest.ID) {
	n := len(s.asked[id]) - 1
	s.asked[id] = s.asked[id][:n]
	if n == 0 {
		s.order = s.order[:len(s.order)-1]
	}
}

// undecided returns the first plugin somebody needs and nobody has chosen.
func (s *solver) undecided() (manifest.ID, bool) {
	for _, id := range s.order {
		if s.chosen[id] != nil || slices.Contains(s.p.Host.Linked, id) {
			continue
		}
		if slices.ContainsFunc(s.asked[id], constraint.demands) {
			return id, true
		}
	}
	return "", false
}

func (c constraint) demands() bool { return !c.optional && !c.exclude }

// search chooses the next plugin and all that follow from it. A failure names the
// plugins whose choice took part in it.
func (s *solver) search() (*failure, error) {
	id, ok := s.undecided()
	if !ok {
		return nil, nil
	}
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	pl, err := s.plugin(id)
	if errors.Is(err, index.ErrNotFound) {
		asked := slices.Clone(s.asked[id])
		return &failure{culprits: owners(asked), why: func() error { return unknown(id, asked, err) }}, nil
	}
	if err != nil {
		return nil, err
	}
	fail := &failure{culprits: owners(s.asked[id])}
	for i := range pl.all {
		c := &pl.all[i]
		if !s.fits(c) {
			continue
		}
		if s.steps--; s.steps < 0 {
			return nil, fmt.Errorf("resolve %s: %w", id, ErrBudget)
		}
		f, err := s.try(c)
		if err != nil || f == nil {
			return f, err
		}
		if !f.culprits[id] {
			return f, nil // another version of id would not help
		}
		fail.add(f, id)
	}
	if fail.why == nil { // no candidate fits what was asked
		fail.why = s.explain(id)
	}
	return fail, nil
}

// fits reports whether c satisfies all that was asked of its plugin so far.
func (s *solver) fits(c *candidate) bool {
	for _, k := range s.asked[c.id] {
		if k.rng.Has(c.release.Version) == k.exclude {
			return false
		}
	}
	return true
}

// try chooses c and searches on; if that fails, the choice is undone.
func (s *solver) try(c *candidate) (*failure, error) {
	s.chosen[c.id] = c
	added, f := s.propagate(c)
	var err error
	if len(s.order) > maxPlugins {
		f, err = nil, fmt.Errorf("resolve %s: %w: more than %d plugins", c.id, ErrBudget, maxPlugins)
	} else if f == nil {
		if f, err = s.search(); f == nil && err == nil {
			return nil, nil
		}
	}
	for _, id := range slices.Backward(added) {
		s.takeBack(id)
	}
	delete(s.chosen, c.id)
	return f, err
}

// propagate adds the requirements of c and checks them against what is chosen. It
// returns of which plugins something was asked, in order.
func (s *solver) propagate(c *candidate) (added []manifest.ID, f *failure) {
	add := func(n manifest.Need, k constraint) *failure {
		k.rng, k.from, k.owner = n.Range, c.name(), c.id
		s.ask(n.ID, k)
		added = append(added, n.ID)
		if have := s.chosen[n.ID]; have != nil && !s.fits(have) {
			return s.clash(have)
		}
		return nil
	}
	for _, n := range c.release.Requires {
		if f := add(n, constraint{optional: n.Optional}); f != nil {
			return added, f
		}
	}
	for _, n := range c.release.Conflicts {
		if f := add(n, constraint{exclude: true}); f != nil {
			return added, f
		}
	}
	return added, nil
}

// solution lists the choices behind what they require.
func (s *solver) solution() *Solution {
	out := new(Solution)
	seen := map[manifest.ID]bool{}
	var visit func(id manifest.ID)
	visit = func(id manifest.ID) {
		c := s.chosen[id]
		if c == nil || seen[id] {
			return
		}
		seen[id] = true
		for _, n := range c.release.Requires {
			visit(n.ID)
		}
		out.Choices = append(out.Choices, Choice{
			ID: id, Release: c.release, Package: c.pkg, Document: s.plugins[id].document, Because: askers(s.asked[id]),
		})
	}
	for _, id := range slices.Sorted(maps.Keys(s.chosen)) {
		visit(id)
	}
	return out
}

func askers(asked []constraint) []string {
	var out []string
	for _, c := range asked {
		if c.demands() && !slices.Contains(out, c.from) {
			out = append(out, c.from)
		}
	}
	slices.Sort(out)
	return out
}
