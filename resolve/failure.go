package resolve

import (
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
)

// Failure says why a problem has no solution. Its nodes are a proof by resolution:
// docs/spec/resolve-failure.md has the form and its meaning, package certify checks
// one. A Failure is not changed after it was made.
type Failure struct {
	Kind        Kind
	ID          manifest.ID // the plugin it is about
	Lead        string      // one sentence
	Facts       []string    // who asked for what, and what there is; one line each, at most about 200
	Left        int         // facts that are left out in the middle
	Plugins     []Known     // that the nodes speak of
	Nodes       []Node      // each behind its causes; the last one has no terms
	Suggestions []Suggestion
	Searched    Stats

	leaves []leaf
	cause  error
}

// Known is the versions of a plugin at the time of the search, ascending. A choice has
// the ids of the plugins that can serve it instead, the preferred one last.
type Known struct {
	Plugin   string   `json:"plugin"` // the id, or the needs of a choice: "acme/a@^1 or acme/b"
	Versions []string `json:"versions"`
	Options  bool     `json:"options,omitempty"` // it is a choice
}

// NodeKind says what a node states.
type NodeKind string

// The kinds of nodes besides those of refusals, which are a [Kind].
const (
	NodeWish      NodeKind = "wish"      // somebody asked for a plugin
	NodeRequires  NodeKind = "requires"  // versions of a plugin need another one
	NodeOptional  NodeKind = "optional"  // need it in a range, if it is there
	NodeConflicts NodeKind = "conflicts" // exclude it
	NodeAnyOf     NodeKind = "any_of"    // need one of several
	NodeOption    NodeKind = "option"    // an option of a choice needs its plugin
	NodeDerived   NodeKind = "derived"   // follows from its causes
)

// Node states that its terms do not all hold.
type Node struct {
	Kind   NodeKind `json:"kind"`
	Terms  []Term   `json:"terms"`
	Causes []Cause  `json:"causes,omitempty"`
	By     string   `json:"by,omitempty"`     // the plugin whose manifest says so
	Need   string   `json:"need,omitempty"`   // what it says: "namespace/name@range"
	Reason string   `json:"reason,omitempty"` // of a refusal, for the newest of its versions
}

// Term says that the state of a plugin is one of some. State 0 is "absent", state i+1
// is version i of [Known].
type Term struct {
	Plugin int      `json:"plugin"` // index in Failure.Plugins
	States [][2]int `json:"states"` // half-open, ascending, not touching
	Text   string   `json:"text"`   // the same for people
}

// Cause is a step to a derived node; see docs/spec/resolve-failure.md.
type Cause struct {
	Node int `json:"node"`
	On   int `json:"on"` // index in Failure.Plugins; -1 in the first cause
}

// leaf is a statement from outside that the proof rests on.
type leaf struct {
	kind   NodeKind
	need   *need       // of a refusal: nil
	wish   int         // number of the wish, or -1
	of     *plugin     // who has the need, or whose versions are refused
	set    pubgrub.Set // versions of it
	target *plugin     // what the need asks for
	reason string
	node   int // in Failure.Nodes
}

// Error returns the lead, the facts and the suggestions, at most 12 lines.
func (f *Failure) Error() string { return f.text() }

// Unwrap returns what the index said, if the failure is about an unknown name.
func (f *Failure) Unwrap() error { return f.cause }

// failure makes the explanation of the latest search.
func (s *Solver) failure() *Failure {
	f := &Failure{Searched: s.stats()}
	f.leaves = s.build(f).leaves
	f.explain(s)
	return f
}
