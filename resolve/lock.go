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
// install the same bytes again on any platform.
type Lock struct {
	Requests []Wish   `json:"requests"`
	Plugins  []Locked `json:"plugins"`
}

// Locked is one plugin of a lock.
type Locked struct {
	ID       manifest.ID           `json:"id"`
	Version  version.Version       `json:"version"`
	Digest   artifact.Digest       `json:"digest"` // of the image index
	Size     int64                 `json:"size"`   // of the image index, bytes
	Source   string                `json:"source"` // identity of where it came from
	Packages []index.Package       `json:"packages"`
	Requires []manifest.Need       `json:"requires,omitempty"`
	Because  []string              `json:"because"`
	Leaf     int64                 `json:"leaf,omitempty"`   // position in a transparency log; 0 without one
	Grants   []manifest.Capability `json:"grants,omitempty"` // what the operator allowed
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
