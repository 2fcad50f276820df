package guest

import (
	"encoding"
	"encoding/json"
	"math"
	"reflect"
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

// schemaOf returns the JSON schema of what [DecodeConfig] takes for a value of t. "": none
// can be written.
func schemaOf(t reflect.Type) string {
	s := typeSchema(t, 0)
	s.Draft = "https://json-schema.org/draft/2020-12/schema"
	b, err := json.Marshal(s)
	if err != nil || len(b) > maxSchema {
		return ""
	}
	return string(b)
}

var ownText = reflect.TypeFor[encoding.TextMarshaler]()

func typeSchema(t reflect.Type, depth int) *schema {
	switch {
	case depth > maxSchemaDepth:
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
		return nullable(typeSchema(t.Elem(), depth))
	case reflect.Slice, reflect.Array:
		return &schema{Type: "array", Items: typeSchema(t.Elem(), depth+1)}
	case reflect.Map:
		return &schema{Type: "object", More: typeSchema(t.Elem(), depth+1)}
	case reflect.Struct:
		s := &schema{Type: "object", Properties: map[string]*schema{}, More: false}
		s.fields(t, depth+1)
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

// fields adds the fields of a struct, those of embedded ones too.
func (s *schema) fields(t reflect.Type, depth int) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			s.fields(f.Type, depth)
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		one := typeSchema(f.Type, depth)
		if doc := f.Tag.Get("doc"); doc != "" {
			one.Description = doc
		}
		s.Properties[name] = one
		if f.Tag.Get("required") == "true" {
			s.Required = append(s.Required, name)
		}
	}
}
