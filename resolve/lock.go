package resolve

import (
	"slices"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Lock is an installed set and the wishes it answers. It holds what is needed to
// install the same bytes again on any platform. Its JSON form is a part of
// generations, its text, [Lock.Text], the project copy plugins.lock.
type Lock struct {
	App       string              `json:"app,omitempty"`       // the application it is for; "": not known
	Platforms []manifest.Platform `json:"platforms,omitempty"` // that it was made for; none: not known
	Pre       bool                `json:"pre,omitempty"`       // solved with [Rules.Pre]
	Requests  []Wish              `json:"requests"`
	Pins      []Pin               `json:"pins,omitempty"`
	Overrides []Wish              `json:"overrides,omitempty"` // ranges that replace what plugins require; Pre has no meaning
	Sources   []LockedSource      `json:"sources,omitempty"`
	Plugins   []Locked            `json:"plugins"`
}

// LockedSource is where plugins of a lock come from. A source may move, and then has
// another URL; one with another Root is another source.
type LockedSource struct {
	Name string `json:"name"`          // for people
	URL  string `json:"url,omitempty"` // where it is
	Root string `json:"root"`          // its identity, as in [Locked.Source]
}

// Locked is one plugin of a lock.
type Locked struct {
	ID        manifest.ID              `json:"id"`
	Version   version.Version          `json:"version"`
	Digest    artifact.Digest          `json:"digest"`   // of the image index
	Size      int64                    `json:"size"`     // of the image index, bytes
	Source    string                   `json:"source"`   // identity of where it came from
	Packages  []index.Package          `json:"packages"` // of all platforms of the release
	Requires  []manifest.Need          `json:"requires,omitempty"`
	AnyOf     [][]manifest.Need        `json:"any_of,omitempty"`
	Conflicts []manifest.Need          `json:"conflicts,omitempty"`
	Provides  []manifest.PointRef      `json:"provides,omitempty"`
	Offers    []manifest.Offer         `json:"offers,omitempty"`
	Host      map[string]version.Range `json:"host,omitempty"`   // application to range; none: any
	Leaf      int64                    `json:"leaf,omitempty"`   // position in a transparency log; 0 without one
	Grants    []manifest.Capability    `json:"grants,omitempty"` // what the operator allowed
}

// Locked returns the lock entry of c, which came from the source with an identity.
// Leaf and Grants are left to the caller. The lists are those of the release,
// not copies.
func (c Choice) Locked(source string) Locked {
	r := c.Release
	return Locked{
		ID: c.ID, Version: r.Version, Digest: r.Digest, Size: r.Size, Source: source, Packages: r.Packages,
		Requires: r.Requires, AnyOf: r.AnyOf, Conflicts: r.Conflicts, Provides: r.Provides, Offers: r.Offers, Host: r.Host,
	}
}

// Find returns the plugin of id. A nil lock has none.
func (l *Lock) Find(id manifest.ID) (Locked, bool) {
	if l == nil {
		return Locked{}, false
	}
	for _, p := range l.Plugins {
		if p.ID == id {
			return p, true
		}
	}
	return Locked{}, false
}

// With returns the requests of l with ws added; a wish replaces an older one for
// the same plugin. The result is sorted by id.
func (l *Lock) With(ws ...Wish) []Wish {
	var out []Wish
	if l != nil {
		out = slices.Clone(l.Requests)
	}
	for _, w := range ws {
		out = slices.DeleteFunc(out, func(x Wish) bool { return x.ID == w.ID })
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b Wish) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out
}

// Without returns the requests of l without those for ids.
func (l *Lock) Without(ids ...manifest.ID) []Wish {
	return slices.DeleteFunc(l.With(), func(w Wish) bool { return slices.Contains(ids, w.ID) })
}

// Because returns who needs the plugin of id, sorted: [You] for a request, and
// "namespace/name version" for each locked plugin that requires it, or a name that it
// offers. It is empty if nobody does, or if the plugin is not locked. A nil lock has
// nobody.
func (l *Lock) Because(id manifest.ID) []string {
	p, ok := l.Find(id)
	if !ok {
		return nil
	}
	var out []string
	if slices.ContainsFunc(l.Requests, func(w Wish) bool { return p.serves(manifest.Need{ID: w.ID, Range: w.Range}) }) {
		out = append(out, You)
	}
	for i := range l.Plugins {
		by := &l.Plugins[i]
		serves := func(n manifest.Need) bool { return p.serves(replaced(n, l.Overrides)) }
		if by.ID != id && (slices.ContainsFunc(by.Requires, serves) || slices.ContainsFunc(slices.Concat(by.AnyOf...), serves)) {
			out = append(out, by.Name())
		}
	}
	slices.Sort(out)
	return out
}

// serves reports whether p is, or offers, what n asks for.
func (p *Locked) serves(n manifest.Need) bool {
	if n.ID == p.ID {
		return !n.Optional
	}
	return !n.Optional && p.offers(n)
}

// offers reports whether p stands in for what n asks for.
func (p *Locked) offers(n manifest.Need) bool {
	return slices.ContainsFunc(p.Offers, func(o manifest.Offer) bool { return o.ID == n.ID && n.Range.HasPre(o.Version) })
}
