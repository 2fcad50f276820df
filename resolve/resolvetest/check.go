package resolvetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// Set is a set of releases to judge.
type Set struct {
	chosen map[manifest.ID]*index.Release
}

// Add adds a release. It replaces another one of the same plugin.
func (s *Set) Add(r *index.Release) {
	if s.chosen == nil {
		s.chosen = map[manifest.ID]*index.Release{}
	}
	s.chosen[r.ID] = r
}

// Fits reports the first thing of p that s breaks: a wish or a need, or a rule that
// keeps a release away. It does not ask whether everything in s is needed.
func (s *Set) Fits(p resolve.Problem) error {
	c := &checker{p, s.chosen}
	for _, w := range p.Wishes {
		if !c.served(manifest.Need{ID: w.ID, Range: w.Range}) {
			return &brokenWish{w}
		}
	}
	for id, r := range s.chosen {
		if c.linked(id) {
			return fmt.Errorf("%s is part of the program", id)
		}
		if err := c.admitted(id, r); err != nil {
			return fmt.Errorf("%s %s: %w", id, r.Version, err)
		}
		if err := c.needs(r); err != nil {
			return fmt.Errorf("%s %s: %w", id, r.Version, err)
		}
	}
	return nil
}

// brokenWish is an error that costs nothing until somebody reads it.
type brokenWish struct{ w resolve.Wish }

func (e *brokenWish) Error() string { return fmt.Sprintf("wish %s is not fulfilled", e.w) }

// CheckSolution reports what is wrong with an answer: see [Set.Fits]; also a release
// that is not in the index, and a plugin that nobody asked for.
func CheckSolution(ctx context.Context, ix index.Index, p resolve.Problem, s *resolve.Solution) error {
	set := new(Set)
	for _, x := range s.Choices {
		doc, err := ix.Plugin(ctx, x.ID)
		if err != nil {
			return err
		}
		r, ok := doc.Find(x.Release.Version)
		if !ok || r.Digest != x.Release.Digest {
			return fmt.Errorf("%s is not in the index", x.Name())
		}
		if set.chosen[x.ID] != nil {
			return fmt.Errorf("%s is chosen twice", x.ID)
		}
		set.Add(r)
	}
	if err := set.Fits(p); err != nil {
		return err
	}
	for _, x := range s.Choices {
		if len(s.Because(x.ID)) == 0 {
			return fmt.Errorf("nobody asked for %s", x.Name())
		}
	}
	return nil
}

// checker judges one set of releases.
type checker struct {
	p      resolve.Problem
	chosen map[manifest.ID]*index.Release
}

func (c *checker) needs(r *index.Release) error {
	for _, n := range r.Requires {
		if n.ID != r.ID {
			n = c.replaced(n)
		}
		have, there := c.chosen[n.ID]
		switch {
		case n.ID == r.ID:
			if !n.Range.HasPre(r.Version) {
				return errors.New("requires another version of itself")
			}
		case c.linked(n.ID):
		case n.Optional && there && !c.in(n.Range, have):
			return fmt.Errorf("works with %s %s only", n.ID, n.Range)
		case !n.Optional && !c.served(n):
			return fmt.Errorf("requires %s %s", n.ID, n.Range)
		}
	}
	for _, list := range r.AnyOf {
		if !slices.ContainsFunc(list, func(n manifest.Need) bool { return c.served(c.replaced(n)) }) {
			return fmt.Errorf("requires one of %v", list)
		}
	}
	for _, n := range r.Conflicts {
		for id, have := range c.chosen {
			if id == r.ID || c.linked(id) {
				continue
			}
			if id == n.ID && c.in(n.Range, have) || id != n.ID && offers(have, n) {
				return fmt.Errorf("conflicts with %s %s", id, have.Version)
			}
		}
	}
	return nil
}

func (c *checker) linked(id manifest.ID) bool { return slices.Contains(c.p.Host.Linked, id) }

func (c *checker) replaced(n manifest.Need) manifest.Need {
	for _, o := range c.p.Rules.Overrides {
		if o.ID == n.ID {
			n.Range = o.Range
		}
	}
	return n
}

