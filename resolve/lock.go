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
	Requests  []Wish              `json:"requests"`
	Pins      []Pin               `json:"pins,omitempty"`
	Sources   []LockedSource      `json:"sources,omitempty"`
	Plugins   []Locked            `json:"plugins"`
}

// Pin keeps a plugin at a version.
type Pin struct {
	ID      manifest.ID     `json:"id"`
	Version version.Version `json:"version"`
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
	Conflicts []manifest.Need          `json:"conflicts,omitempty"`
	Provides  []manifest.PointRef      `json:"provides,omitempty"`
	Host      map[string]version.Range `json:"host,omitempty"`   // application to range; none: any
	Because   []string                 `json:"because"`          // who needs it, see [Lock.Because]; no part of plugins.lock
	Leaf      int64                    `json:"leaf,omitempty"`   // position in a transparency log; 0 without one
	Grants    []manifest.Capability    `json:"grants,omitempty"` // what the operator allowed
}

// Locked returns the lock entry of c, which came from the source with an identity.
// Leaf and Grants are left to the caller. The lists are those of the release, not
// copies.
func (c Choice) Locked(source string) Locked {
	r := c.Release
	return Locked{
		ID: c.ID, Version: r.Version, Digest: r.Digest, Size: r.Size, Source: source,
		Packages: r.Packages, Requires: r.Requires, Conflicts: r.Conflicts, Provides: r.Provides, Host: r.Host,
		Because: c.Because,
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
// "namespace/name version" for each locked plugin that requires it. It is empty if
// nobody does. A nil lock has nobody.
func (l *Lock) Because(id manifest.ID) []string {
	if l == nil {
		return nil
	}
	var out []string
	if slices.ContainsFunc(l.Requests, func(w Wish) bool { return w.ID == id }) {
		out = append(out, You)
	}
	for i := range l.Plugins {
		p := &l.Plugins[i]
		if slices.ContainsFunc(p.Requires, func(n manifest.Need) bool { return n.ID == id && !n.Optional }) {
			out = append(out, p.name())
		}
	}
	slices.Sort(out)
	return out
}

// name returns what reasons call p.
func (p *Locked) name() string { return string(p.ID) + " " + p.Version.String() }

// fillBecause sets Because of every plugin: what [Lock.Because] says, for all of them
// in one pass.
func (l *Lock) fillBecause() {
	by := make(map[manifest.ID][]string, len(l.Plugins))
	for _, w := range l.Requests {
		by[w.ID] = []string{You}
	}
	for i := range l.Plugins {
		p := &l.Plugins[i]
		name := p.name()
		for _, n := range p.Requires {
			have := by[n.ID]
			if !n.Optional && (len(have) == 0 || have[len(have)-1] != name) {
				by[n.ID] = append(have, name)
			}
		}
	}
	for i := range l.Plugins {
		p := &l.Plugins[i]
		p.Because = append([]string{}, by[p.ID]...)
		slices.Sort(p.Because)
	}
}
