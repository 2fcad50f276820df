package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
	"github.com/plugstead/plugstead/version"
)

// choice is a need that several plugins can serve: an any_of, or a name that others
// offer. To the search it is one more package, whose versions are the options, the
// preferred one last; each option needs its plugin.
type choice struct {
	text    string          // what is needed, for people
	list    []manifest.Need // the same
	options []option
	base    pubgrub.Set
}

// option is one plugin that can serve a choice.
type option struct {
	by      *plugin
	foreign bool // offers a name of another namespace, so somebody must have asked for it
}

func anyOfText(list []manifest.Need) string {
	var parts []string
	for _, m := range list {
		parts = append(parts, Wish{ID: m.ID, Range: m.Range}.String())
	}
	return strings.Join(parts, " or ")
}

// open finds the package that a hard need asks for: the plugin it names, or a choice
// if others can serve it as well.
func (s *Solver) open(ctx context.Context, n *need) (*plugin, error) {
	list := s.replaced(n.anyOf)
	if n.target != nil {
		if err := s.load(ctx, n.target); err != nil || len(n.target.doc.Providers) == 0 {
			return n.target, err
		}
		list = []manifest.Need{{ID: n.id, Range: n.rng}}
	}
	key := s.choiceKey(list)
	if p := s.choices[key]; p != nil {
		return p, nil
	}
	p, err := s.newChoice(ctx, list)
	if err == nil {
		s.choices[key] = p
	}
	return p, err
}

// replaced returns the needs of an any_of with the ranges that overrides give them.
func (s *Solver) replaced(list []manifest.Need) []manifest.Need {
	if len(s.override) == 0 {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		if o := s.override[s.plugin(list[i].ID)]; o != nil {
			list[i].Range = o.Range
		}
	}
	return list
}

// choiceKey names a choice: the needs, and whose pre-releases are taken.
func (s *Solver) choiceKey(list []manifest.Need) string {
	var b strings.Builder
	for _, m := range list {
		fmt.Fprintf(&b, "%d %s@%s;", s.takesPre(s.plugin(m.ID)), m.ID, m.Range)
	}
	return b.String()
}

// newChoice lists the plugins that can serve one of several needs.
func (s *Solver) newChoice(ctx context.Context, list []manifest.Need) (*plugin, error) {
	p := s.newPlugin("")
	p.loaded, p.choice = true, &choice{text: anyOfText(list), list: list}
	var needs []*need
	add := func(by *plugin, bad pubgrub.Set, m manifest.Need) {
		if pubgrub.Full(len(by.versions)).Within(bad) && !s.linked[by] {
			return // no version of it serves
		}
		n := &need{field: "requires", id: m.ID, target: by, rng: m.Range, fixed: bad, owner: p}
		s.number(n)
		needs = append(needs, n)
		p.choice.options = append(p.choice.options, option{by, by.id != m.ID && by.id.Namespace() != m.ID.Namespace()})
	}
	for _, m := range list {
		named := s.plugin(m.ID)
		if s.linked[named] {
			add(named, noSet, m)
			continue
		}
		if err := s.load(ctx, named); err != nil {
			return nil, err
		}
		add(named, named.breaking("requires", m.Range, s.takesPre(named) == 1), m)
		for _, id := range slices.Sorted(slices.Values(named.doc.Providers)) {
			by := s.plugin(id)
			if s.linked[by] {
				continue // nobody knows which version of it is in the program
			}
			if err := s.load(ctx, by); err != nil {
				return nil, err
			}
			if by != named {
				add(by, by.notOffering(m.ID, m.Range), m)
			}
		}
	}
	p.choice.finish(p, needs)
	return p, nil
}

// finish turns the options round, so that the first becomes the newest "version".
func (c *choice) finish(p *plugin, needs []*need) {
	slices.Reverse(c.options)
	slices.Reverse(needs)
	size := len(needs)
	c.base = pubgrub.Full(size)
	p.versions = make([]version.Version, size)
	p.needs = make([][]*pubgrub.Need, size)
	for i, n := range needs {
		n.From = pubgrub.NewSet(size)
		n.From.Add(i)
		p.needs[i] = []*pubgrub.Need{&n.Need}
	}
}

// notOffering returns the states of p that do not offer id in rng.
func (p *plugin) notOffering(id manifest.ID, rng version.Range) pubgrub.Set {
	return pubgrub.Full(len(p.versions)).Minus(p.offering(id, rng))
}

func (p *plugin) offering(id manifest.ID, rng version.Range) pubgrub.Set {
	out := pubgrub.NewSet(len(p.versions))
	for i, r := range p.releases {
		if slices.ContainsFunc(r.Offers, func(o manifest.Offer) bool { return o.ID == id && rng.HasPre(o.Version) }) {
			out.Add(i)
		}
	}
	return out
}

// admitChoice makes the package of a choice for the problem at hand. What somebody
// asked for or has installed goes before the other options, and only it may stand in
// for a name of another namespace.
func (s *Solver) admitChoice(p *plugin) *pubgrub.Package {
	k := &pubgrub.Package{Versions: len(p.versions), Base: p.choice.base, Prefer: -1, Needs: func(v int) []*pubgrub.Need { return p.needs[v] }}
	best := 0
	for i, o := range p.choice.options {
		rank := 0
		switch {
		case s.isLocked(o.by):
			rank = 2
		case s.isWished(o.by):
			rank = 1
		case o.foreign:
			k.Base = slices.Clone(k.Base)
			k.Base[(i+1)>>6] &^= 1 << uint((i+1)&63)
			continue
		}
		if rank > 0 && rank >= best {
			k.Prefer, best = i, rank
		}
	}
	return k
}