// served reports whether a chosen release is, or offers, what n asks for. Only what
// was asked for or is installed may offer a name of another namespace.
func (c *checker) served(n manifest.Need) bool {
	if c.linked(n.ID) {
		return true
	}
	if have := c.chosen[n.ID]; have != nil && c.in(n.Range, have) {
		return true
	}
	for id, have := range c.chosen {
		if id == n.ID || !offers(have, n) {
			continue
		}
		_, locked := c.p.Locked.Find(id)
		wished := slices.ContainsFunc(c.p.Wishes, func(w resolve.Wish) bool { return w.ID == id })
		if locked || wished || id.Namespace() == n.ID.Namespace() {
			return true
		}
	}
	return false
}

func offers(r *index.Release, n manifest.Need) bool {
	return slices.ContainsFunc(r.Offers, func(o manifest.Offer) bool { return o.ID == n.ID && n.Range.HasPre(o.Version) })
}

// in reports whether a range has the version of r, with pre-releases if they are taken.
func (c *checker) in(rng version.Range, r *index.Release) bool {
	pre := c.p.Rules.Pre || slices.ContainsFunc(c.p.Wishes, func(w resolve.Wish) bool { return w.ID == r.ID && w.Pre })
	return rng.Has(r.Version) || pre && rng.HasPre(r.Version)
}

// admitted says which rule keeps r away.
func (c *checker) admitted(id manifest.ID, r *index.Release) error {
	rules := &c.p.Rules
	locked, isLocked := c.p.Locked.Find(id)
	same := isLocked && locked.Digest == r.Digest
	exact := slices.ContainsFunc(c.p.Wishes, func(w resolve.Wish) bool {
		return w.ID == id && w.Range.Has(r.Version) && w.Range.Equal(version.Exact(r.Version))
	})
	wished := slices.ContainsFunc(c.p.Wishes, func(w resolve.Wish) bool { return w.ID == id })
	switch {
	case r.State.Blocked != nil && !rules.Blocked:
		return errors.New("is blocked")
	case r.State.Yanked != nil && !same && !exact:
		return errors.New("is yanked")
	case isLocked && !rules.Downgrade && r.Version.Compare(locked.Version) < 0:
		return errors.New("would be a downgrade")
	case isLocked && rules.Step != "" && (r.Version.Major != locked.Version.Major || rules.Step == resolve.Patch && r.Version.Minor != locked.Version.Minor):
		return errors.New("is too far away")
	}
	for _, x := range rules.Pins {
		if x.ID == id && x.Version != r.Version {
			return errors.New("is not the pinned version")
		}
	}
	for _, x := range rules.Excludes {
		if x.ID == id && x.Range.HasPre(r.Version) {
			return errors.New("is excluded")
		}
	}
	if !slices.Contains(rules.AgeExempt, id) {
		if !rules.AsOf.IsZero() && (r.Time.IsZero() || r.Time.After(rules.AsOf)) {
			return errors.New("is newer than the date")
		}
		if rules.MinAge > 0 && !same && (r.Time.IsZero() || rules.Now.Sub(r.Time) < rules.MinAge) {
			return errors.New("is too young")
		}
	}
	if c.p.Policy != nil {
		if why, ok := c.p.Policy.Admit(id, r, same); !ok {
			return errors.New(why)
		}
	}
	return c.runs(r, wished)
}

func (c *checker) runs(r *index.Release, wished bool) error {
	h := c.p.Host
	if rng, ok := r.Host[h.App]; len(r.Host) > 0 && (!ok || !rng.Has(h.Version) && !rng.Has(h.Version.Release())) {
		return errors.New("is for another application")
	}
	serves := len(h.Points) == 0 || len(r.Offers) > 0
	for _, p := range r.Provides {
		same := slices.Collect(func(yield func(manifest.PointRef) bool) {
			for _, o := range h.Points {
				if o.ID == p.ID && !yield(o) {
					return
				}
			}
		})
		fits := slices.ContainsFunc(same, func(o manifest.PointRef) bool { return o.Major == p.Major && o.Minor >= p.Minor })
		if len(same) > 0 && !fits {
			return fmt.Errorf("is for %s", p)
		}
		serves = serves || fits
	}
	if wished && !serves {
		return errors.New("serves no point")
	}
	for _, on := range append([]manifest.Platform{h.Platform}, c.p.Platforms...) {
		if !slices.ContainsFunc(r.Packages, func(p index.Package) bool {
			return slices.Contains(h.Runtimes, p.Runtime) && p.Platform.Fits(on)
		}) {
			return fmt.Errorf("does not run on %s", on)
		}
	}
	return nil
}
