package resolvetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// CheckFailure reports what is wrong with a proof: a statement from outside that the
// problem and the index do not make, or a conclusion that does not follow. It knows
// only the exported form of a failure, as docs/spec/resolve-failure.md describes it.
func CheckFailure(ctx context.Context, ix index.Index, p resolve.Problem, f *resolve.Failure) error {
	if n := len(f.Nodes); n == 0 || len(f.Nodes[n-1].Terms) != 0 {
		return errors.New("the proof does not end in nothing")
	}
	if err := shape(f); err != nil {
		return err
	}
	c := &prover{checker: checker{p: p}, f: f, releases: make([][]*index.Release, len(f.Plugins))}
	for i, k := range f.Plugins {
		if err := c.known(ctx, ix, i, k); err != nil {
			return err
		}
	}
	for i, n := range f.Nodes {
		var err error
		if n.Kind == resolve.NodeDerived {
			err = c.derived(i, n)
		} else if len(n.Causes) > 0 {
			err = errors.New("is no conclusion and has causes")
		} else {
			err = c.outside(n)
		}
		if err != nil {
			return fmt.Errorf("node %d, %s: %w", i, n.Kind, err)
		}
	}
	return nil
}

// shape makes sure that every place a proof points to is there.
func shape(f *resolve.Failure) error {
	for i, n := range f.Nodes {
		seen := map[int]bool{}
		for _, t := range n.Terms {
			if t.Plugin < 0 || t.Plugin >= len(f.Plugins) {
				return fmt.Errorf("node %d: there is no plugin %d", i, t.Plugin)
			}
			if seen[t.Plugin] {
				return fmt.Errorf("node %d: two terms for %s", i, f.Plugins[t.Plugin].Plugin)
			}
			seen[t.Plugin] = true
			at := 0
			for _, s := range t.States {
				if s[0] < at || s[0] >= s[1] || s[1] > len(f.Plugins[t.Plugin].Versions)+1 {
					return fmt.Errorf("node %d: there are no states %v", i, s)
				}
				at = s[1] + 1 // the next one does not touch
			}
		}
		for _, c := range n.Causes {
			if c.Node < 0 || c.Node >= i || c.On < -1 || c.On >= len(f.Plugins) {
				return fmt.Errorf("node %d: there is no cause %d on %d", i, c.Node, c.On)
			}
		}
	}
	return nil
}

// prover checks one proof.
type prover struct {
	checker
	f        *resolve.Failure
	releases [][]*index.Release // by plugin, in the order of Known.Versions
}

// known compares the versions of a plugin, or the options of a choice, with the index.
func (c *prover) known(ctx context.Context, ix index.Index, i int, k resolve.Known) error {
	if k.Options {
		return c.options(ctx, ix, k)
	}
	doc, err := ix.Plugin(ctx, manifest.ID(k.Plugin))
	if errors.Is(err, index.ErrNotFound) || c.linked(manifest.ID(k.Plugin)) {
		doc, err = &index.Plugin{}, nil
	}
	if err != nil {
		return err
	}
	byVersion := map[string]*index.Release{}
	for j := range doc.Releases {
		byVersion[doc.Releases[j].Version.String()] = &doc.Releases[j]
	}
	if len(byVersion) != len(k.Versions) {
		return fmt.Errorf("%s has %d versions, the proof says %d", k.Plugin, len(doc.Releases), len(k.Versions))
	}
	for _, v := range k.Versions {
		if byVersion[v] == nil {
			return fmt.Errorf("%s has no version %s", k.Plugin, v)
		}
		if slices.Contains(c.releases[i], byVersion[v]) {
			return fmt.Errorf("%s %s twice", k.Plugin, v)
		}
		c.releases[i] = append(c.releases[i], byVersion[v])
	}
	return nil
}

// release returns version j of plugin i.
func (c *prover) release(i, j int) *index.Release { return c.releases[i][j] }

