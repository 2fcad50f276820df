package guest

import (
	"cmp"
	"encoding"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// maxSchema is how long a schema may be, in bytes: less than manifests hold.
const maxSchema = 200 << 10

// maxSchemaDepth is how deep types nest in a schema; what is deeper may be anything.
const maxSchemaDepth = 12

// schema is a JSON schema, draft 2020-12, of what this package writes.
type schema struct {
	Draft       string             `json:"$schema,omitempty"`
	Type        any                `json:"type,omitempty"` // a name, or two with "null"
	Description string             `json:"description,omitempty"`
	Format      string             `json:"format,omitempty"`
	WriteOnly   bool               `json:"writeOnly,omitempty"` // a secret
	Minimum     *float64           `json:"minimum,omitempty"`
	Maximum     *float64           `json:"maximum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	More        any                `json:"additionalProperties,omitempty"` // false or a schema
}

// schemaOf returns the JSON schema of what [DecodeConfig] takes for a value of t. Of a type that
// contains itself so often that this were too long it says less. "": none can be written.
func schemaOf(t reflect.Type) string {
	for depth := maxSchemaDepth; depth > 0; depth-- {
		d := describer{depth: depth, room: maxSchema / minPart}
		s := d.of(t, 0)
		if d.room < 0 {
			continue
		}
		s.Draft = "https://json-schema.org/draft/2020-12/schema"
		if b, err := json.Marshal(s); err == nil && len(b) <= maxSchema {
			return string(b)
		}
	}
	return ""
}

// minPart is how many bytes a part of a schema has at least, with its name.
const minPart = 8

// describer makes schemas of types.
type describer struct {
	depth int // what is deeper may be anything
	room  int // how many parts may come; below 0: there were more
}

var ownText = reflect.TypeFor[encoding.TextMarshaler]()

func (d *describer) of(t reflect.Type, depth int) *schema {
	switch d.room--; {
	case depth > d.depth || d.room < 0:
		return &schema{}
	case t == reflect.TypeFor[time.Duration]():
		return &schema{Type: "integer", Description: "nanoseconds"}
	case t == reflect.TypeFor[time.Time]():
		return &schema{Type: "string", Format: "date-time"}
	case t == reflect.TypeFor[Secret]():
		return &schema{Type: "string", WriteOnly: true}
	case t.Implements(ownText) || reflect.PointerTo(t).Implements(ownText):
		return &schema{Type: "string"}
	}
	switch k := t.Kind(); k {
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Float32, reflect.Float64:
		return &schema{Type: "number"}
	case reflect.Pointer:
		return nullable(d.of(t.Elem(), depth))
	case reflect.Slice, reflect.Array:
		return &schema{Type: "array", Items: d.of(t.Elem(), depth+1)}
	case reflect.Map:
		return &schema{Type: "object", More: d.of(t.Elem(), depth+1)}
	case reflect.Struct:
		s := &schema{Type: "object", Properties: map[string]*schema{}, More: false}
		d.fields(s, t, depth+1)
		return s
	}
	if t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64 {
		return wholeNumber(t)
	}
	return &schema{}
}

func nullable(s *schema) *schema {
	if name, ok := s.Type.(string); ok {
		s.Type = []string{name, "null"}
	}
	return s
}

// wholeNumber bounds what is smaller than the numbers that JSON can write exactly.
func wholeNumber(t reflect.Type) *schema {
	s := &schema{Type: "integer"}
	bits, signed := t.Bits(), t.Kind() < reflect.Uint
	switch {
	case !signed:
		s.Minimum = new(0.0)
		if bits < 53 {
			s.Maximum = new(math.Exp2(float64(bits)) - 1)
		}
	case bits < 53:
		s.Minimum, s.Maximum = new(-math.Exp2(float64(bits-1))), new(math.Exp2(float64(bits-1))-1)
	}
	return s
}

// fields adds the fields of a struct and those of embedded ones, of which the outer come first.
func (d *describer) fields(s *schema, t reflect.Type, depth int) {
	taken, seen := map[string]bool{}, map[reflect.Type]bool{t: true}
	for level := []reflect.Type{t}; len(level) > 0; {
		here, embedded := fieldsOf(level)
		for name, list := range here {
			f, ok := dominant(list)
			if taken[name] {
				continue
			}
			if taken[name] = true; !ok {
				continue
			}
			one := d.of(f.Type, depth)
			if doc := f.Tag.Get("doc"); doc != "" {
				one.Description = doc
			}
			s.Properties[name] = one
			if f.Tag.Get("required") == "true" {
				s.Required = append(s.Required, name)
			}
		}
		level = slices.DeleteFunc(embedded, func(t reflect.Type) bool { return seen[t] })
		for _, t := range level {
			seen[t] = true
		}
	}
	slices.Sort(s.Required)
}

// fieldsOf returns the fields of structs by the names that they have in a configuration, and the
// structs that are embedded there.
func fieldsOf(structs []reflect.Type) (byName map[string][]reflect.StructField, embedded []reflect.Type) {
	byName = map[string][]reflect.StructField{}
	for _, t := range structs {
		for f := range t.Fields() {
			tag := f.Tag.Get("json")
			name, _, _ := strings.Cut(tag, ",")
			inner := f.Type
			if inner.Kind() == reflect.Pointer && f.IsExported() { // others cannot be filled
				inner = inner.Elem()
			}
			switch {
			case tag == "-":
			case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
				embedded = append(embedded, inner)
			case f.IsExported():
				name = cmp.Or(name, f.Name)
				byName[name] = append(byName[name], f)
			}
		}
	}
	return byName, embedded
}

// dominant returns which of several fields of one name counts, if one does: the only one, or the
// only one that is named by its tag.
func dominant(list []reflect.StructField) (f reflect.StructField, ok bool) {
	if len(list) > 1 {
		list = slices.DeleteFunc(list, func(f reflect.StructField) bool {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			return name == ""
		})
	}
	if len(list) != 1 {
		return f, false
	}
	return list[0], true
}
