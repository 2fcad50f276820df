package artifact

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Facts is the part of plugin.json that a resolver needs. It holds no free text.
// Its canonical JSON is the annotation [AnnotationResolve] of an artifact and the
// first part of an index record.
type Facts struct {
	ID           manifest.ID              `json:"id"`
	Version      version.Version          `json:"version"`
	Provides     []manifest.PointRef      `json:"provides,omitempty"`
	Host         map[string]version.Range `json:"host,omitempty"`
	Requires     []manifest.Need          `json:"requires,omitempty"`
	AnyOf        [][]manifest.Need        `json:"any_of,omitempty"`
	Conflicts    []manifest.Need          `json:"conflicts,omitempty"`
	Offers       []manifest.Offer         `json:"offers,omitempty"`
	Capabilities []manifest.Capability    `json:"capabilities,omitempty"`
	State        int                      `json:"state,omitempty"`
}

// FactsOf takes the facts out of m, lists in a fixed order.
func FactsOf(m *manifest.Manifest) Facts {
	f := Facts{
		ID: m.ID, Version: m.Version, Host: maps.Clone(m.Host), State: m.State.Version,
		Provides: slices.Clone(m.Provides), Requires: slices.Clone(m.Requires),
		AnyOf: slices.Clone(m.AnyOf), Conflicts: slices.Clone(m.Conflicts),
		Offers: slices.Clone(m.Offers), Capabilities: slices.Clone(m.Capabilities),
	}
	slices.SortFunc(f.Provides, func(a, b manifest.PointRef) int { return strings.Compare(a.String(), b.String()) })
	byID := func(a, b manifest.Need) int { return strings.Compare(string(a.ID), string(b.ID)) }
	slices.SortFunc(f.Requires, byID)
	slices.SortFunc(f.Conflicts, byID)
	slices.SortFunc(f.Offers, func(a, b manifest.Offer) int { return strings.Compare(string(a.ID), string(b.ID)) })
	slices.Sort(f.Capabilities)
	return f
}

// JSON returns the canonical form: keys in the order of the fields, map keys
// sorted, no white space, no HTML escapes.
func (f Facts) JSON() ([]byte, error) { return canonical(f) }

func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// target is one runtime on one platform: what one package is for.
type target struct {
	runtime  string
	platform manifest.Platform
}

func (t target) key() string { return t.runtime + " on " + t.platform.String() }

// targets lists the packages that m asks for, in index order.
func targets(m *manifest.Manifest) []target {
	var out []target
	for _, p := range m.Runtimes.Platforms() {
		for _, rt := range m.Runtimes.Names() {
			if _, ok := m.Runtimes.Entry(rt, p); ok {
				out = append(out, target{rt, p})
			}
		}
	}
	slices.SortFunc(out, func(a, b target) int { return strings.Compare(a.key(), b.key()) })
	return out
}