// options makes sure that a choice leaves nobody out.
func (c *prover) options(ctx context.Context, ix index.Index, k resolve.Known) error {
	for _, n := range needs(k.Plugin) {
		doc, err := ix.Plugin(ctx, n.ID)
		if err != nil && !errors.Is(err, index.ErrNotFound) {
			return err
		}
		if doc == nil {
			continue
		}
		for _, id := range append(slices.Clone(doc.Providers), n.ID) {
			d, err := ix.Plugin(ctx, id)
			if err != nil {
				return err
			}
			serves := slices.ContainsFunc(d.Releases, func(r index.Release) bool {
				return id == n.ID && c.in(n.Range, &r) || id != n.ID && offers(&r, n)
			})
			if serves && !c.linked(id) && !slices.Contains(k.Versions, string(id)) {
				return fmt.Errorf("%s can serve %s and is no option", id, k.Plugin)
			}
		}
	}
	return nil
}

// needs reads "a/b@^1 or c/d".
func needs(text string) []manifest.Need {
	var out []manifest.Need
	for part := range strings.SplitSeq(text, " or ") {
		if w, err := resolve.ParseWish(part); err == nil {
			out = append(out, manifest.Need{ID: w.ID, Range: w.Range})
		}
	}
	return out
}

// states is a set of states of plugin i, as a list of booleans.
func (c *prover) states(t resolve.Term) []bool {
	out := make([]bool, len(c.f.Plugins[t.Plugin].Versions)+1)
	for _, s := range t.States {
		for i := s[0]; i < s[1]; i++ {
			out[i] = true
		}
	}
	return out
}

// derived replays the resolution of the causes.
func (c *prover) derived(at int, n resolve.Node) error {
	if len(n.Causes) == 0 {
		return errors.New("follows from nothing")
	}
	have := map[int][]bool{}
	for i, cause := range n.Causes {
		if cause.Node >= at || (cause.On < 0) != (i == 0) {
			return errors.New("bad cause")
		}
		for _, t := range c.f.Nodes[cause.Node].Terms {
			s := c.states(t)
			old, both := have[t.Plugin]
			for k := range s {
				if both && t.Plugin == cause.On {
					s[k] = s[k] || old[k]
				} else if both {
					s[k] = s[k] && old[k]
				}
			}
			have[t.Plugin] = s
			if !slices.Contains(s, false) {
				delete(have, t.Plugin)
			}
		}
	}
	if len(have) != len(n.Terms) {
		return fmt.Errorf("its causes give %d terms, not %d", len(have), len(n.Terms))
	}
	for _, t := range n.Terms {
		if !slices.Equal(c.states(t), have[t.Plugin]) {
			return fmt.Errorf("its causes give another term for %s", c.f.Plugins[t.Plugin].Plugin)
		}
	}
	return nil
}

// outside compares a statement with the problem and the index.
func (c *prover) outside(n resolve.Node) error {
	switch n.Kind {
	case resolve.NodeWish:
		if !slices.ContainsFunc(c.p.Wishes, func(w resolve.Wish) bool { return w.String() == n.Need }) || len(n.Terms) != 1 {
			return fmt.Errorf("nobody asked for %s", n.Need)
		}
		return c.target(n, n.Terms[0])
	case resolve.NodeRequires, resolve.NodeOptional, resolve.NodeConflicts, resolve.NodeAnyOf:
		if len(n.Terms) != 2 || c.f.Plugins[n.Terms[0].Plugin].Plugin != n.By {
			return errors.New("bad terms")
		}
		if err := c.says(n); err != nil {
			return err
		}
		return c.target(n, n.Terms[1])
	case resolve.NodeOption:
		return c.option(n)
	}
	return c.refused(n)
}

// says makes sure that every version in the first term has the need.
func (c *prover) says(n resolve.Node) error {
	for i, in := range c.states(n.Terms[0]) {
		if !in {
			continue
		}
		if i == 0 {
			return errors.New("says something of a plugin that is absent")
		}
		r := c.release(n.Terms[0].Plugin, i-1)
		match := func(x manifest.Need) bool { return resolve.Wish{ID: x.ID, Range: x.Range}.String() == n.Need }
		ok := false
		switch n.Kind {
		case resolve.NodeConflicts:
			ok = slices.ContainsFunc(r.Conflicts, match)
		case resolve.NodeAnyOf:
			ok = slices.ContainsFunc(r.AnyOf, func(l []manifest.Need) bool { return slices.EqualFunc(l, needs(n.Need), sameNeed) })
		default:
			ok = slices.ContainsFunc(r.Requires, func(x manifest.Need) bool { return match(x) && x.Optional == (n.Kind == resolve.NodeOptional) })
		}
		if !ok {
			return fmt.Errorf("%s %s does not say so", n.By, r.Version)
		}
	}
	return nil
}

