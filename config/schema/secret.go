package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plugstead/plugstead/config"
)

// secrets finds the values of a configuration that are references, or that its schema calls
// writeOnly.
type secrets struct {
	at    map[string]bool // by path, keys with a zero byte between
	plain [][]string      // those that are writeOnly and written down
}

func pathKey(path []string) string { return strings.Join(path, "\x00") }

// find looks at v, to which s applies.
func (x *secrets) find(s *jsonschema.Schema, v any, path []string) {
	if s == nil || v == nil {
		return
	}
	reference := config.IsRef(v)
	if (s.WriteOnly || reference) && len(path) > 0 && !x.at[pathKey(path)] {
		x.at[pathKey(path)] = true
		if !reference {
			x.plain = append(x.plain, slices.Clone(path))
		}
	}
	for _, more := range here(s) {
		x.find(more, v, path)
	}
	if reference {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for k, one := range v {
			for _, p := range ofKey(s, k) {
				x.find(p, one, append(slices.Clip(path), k))
			}
		}
	case []any:
		for i, one := range v {
			for _, p := range ofPlace(s, i) {
				x.find(p, one, append(slices.Clip(path), fmt.Sprint(i)))
			}
		}
	}
}

// ofKey lists the schemas in s of the value at a key.
func ofKey(s *jsonschema.Schema, key string) (out []*jsonschema.Schema) {
	if p, ok := s.Properties[key]; ok {
		out = append(out, p)
	}
	for pattern, p := range s.PatternProperties {
		if pattern.MatchString(key) {
			out = append(out, p)
		}
	}
	if out == nil {
		out = append(schemas(s.AdditionalProperties), s.UnevaluatedProperties)
	}
	return out
}

// ofPlace lists the schemas in s of the element at a place in a list.
func ofPlace(s *jsonschema.Schema, i int) []*jsonschema.Schema {
	if i < len(s.PrefixItems) {
		return []*jsonschema.Schema{s.PrefixItems[i], s.Contains}
	}
	return append(append(schemas(s.Items), schemas(s.AdditionalItems)...), s.Items2020, s.Contains, s.UnevaluatedItems)
}
