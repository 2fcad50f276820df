package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Wish asks for a plugin in a range of versions.
type Wish struct {
	ID    manifest.ID   `json:"id"`
	Range version.Range `json:"range"`
}

// ParseWish reads "namespace/name" or "namespace/name@range".
func ParseWish(s string) (Wish, error) {
	name, text, ok := strings.Cut(s, "@")
	id, err := manifest.ParseID(name)
	if err != nil {
		return Wish{}, err
	}
	w := Wish{ID: id}
	if ok {
		if w.Range, err = version.ParseRange(text); err != nil {
			return Wish{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return w, nil
}

// String returns the form that [ParseWish] reads.
func (w Wish) String() string {
	if s := w.Range.String(); s != "" && s != "*" {
		return string(w.ID) + "@" + s
	}
	return string(w.ID)
}

// Host is what the running application offers.
type Host struct {
	App      string              `json:"app"`
	Version  version.Version     `json:"version"`
	Points   []manifest.PointRef `json:"points"` // extension points; several majors of one id are allowed
	Platform manifest.Platform   `json:"platform"`
	Runtimes []string            `json:"runtimes"`         // that the program has a driver for, the preferred one first
	Linked   []manifest.ID       `json:"linked,omitempty"` // plugins that are part of the program
}

// Policy decides which releases may be chosen. It is declared here and
// implemented by a later step.
type Policy interface {
	// Admit reports whether r may be chosen, and if not, why. locked tells that r
	// is installed already.
	Admit(id manifest.ID, r *index.Release, locked bool) (reason string, ok bool)
}

// Problem is the question to Solve.
type Problem struct {
	Wishes []Wish
	Locked *Lock // installed set, preferred where it fits; may be nil
	// Update names plugins whose locked version is not preferred. UpdateAll does
	// so for every plugin.
	Update    []manifest.ID
	UpdateAll bool
	Host      Host
	Policy    Policy // nil admits everything
	MaxSteps  int    // budget of candidates tried; default 200,000
}

// Solution is one version of every needed plugin. Choices are in start order:
// each stands behind what it requires, except within a cycle.
type Solution struct{ Choices []Choice }

// Choice is one chosen release.
type Choice struct {
	ID       manifest.ID
	Release  *index.Release
	Package  index.Package   // the payload for the host
	Document artifact.Digest // the index document this choice was made from
	Because  []string        // who asked: "you" or "namespace/name version"
}

// Requested reports whether a wish asked for this choice, not only a plugin.
func (c Choice) Requested() bool { return slices.Contains(c.Because, You) }

// You names the person who asked, in reasons.
const You = "you"

// Find returns the choice of id.
func (s *Solution) Find(id manifest.ID) (Choice, bool) {
	i := slices.IndexFunc(s.Choices, func(c Choice) bool { return c.ID == id })
	if i < 0 {
		return Choice{}, false
	}
	return s.Choices[i], true
}
