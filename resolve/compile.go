package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
	"github.com/plugstead/plugstead/version"
)

// plugin is what a solver knows of one name: its document as sets. It does not depend
// on a problem, and never changes once it is loaded, the cached admissions and the role apart.
type plugin struct {
	id     manifest.ID
	number int32
	choice *choice // set if this stands for "one of several", see choice.go

	loaded    bool
	doc       *index.Plugin
	absent    error // why there is no document
	releases  []*index.Release
	versions  []version.Version // ascending, as releases
	needs     [][]*pubgrub.Need
	pre       pubgrub.Set // the pre-releases
	stable    pubgrub.Set // the others; nil if all are
	withdrawn bool        // some version is yanked or blocked
	topics    []int32     // names it offers
	ordered   bool        // some version has a need with init
	text      []string    // the versions as text, made when first asked for

	admitted [2]*admission // for everybody, and if a wish names it
	role     role
}

// role is what the problem at hand says of a plugin.
type role struct {
	wished, pre, updating bool
	locked                *Locked
}

// role returns the role of a plugin in the problem at hand, to be filled in.
func (s *Solver) role(id manifest.ID) *role {
	p := s.plugin(id)
	s.marked = append(s.marked, p)
	return &p.role
}

// need is a line of a manifest, shared by all versions that have it.
type need struct {
	pubgrub.Need
	owner  *plugin
	field  string // of the manifest: "requires", "any_of" or "conflicts"
	id     manifest.ID
	target *plugin // nil for any_of
	rng    version.Range
	anyOf  []manifest.Need
	fixed  pubgrub.Set // of a choice: states of target that break it
	said   string      // see text

	bad [2]pubgrub.Set // without and with pre-releases, made when first asked for
}

// plugin returns what stands for id, which may not be loaded yet.
func (s *Solver) plugin(id manifest.ID) *plugin {
	if p := s.byID[id]; p != nil {
		return p
	}
	p := s.newPlugin(id)
	s.byID[id] = p
	return p
}

func (s *Solver) newPlugin(id manifest.ID) *plugin {
	p := &plugin{id: id, number: int32(len(s.plugins))}
	s.plugins = append(s.plugins, p)
	return p
}

// load reads the document of p once. A name that nobody has published is no error
// here: it has no versions.
func (s *Solver) load(ctx context.Context, p *plugin) error {
	if p.loaded {
		return nil
	}
	doc, err := s.ix.Plugin(ctx, p.id)
	switch {
	case errors.Is(err, index.ErrNotFound):
		p.absent, doc = err, &index.Plugin{Header: index.Header{ID: p.id}}
	case err != nil:
		return fmt.Errorf("resolve %s: %w", p.id, err)
	case len(doc.Releases) == 0 && len(doc.Providers) == 0:
		p.absent = fmt.Errorf("%w: %s has no release", index.ErrNotFound, p.id)
	}
	p.doc, p.loaded = doc, true
	s.compile(p)
	return nil
}

// compile sorts the releases of p and gathers what they need.
func (s *Solver) compile(p *plugin) {
	n := len(p.doc.Releases)
	p.releases, p.versions = make([]*index.Release, n), make([]version.Version, n)
	for i := range p.doc.Releases {
		p.releases[i] = &p.doc.Releases[i]
	}
	slices.SortFunc(p.releases, func(a, b *index.Release) int { return a.Version.Compare(b.Version) })
	p.pre, p.needs = pubgrub.NewSet(n), make([][]*pubgrub.Need, n)
	topics, seen := map[int32]bool{}, map[string]*need{}
	for i, r := range p.releases {
		p.versions[i] = r.Version
		p.withdrawn = p.withdrawn || r.State.Yanked != nil || r.State.Blocked != nil
		if r.Version.Pre != "" {
			p.pre.Add(i)
		}
		for _, o := range r.Offers {
			topics[s.plugin(o.ID).number] = true
		}
		s.compileNeeds(p, i, seen)
	}
	if !p.pre.Empty() {
		p.stable = pubgrub.Full(n).Minus(p.pre)
	}
	for t := range topics {
		p.topics = append(p.topics, t)
	}
	slices.Sort(p.topics)
}

// compileNeeds adds version i to the needs that it has.
func (s *Solver) compileNeeds(p *plugin, i int, seen map[string]*need) {
	r := p.releases[i]
	add := func(key string, make func() *need) {
		n := seen[key]
		if n == nil {
			n = make()
			n.owner, n.From = p, pubgrub.NewSet(len(p.releases))
			s.number(n)
			seen[key] = n
		}
		if !n.From.Has(i) {
			n.From.Add(i)
			p.needs[i] = append(p.needs[i], &n.Need)
		}
	}
	for _, m := range r.Requires {
		if m.ID == p.id {
			continue // decided when the version is admitted
		}
		p.ordered = p.ordered || m.Init
		field := "requires"
		if m.Optional {
			field = "optional"
		}
		add(field+" "+string(m.ID)+" "+m.Range.String(), func() *need { return s.named(field, m) })
	}
	for _, m := range r.Conflicts {
		add("conflicts "+string(m.ID)+" "+m.Range.String(), func() *need { return s.named("conflicts", m) })
	}
	for _, list := range r.AnyOf {
		add("any_of "+anyOfText(list), func() *need { return &need{field: "any_of", anyOf: list} })
	}
}

func (s *Solver) named(field string, m manifest.Need) *need {
	n := &need{field: field, id: m.ID, target: s.plugin(m.ID), rng: m.Range}
	n.Weak, n.Topic = field != "requires", n.target.number
	return n
}

func (s *Solver) number(n *need) {
	n.ID = int32(len(s.needs))
	s.needs = append(s.needs, n)
}

// within returns the versions of p in rng.
func (p *plugin) within(rng version.Range, pre bool) pubgrub.Set {
	out := pubgrub.NewSet(len(p.versions))
	releases, named := rng.Spans(p.versions, pre || p.stable == nil)
	for _, span := range releases {
		out.AddRange(span.Lo+1, span.Hi+1)
	}
	if pre || p.stable == nil {
		return out
	}
	out = out.Minus(p.pre)
	for _, span := range named {
		for i := span.Lo; i < span.Hi; i++ {
			if p.versions[i].Pre != "" {
				out.Add(i)
			}
		}
	}
	return out
}

// breaking returns the states of p that break a need of kind field for rng.
func (p *plugin) breaking(field string, rng version.Range, pre bool) pubgrub.Set {
	in := p.within(rng, pre)
	if field == "conflicts" {
		return in
	}
	in.Invert(len(p.versions))
	if field == "optional" {
		in[0] &^= 1
	}
	return in
}

// satisfiesItself reports whether release r keeps what it requires of its own name.
func satisfiesItself(r *index.Release) bool {
	for _, m := range r.Requires {
		if m.ID == r.ID && !m.Range.HasPre(r.Version) {
			return false
		}
	}
	return true
}
