// Package lint says what is wrong with a packed plugin, and what could be better.
//
// It is one engine for everybody: authors run it before they publish, and a registry runs
// the rules that need no payload when a version is published. It refuses what breaks a rule
// of severity [Error] and tells the publisher of the others. docs/reference/lint.md lists
// the rules.
package lint

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
)

// Severity says what a finding means.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // nobody should publish this; a registry refuses what it can see of it
	Warning Severity = "warning" // users would be better off otherwise
)

// Rule is one thing that is looked at. Its id is stable and never used for another one.
type Rule struct {
	ID       string   `json:"id"` // "L001"
	Name     string   `json:"name"`
	Severity Severity `json:"severity"`
	Payload  bool     `json:"payload"` // looks into payloads, which a registry does not open
	Reason   string   `json:"reason"`  // why it matters
	Fix      string   `json:"fix"`     // what to do

	check func(*subject) []string
}

// Finding is one place where a rule is broken.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"` // one line; it may hold text of strangers
	Fix      string   `json:"fix"`
}

// String returns rule and message.
func (f Finding) String() string { return f.Rule + " " + f.Message }

// Failed is the findings of severity [Error] as one error.
type Failed []Finding

// Error lists the findings.
func (f Failed) Error() string {
	var list []string
	for _, x := range f {
		list = append(list, x.String())
	}
	return strings.Join(list, "; ")
}

// Options are the optional properties of a run.
type Options struct {
	Payloads bool // look into the payloads, too
}

// subject is the plugin that rules look at.
type subject struct {
	*artifact.Image
	documents map[string][]byte // by file name, those that rules look into
	payloads  []payload         // with Options.Payloads
}

// Run checks the plugin im, whose parts b has, and returns what it found, by rule. It fails
// only if something cannot be read, with an error that wraps artifact.ErrDigest if bytes are
// not those that they should be.
func Run(ctx context.Context, b artifact.Blobs, im *artifact.Image, o Options) ([]Finding, error) {
	s := &subject{Image: im, documents: map[string][]byte{}}
	if doc, ok := im.Documents[im.Manifest.Config]; ok {
		raw, err := artifact.ReadBlob(ctx, b, doc.Descriptor, artifact.MaxDocument)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", im.Manifest.Config, err)
		}
		s.documents[im.Manifest.Config] = raw
	}
	if o.Payloads {
		if err := s.readPayloads(ctx, b); err != nil {
			return nil, err
		}
	}
	var out []Finding
	for _, r := range rules {
		if r.Payload && !o.Payloads {
			continue
		}
		for _, m := range r.check(s) {
			out = append(out, Finding{r.ID, r.Severity, m, r.Fix})
		}
	}
	return out, nil
}

// Errors returns the findings of severity [Error] as an error, or nil.
func Errors(list []Finding) error {
	bad := slices.DeleteFunc(slices.Clone(list), func(f Finding) bool { return f.Severity != Error })
	if len(bad) == 0 {
		return nil
	}
	return Failed(bad)
}

// Rules lists every rule, by id.
func Rules() []Rule { return slices.Clone(rules) }

// Find returns a rule by its id, in upper or lower case.
func Find(id string) (Rule, bool) {
	i := slices.IndexFunc(rules, func(r Rule) bool { return strings.EqualFold(r.ID, id) })
	if i < 0 {
		return Rule{}, false
	}
	return rules[i], true
}

// needName names a plugin in a range.
func needName(n manifest.Need) string { return fmt.Sprintf("%s %s", n.ID, n.Range) }
