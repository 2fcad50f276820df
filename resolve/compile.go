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
	needs     [][]*pubgrub.Need // see needsOf
	own       []*need           // all that are made
	byKey     map[needKey]*need // the same, of more than a few
	asked     int               // of which version they were asked: none yet, one, or several
	pre       pubgrub.Set       // the pre-releases
	stable    pubgrub.Set       // the others; nil if all are
	withdrawn bool              // some version is yanked or blocked
	topics    []int32           // names it offers
	ordered   bool              // some version has a need with init
	text      []string          // the versions as text, made when first asked for

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
	key    needKey
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
	p.pre, p.needs, p.asked = pubgrub.NewSet(n), make([][]*pubgrub.Need, n), nobody
	for i, r := range p.releases {
		p.versions[i] = r.Version
		p.withdrawn = p.withdrawn || r.State.Yanked != nil || r.State.Blocked != nil
		p.ordered = p.ordered || slices.ContainsFunc(r.Requires, func(m manifest.Need) bool { return m.Init && m.ID != p.id })
		if r.Version.Pre != "" {
			p.pre.Add(i)
		}
		for _, o := range r.Offers {
			p.topics = append(p.topics, s.plugin(o.ID).number)
		}
	}
	if !p.pre.Empty() {
		p.stable = pubgrub.Full(n).Minus(p.pre)
	}
	slices.Sort(p.topics)
	p.topics = slices.Compact(p.topics)
}

// Values of plugin.asked that are no version.
const (
	nobody    = -1
	everybody = -2
)

// needsOf returns the needs of version v of p. Most plugins are asked for those of one
// version only: then those of the others are just looked through for the same ones.
func (s *Solver) needsOf(p *plugin, v int) []*pubgrub.Need {
	switch {
	case p.asked == nobody:
		p.asked = v
		s.makeNeeds(p, v)
		for i := range p.releases {
			p.eachNeed(i, func(k needKey, _ []manifest.Need) {
				if n := p.made(k); n != nil {
					n.From.Add(i)
				}
			})
		}
	case p.asked >= 0 && p.asked != v:
		for i := range p.releases {
			if i != p.asked {
				s.makeNeeds(p, i)
			}
		}
		p.asked = everybody
	}
	return p.needs[v]
}

// makeNeeds fills in the needs of version v of p.
func (s *Solver) makeNeeds(p *plugin, v int) {
	p.eachNeed(v, func(k needKey, lines []manifest.Need) {
		n := p.made(k)
		if n == nil {
			n = s.newNeed(p, k, lines)
		}
		if n.From.Add(v); !slices.Contains(p.needs[v], &n.Need) {
			p.needs[v] = append(p.needs[v], &n.Need)
		}
	})
}

// needKey is what makes two lines of manifests the same need.
type needKey struct {
	field string
	id    manifest.ID // of any_of: all of it as text
	rng   string
}

// eachNeed calls f for all that version i of p needs of others, with the lines that say it:
// one, or those of an any_of.
func (p *plugin) eachNeed(i int, f func(k needKey, lines []manifest.Need)) {
	r := p.releases[i]
	for j := range r.Requires {
		m := &r.Requires[j]
		if m.ID == p.id {
			continue // decided when the version is admitted
		}
		field := "requires"
		if m.Optional {
			field = "optional"
		}
		f(needKey{field, m.ID, m.Range.String()}, r.Requires[j:j+1])
	}
	for j := range r.Conflicts {
		m := &r.Conflicts[j]
		f(needKey{"conflicts", m.ID, m.Range.String()}, r.Conflicts[j:j+1])
	}
	for _, list := range r.AnyOf {
		f(needKey{"any_of", manifest.ID(anyOfText(list)), ""}, list)
	}
}

// few is up to how many needs a plugin has no map of them.
const few = 8

// made returns the need of a key if p has it already.
func (p *plugin) made(k needKey) *need {
	if p.byKey != nil {
		return p.byKey[k]
	}
	for _, n := range p.own {
		if n.key.id == k.id && n.key == k {
			return n
		}
	}
	return nil
}

func (s *Solver) newNeed(p *plugin, k needKey, lines []manifest.Need) *need {
	n := &need{field: k.field, anyOf: lines}
	if k.field != "any_of" {
		n = s.named(k.field, lines[0])
	}
	n.key, n.owner, n.From = k, p, pubgrub.NewSet(len(p.releases))
	s.number(n)
	if p.own = append(p.own, n); len(p.own) > few {
		if p.byKey == nil {
			p.byKey = map[needKey]*need{}
			for _, o := range p.own {
				p.byKey[o.key] = o
			}
		}
		p.byKey[n.key] = n
	}
	return n
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
