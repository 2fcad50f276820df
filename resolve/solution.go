package resolve

import (
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

// You names the person who asked, in reasons.
const You = "you"

// Solution is one version of every needed plugin. It is not changed after it was made.
type Solution struct {
	Choices   []Choice // in the order in which they were first needed
	Wishes    []Wish
	Overrides []Wish // ranges that replaced what plugins require
	Stats     Stats
}

// Stats counts what a search did.
type Stats struct {
	Plugins   int `json:"plugins"`   // looked at
	Versions  int `json:"versions"`  // of these
	Steps     int `json:"steps"`     // decisions and conflicts
	Conflicts int `json:"conflicts"` // dead ends
}

// Choice is one chosen release.
type Choice struct {
	ID       manifest.ID
	Release  *index.Release
	Package  index.Package   // the payload for the host
	Document artifact.Digest // the index document this choice was made from; "" if Frozen
	Frozen   bool            // made from a lock; the release lacks what a lock does not keep
}

// Name returns "namespace/name version".
func (c Choice) Name() string { return fmt.Sprintf("%s %s", c.ID, c.Release.Version) }

// Find returns the choice of id.
func (s *Solution) Find(id manifest.ID) (Choice, bool) {
	i := slices.IndexFunc(s.Choices, func(c Choice) bool { return c.ID == id })
	if i < 0 {
		return Choice{}, false
	}
	return s.Choices[i], true
}

// Requested reports whether a wish, and not only another plugin, asked for id.
func (s *Solution) Requested(id manifest.ID) bool { return slices.Contains(s.Because(id), You) }

// Because returns who asked for id, sorted: [You], or "namespace/name version".
func (s *Solution) Because(id manifest.ID) []string {
	c, ok := s.Find(id)
	if !ok {
		return nil
	}
	var out []string
	if slices.ContainsFunc(s.Wishes, func(w Wish) bool { return c.serves(manifest.Need{ID: w.ID, Range: w.Range}) }) {
		out = append(out, You)
	}
	for _, by := range s.Choices {
		if by.ID != id && slices.ContainsFunc(needsOf(by.Release), func(n manifest.Need) bool { return c.serves(replaced(n, s.Overrides)) }) {
			out = append(out, by.Name())
		}
	}
	slices.Sort(out)
	return out
}

// serves reports whether c is, or offers, what n asks for.
func (c Choice) serves(n manifest.Need) bool {
	if n.ID == c.ID {
		return !n.Optional
	}
	return !n.Optional && slices.ContainsFunc(c.Release.Offers, func(o manifest.Offer) bool {
		return o.ID == n.ID && n.Range.HasPre(o.Version)
	})
}

// replaced returns n with the range that an override gives it.
func replaced(n manifest.Need, overrides []Wish) manifest.Need {
	for _, o := range overrides {
		if o.ID == n.ID {
			n.Range = o.Range
		}
	}
	return n
}

// needsOf lists what a release requires, each alternative by itself.
func needsOf(r *index.Release) []manifest.Need {
	return append(slices.Clip(r.Requires), slices.Concat(r.AnyOf...)...)
}
