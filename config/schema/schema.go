// Package schema checks configurations of plugins against the schemas that they were packed
// with. It is a package of its own because programs that only run plugins do not need it.
package schema

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
)

// ErrInvalid is the class of [*Error].
var ErrInvalid = errors.New("the configuration does not fit the plugin")

// Error says what is wrong with a configuration.
type Error struct {
	ID       manifest.ID
	Problems []Problem
}

// Problem is one place that is wrong.
type Problem struct {
	At  string `json:"at,omitempty"` // keys with dots between; "": the whole
	Why string `json:"why"`
}

// Error lists every problem.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v", e.ID, ErrInvalid)
	for _, p := range e.Problems {
		b.WriteString("\n  ")
		if p.At != "" {
			b.WriteString(p.At + ": ")
		}
		b.WriteString(p.Why)
	}
	return b.String()
}

// Is reports whether target is [ErrInvalid].
func (e *Error) Is(target error) bool { return target == ErrInvalid }

// Check checks that text is a configuration for the plugin that m describes: one JSON object
// that its schema admits, where there is one, and references in place of all secrets, which
// are the places that the schema calls writeOnly. What a secret is like cannot be checked, but for its type. It
// returns an error that wraps config.ErrForm, or an [*Error].
func Check(m *manifest.Manifest, text string) error {
	object, err := config.Parse([]byte(text))
	if err != nil || m.Built == nil || m.Built.Config == "" {
		return err
	}
	s, err := compile(m.Built.Config)
	if err != nil {
		return fmt.Errorf("schema of the configuration of %s: %w", m.ID, err)
	}
	kept := secrets{at: map[string]bool{}}
	kept.find(s, object, nil)
	var found []Problem
	var invalid *jsonschema.ValidationError
	// A reference is checked as if a text stood there.
	if err := s.Validate(config.WithTexts(object)); errors.As(err, &invalid) {
		found = kept.problems(invalid, false, found)
	} else if err != nil {
		return fmt.Errorf("configuration of %s: %w", m.ID, err)
	}
	for _, path := range kept.plain {
		found = append(found, Problem{strings.Join(path, "."), "is a secret: give a reference to it, not the secret"})
	}
	if found == nil {
		return nil
	}
	slices.SortFunc(found, func(a, b Problem) int { return strings.Compare(a.At+a.Why, b.At+b.Why) })
	return &Error{m.ID, slices.Compact(found)}
}

// Valid says why text is no schema that configurations can be checked with: it is none, refers
// to something outside of it, or to itself too often.
func Valid(text string) error {
	_, err := compile(text)
	return err
}

var errHeavy = errors.New("it refers to itself too often to be checked")

// compile reads a schema, which may refer to nothing outside of it.
func compile(text string) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		return nil, err
	}
	if err := numbers(doc); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nothing{})
	const name = "plugin:config"
	if err := c.AddResource(name, doc); err != nil {
		return nil, err
	}
	s, err := c.Compile(name)
	if err == nil && tooHeavy(s) {
		return nil, errHeavy
	}
	return s, err
}

// numbers refuses numbers that take long to compute with.
func numbers(v any) (err error) {
	switch x := v.(type) {
	case json.Number:
		return strictjson.Number(x)
	case map[string]any:
		for _, one := range x {
			err = cmp.Or(err, numbers(one))
		}
	case []any:
		for _, one := range x {
			err = cmp.Or(err, numbers(one))
		}
	}
	return err
}

// nothing loads no schema: neither files nor addresses.
type nothing struct{}

func (nothing) Load(url string) (any, error) {
	return nil, fmt.Errorf("it refers to %.200q, and may refer to nothing outside", url)
}

// english words the messages of the library.
var english = message.NewPrinter(language.English)

// problems lists the causes of e that have no other cause. Of a secret only the type counts:
// what it is like is not known, and its text is not shown, nor what is below it.
func (x *secrets) problems(e *jsonschema.ValidationError, below bool, out []Problem) []Problem {
	secret := x.at[pathKey(e.InstanceLocation)]
	for i := range e.InstanceLocation {
		below = below || x.at[pathKey(e.InstanceLocation[:i])]
	}
	_, wrongType := e.ErrorKind.(*kind.Type)
	_, names := e.ErrorKind.(*kind.PropertyNames) // whose causes say a name, and not of what
	switch {
	case below:
		return out
	case len(e.Causes) > 0:
		for _, c := range e.Causes {
			out = x.problems(c, secret && names, out)
		}
		return out
	case secret && !wrongType:
		return out
	}
	return append(out, Problem{strings.Join(e.InstanceLocation, "."), e.ErrorKind.LocalizedString(english)})
}

// Value reads what somebody typed as the value of a key of the configuration of m: as the text
// that it is where the schema wants a text, otherwise as JSON if it is that.
func Value(m *manifest.Manifest, key, typed string) any {
	if m.Built != nil && m.Built.Config != "" {
		if s, err := compile(m.Built.Config); err == nil && wantsText(at(s, key)) {
			return typed
		}
	}
	if v, err := jsonschema.UnmarshalJSON(strings.NewReader(typed)); err == nil {
		return v
	}
	return typed
}

// at returns the schema of a key, or nil.
func at(s *jsonschema.Schema, key string) *jsonschema.Schema {
	for k := range strings.SplitSeq(key, ".") {
		for s != nil && s.Ref != nil { // which has an end, or the schema was refused
			s = s.Ref
		}
		if s == nil {
			return nil
		}
		next := s.Properties[k]
		if more, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && next == nil {
			next = more
		}
		s = next
	}
	return s
}

// wantsText reports whether s admits texts and nothing else but null.
func wantsText(s *jsonschema.Schema) bool {
	if s == nil || s.Types == nil {
		return false
	}
	names := slices.DeleteFunc(s.Types.ToStrings(), func(n string) bool { return n == "null" })
	return len(names) == 1 && names[0] == "string"
}
