package resolve

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Wish asks for a plugin in a range of versions.
type Wish struct {
	ID    manifest.ID   `json:"id"`
	Range version.Range `json:"range"`
	Pre   bool          `json:"pre,omitempty"` // takes pre-releases of it, whoever else needs it
	// Channel is the name of the channel that Range comes from, see [Wish.Follow]; "" if it
	// was asked for as it is. Who solves does not look at it.
	Channel string `json:"channel,omitempty"`
}

// ErrChannel says that a plugin has no channel of a name.
var ErrChannel = errors.New("no such channel")

// Follow returns w with the range of the version that its channel stands for in p. Without a
// channel it is w itself. The error wraps [ErrChannel].
func (w Wish) Follow(p *index.Plugin) (Wish, error) {
	if w.Channel == "" {
		return w, nil
	}
	r, ok := p.Channel(w.Channel)
	if !ok {
		return w, &ChannelError{w.ID, w.Channel, p.Channels}
	}
	w.Range = version.Exact(r.Version)
	return w, nil
}

// ChannelError is the [ErrChannel] of one plugin.
type ChannelError struct {
	ID   manifest.ID
	Name string
	Have []index.Channel
}

// Error names the channels that there are.
func (e *ChannelError) Error() string {
	if len(e.Have) == 0 {
		return fmt.Sprintf("%s has no channel %q, and no other", e.ID, e.Name)
	}
	var have []string
	for _, c := range e.Have {
		have = append(have, c.Name)
	}
	return fmt.Sprintf("%s has no channel %q; it has %s", e.ID, e.Name, strings.Join(have, ", "))
}

// Unwrap returns [ErrChannel].
func (e *ChannelError) Unwrap() error { return ErrChannel }

// ParseWish reads "namespace/name", "namespace/name@range" or "namespace/name@channel". The
// range of a channel is found by [Wish.Follow].
func ParseWish(s string) (Wish, error) {
	name, text, ok := strings.Cut(s, "@")
	id, err := manifest.ParseID(name)
	if err != nil {
		return Wish{}, err
	}
	w := Wish{ID: id}
	if ok {
		if w.Range, err = version.ParseRange(text); err != nil && index.CheckChannel(text) == nil {
			w.Channel, err = text, nil
		}
		if err != nil {
			return Wish{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return w, nil
}

// String returns the form that [ParseWish] reads.
func (w Wish) String() string {
	if w.Channel != "" {
		return string(w.ID) + "@" + w.Channel
	}
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

	// Methods are those of Points. The resolver does not look at them: only an artifact says
	// which a release implements.
	Methods []manifest.HostMethod `json:"methods,omitempty"`
}

func (h *Host) equal(g *Host) bool {
	return h.App == g.App && h.Version == g.Version && h.Platform == g.Platform &&
		slices.Equal(h.Points, g.Points) && slices.Equal(h.Methods, g.Methods) && slices.Equal(h.Runtimes, g.Runtimes) && slices.Equal(h.Linked, g.Linked)
}

// Policy decides which releases may be chosen. It is declared here and
// implemented by a later step.
type Policy interface {
	// Admit reports whether r may be chosen, and if not, why. locked tells that r
	// is installed already.
	Admit(id manifest.ID, r *index.Release, locked bool) (reason string, ok bool)
}

// Problem is the question to [Solve].
type Problem struct {
	Wishes []Wish
	Locked *Lock // installed set, preferred where it fits; may be nil
	// Update names plugins whose locked version is not preferred. UpdateAll does
	// so for every plugin.
	Update    []manifest.ID
	UpdateAll bool
	// Keep moves no locked plugin but those of Update, if there is a solution like
	// that; if there is none, as few others as possible move as well. A plugin moves if
	// it gets another version; one that nobody needs any more is left out.
	Keep bool

	Host      Host
	Platforms []manifest.Platform // that every chosen release must run on, besides Host.Platform
	Policy    Policy              // nil admits everything
	Rules     Rules
	Budget    Budget
	// NoSuggestions leaves out the search for names and changes that would help after a
	// failure.
	NoSuggestions bool
}

// Rules narrow down or widen what may be chosen. The zero value admits every release
// that is neither yanked nor blocked nor older than the locked one.
type Rules struct {
	AsOf      time.Time     // hides what was published later, by the time of the registry; zero: nothing
	MinAge    time.Duration // hides what is younger, unless it is installed
	Now       time.Time     // what MinAge counts from: this package has no clock
	AgeExempt []manifest.ID // plugins for which neither age rule holds

	Pins      []Pin  // the only version that may be chosen
	Excludes  []Wish // versions that may not be chosen
	Overrides []Wish // ranges that replace what other plugins require, also in any_of

	Pre       bool // takes pre-releases of every plugin
	Lowest    bool // chooses the oldest versions that fit, for testing lower bounds
	Downgrade bool // admits versions older than the locked one
	Blocked   bool // admits versions that the registry calls unsafe
	Step      Step // how far an update may go from the locked version
}

// Step is how far an update may go.
type Step string

// The steps of an update. The empty one is any step.
const (
	AnyStep Step = ""
	Minor   Step = "minor" // same major version
	Patch   Step = "patch" // same major and minor version
)

func (r *Rules) equal(q *Rules) bool {
	return r.AsOf.Equal(q.AsOf) && r.MinAge == q.MinAge && r.Now.Equal(q.Now) && slices.Equal(r.AgeExempt, q.AgeExempt) &&
		slices.Equal(r.Pins, q.Pins) && slices.EqualFunc(r.Excludes, q.Excludes, sameWish) && slices.EqualFunc(r.Overrides, q.Overrides, sameWish) &&
		r.Pre == q.Pre && r.Lowest == q.Lowest && r.Downgrade == q.Downgrade && r.Blocked == q.Blocked && r.Step == q.Step
}

func sameWish(a, b Wish) bool { return a.ID == b.ID && a.Pre == b.Pre && a.Range.Equal(b.Range) }

// Pin is a plugin that stays at one version.
type Pin struct {
	ID      manifest.ID     `json:"id"`
	Version version.Version `json:"version"`
}

// Budget bounds a solve. Zero fields mean the defaults.
type Budget struct {
	Steps   int           // decisions and conflicts; default 1,000,000
	Clauses int           // conclusions kept; default 100,000
	Plugins int           // plugins looked at; default 5,000
	Time    time.Duration // default: none but that of the context
}

// Defaults of Budget.
const (
	defaultSteps   = 1_000_000
	defaultClauses = 100_000
	defaultPlugins = 5_000
	namesPerPlugin = 20 // that a plugin may bring into the search, on average
)
