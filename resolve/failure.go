package resolve

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// failure is a dead end of the search: why, and which chosen plugins had a part in
// it. Most are never shown, so the text is made on demand.
type failure struct {
	culprits map[manifest.ID]bool
	why      func() error
}

func (f *failure) error() error {
	if f == nil {
		return nil
	}
	return f.why()
}

// add merges a failure that choosing a version of id led to. The explanation of
// the first one stays: it is about the best candidate.
func (f *failure) add(g *failure, id manifest.ID) {
	if f.why == nil {
		f.why = g.why
	}
	for c := range g.culprits {
		if c != id {
			f.culprits[c] = true
		}
	}
}

func owners(asked []constraint) map[manifest.ID]bool {
	out := map[manifest.ID]bool{}
	for _, c := range asked {
		if c.owner != "" {
			out[c.owner] = true
		}
	}
	return out
}

// clash is the failure of a chosen plugin that a later requirement does not fit.
func (s *solver) clash(have *candidate) *failure {
	f := &failure{culprits: owners(s.asked[have.id]), why: s.explain(have.id)}
	f.culprits[have.id] = true
	return f
}

// explain remembers what is asked of a plugin now.
func (s *solver) explain(id manifest.ID) func() error {
	p, asked := s.plugins[id], slices.Clone(s.asked[id])
	return func() error { return explain(id, p, asked) }
}

// explain makes the proof for one plugin.
func explain(id manifest.ID, p *plugin, asked []constraint) error {
	e := &ConflictError{Kind: Versions, ID: id}
	for _, c := range asked {
		e.Steps = append(e.Steps, c.step(id))
		if c.exclude {
			e.Kind = Conflict
		}
	}
	relevant := slices.DeleteFunc(slices.Clone(p.refused), func(r refusal) bool { return !wanted(asked, r.version) })
	if len(relevant) > 0 {
		e.Kind = relevant[len(relevant)-1].kind
	}
	e.Steps = append(e.Steps, refusals(id, relevant)...)
	if len(relevant) == 0 {
		e.Steps = append(e.Steps, published(id, p.versions))
	}
	e.Lead = lead(id, e.Kind)
	return e
}

// wanted reports whether a version would have been what was asked for.
func wanted(asked []constraint, v version.Version) bool {
	for _, c := range asked {
		if c.rng.Has(v) == c.exclude {
			return false
		}
	}
	return true
}

func lead(id manifest.ID, k Kind) string {
	switch k {
	case HostRange:
		return fmt.Sprintf("no version of %s fits this version of the application", id)
	case Point:
		return fmt.Sprintf("no version of %s serves the extension points of the application", id)
	case Platform:
		return fmt.Sprintf("no version of %s runs on this platform", id)
	case Forbidden:
		return fmt.Sprintf("no version of %s may be chosen", id)
	case Conflict:
		return fmt.Sprintf("%s conflicts with another plugin", id)
	}
	return fmt.Sprintf("no version of %s fits everybody who needs it", id)
}

func (c constraint) step(id manifest.ID) string {
	switch {
	case c.exclude:
		return fmt.Sprintf("%s conflicts with %s %s", c.from, id, c.rng)
	case c.from == You:
		return fmt.Sprintf("you asked for %s %s", id, c.rng)
	case c.optional:
		return fmt.Sprintf("%s works with %s %s only", c.from, id, c.rng)
	}
	return fmt.Sprintf("%s requires %s %s", c.from, id, c.rng)
}

// refusals says each reason once, with the versions it holds for.
func refusals(id manifest.ID, list []refusal) []string {
	byReason := map[string][]version.Version{}
	for _, r := range list {
		byReason[r.reason] = append(byReason[r.reason], r.version)
	}
	var out []string
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		out = append(out, fmt.Sprintf("%s %s %s", id, versions(byReason[reason]), reason))
	}
	return out
}

func published(id manifest.ID, all []version.Version) string {
	if len(all) == 0 {
		return fmt.Sprintf("%s has no published version", id)
	}
	return fmt.Sprintf("published: %s %s", id, versions(all))
}

// versions lists a few versions, or the ends of many.
func versions(list []version.Version) string {
	slices.SortFunc(list, version.Version.Compare)
	if len(list) > 4 {
		return fmt.Sprintf("%s to %s", list[0], list[len(list)-1])
	}
	var s []string
	for _, v := range list {
		s = append(s, v.String())
	}
	return strings.Join(s, ", ")
}