func sameNeed(a, b manifest.Need) bool { return a.ID == b.ID && a.Range.Equal(b.Range) }

// target makes sure that the states of t are those that break the need of n.
func (c *prover) target(n resolve.Node, t resolve.Term) error {
	list := needs(n.Need)
	if n.Kind == resolve.NodeRequires || n.Kind == resolve.NodeOptional || n.Kind == resolve.NodeAnyOf {
		for i := range list {
			list[i] = c.replaced(list[i])
		}
	}
	k := c.f.Plugins[t.Plugin]
	if k.Options {
		if !slices.EqualFunc(list, needs(k.Plugin), sameNeed) {
			return fmt.Errorf("asks for %s", k.Plugin)
		}
		for i, in := range c.states(t) {
			if in != (i == 0) {
				return errors.New("an option would not do")
			}
		}
		return nil
	}
	if len(list) != 1 {
		return errors.New("one need is expected")
	}
	need := list[0]
	for i, in := range c.states(t) {
		if want := c.breaks(n.Kind, need, t.Plugin, i); in != want {
			return fmt.Errorf("state %d of %s breaks it: %v", i, k.Plugin, want)
		}
	}
	return nil
}

// breaks reports whether state i of a plugin breaks a need.
func (c *prover) breaks(kind resolve.NodeKind, n manifest.Need, plugin, i int) bool {
	named := c.f.Plugins[plugin].Plugin == string(n.ID)
	if i == 0 {
		return kind != resolve.NodeOptional && kind != resolve.NodeConflicts
	}
	r := c.release(plugin, i-1)
	fits := named && c.in(n.Range, r) || !named && offers(r, n)
	return fits == (kind == resolve.NodeConflicts)
}

// option makes sure that an option needs its plugin in the states that serve.
func (c *prover) option(n resolve.Node) error {
	if len(n.Terms) != 2 {
		return errors.New("bad terms")
	}
	choice, by := c.f.Plugins[n.Terms[0].Plugin], n.Terms[1]
	for i, in := range c.states(n.Terms[0]) {
		if in && (i == 0 || choice.Versions[i-1] != c.f.Plugins[by.Plugin].Plugin) {
			return errors.New("another option is meant")
		}
	}
	need := needs(n.Need)
	if len(need) != 1 || !slices.ContainsFunc(needs(choice.Plugin), func(x manifest.Need) bool { return sameNeed(x, need[0]) }) {
		return fmt.Errorf("%s is no part of %s", n.Need, choice.Plugin)
	}
	for i, in := range c.states(by) {
		if in != c.breaks(resolve.NodeRequires, need[0], by.Plugin, i) {
			return fmt.Errorf("%s serves %s in other versions", c.f.Plugins[by.Plugin].Plugin, n.Need)
		}
	}
	return nil
}

// refused makes sure that a rule keeps every version in the term away.
func (c *prover) refused(n resolve.Node) error {
	if len(n.Terms) != 1 {
		return errors.New("bad terms")
	}
	t := n.Terms[0]
	for i, in := range c.states(t) {
		switch k := c.f.Plugins[t.Plugin]; {
		case !in:
		case i == 0:
			return errors.New("nothing refuses to leave a plugin out")
		case k.Options:
			id := manifest.ID(k.Versions[i-1])
			_, locked := c.p.Locked.Find(id)
			if locked || slices.ContainsFunc(c.p.Wishes, func(w resolve.Wish) bool { return w.ID == id }) {
				return fmt.Errorf("%s was asked for", id)
			}
		default:
			if r := c.release(t.Plugin, i-1); c.admitted(r.ID, r) == nil && c.consistent(r) {
				return fmt.Errorf("nothing keeps %s %s away", r.ID, r.Version)
			}
		}
	}
	return nil
}

// consistent reports whether r keeps what it requires of its own name.
func (c *prover) consistent(r *index.Release) bool {
	return !slices.ContainsFunc(r.Requires, func(n manifest.Need) bool { return n.ID == r.ID && !n.Range.HasPre(r.Version) })
}
