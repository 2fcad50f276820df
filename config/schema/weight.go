package schema

import "github.com/santhosh-tekuri/jsonschema/v6"

// A schema comes from strangers, and few lines of references can ask for more steps than there
// is time for: each of thirty definitions that takes the next one twice doubles them.

const (
	maxSteps = 10_000 // of a check, for each value that is checked
	maxDepth = 30     // of a configuration
)

// scale counts the steps of a check.
type scale struct {
	known map[spot]int
	open  map[spot]bool // that are being counted: a schema that is reached from itself
}

// spot is a schema for values that may be so deep.
type spot struct {
	s     *jsonschema.Schema
	depth int
}

// tooHeavy reports whether s takes more than [maxSteps].
func tooHeavy(s *jsonschema.Schema) bool {
	w := scale{map[spot]int{}, map[spot]bool{}}
	return w.steps(s, maxDepth) > maxSteps
}

// steps returns how often a schema is asked about one value, or one value in it, at most.
func (w *scale) steps(s *jsonschema.Schema, depth int) int {
	at := spot{s, depth}
	n, ok := w.known[at]
	switch {
	case s == nil:
		return 0
	case depth == 0:
		return 1
	case ok:
		return n
	case w.open[at]:
		return maxSteps + 1 // it has no end
	}
	w.open[at] = true
	n = 1
	for _, x := range here(s) {
		n += w.steps(x, depth)
		if n > maxSteps {
			break
		}
	}
	if n <= maxSteps {
		n += w.below(s, depth-1)
	}
	delete(w.open, at)
	n = min(n, maxSteps+1)
	w.known[at] = n
	return n
}

// below is steps of what s says about the values in a value. Of the properties one at most is
// about the same value.
func (w *scale) below(s *jsonschema.Schema, depth int) int {
	one, all := 0, 0
	for _, x := range s.Properties {
		one = max(one, w.steps(x, depth))
	}
	for _, x := range s.PrefixItems {
		one = max(one, w.steps(x, depth))
	}
	for _, x := range others(s) {
		all += w.steps(x, depth)
		if all > maxSteps {
			break
		}
	}
	return one + all
}

// here lists the schemas that s asks about the same value.
func here(s *jsonschema.Schema) (out []*jsonschema.Schema) {
	out = append(out, s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else)
	if s.DynamicRef != nil {
		out = append(out, s.DynamicRef.Ref)
	}
	out = append(append(append(out, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, x := range s.DependentSchemas {
		out = append(out, x)
	}
	for _, x := range s.Dependencies {
		out = append(out, schemas(x)...)
	}
	return out
}

// others lists the schemas that s asks about values in a value, but for those of properties and
// of places in lists.
func others(s *jsonschema.Schema) (out []*jsonschema.Schema) {
	out = append(out, s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems)
	for _, x := range s.PatternProperties {
		out = append(out, x)
	}
	for _, x := range []any{s.AdditionalProperties, s.Items, s.AdditionalItems} {
		out = append(out, schemas(x)...)
	}
	return out
}

// schemas are what a field of several forms holds.
func schemas(v any) []*jsonschema.Schema {
	switch x := v.(type) {
	case *jsonschema.Schema:
		return []*jsonschema.Schema{x}
	case []*jsonschema.Schema:
		return x
	}
	return nil
}
