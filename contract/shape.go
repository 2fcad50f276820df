package contract

import (
	"encoding"
	"fmt"
	"hash/fnv"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Shape describes a type as it appears in messages, in a canonical text: the same
// shape, the same text, whatever the names of the types and the order of their
// fields. The grammar stands in docs/spec/process-protocol.md.
func Shape(t reflect.Type) string { return shape(t, nil) }

func shape(t reflect.Type, above []reflect.Type) string {
	if i := slices.Index(above, t); i >= 0 {
		return "^" + strconv.Itoa(len(above)-i)
	}
	if name, ok := opaque(t); ok {
		return name
	}
	above = append(above, t)
	switch t.Kind() {
	case reflect.Pointer:
		return "?" + shape(t.Elem(), above)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[" + shape(t.Elem(), above) + "]"
	case reflect.Array:
		return strconv.Itoa(t.Len()) + "[" + shape(t.Elem(), above) + "]"
	case reflect.Map:
		return "{" + shape(t.Key(), above) + ":" + shape(t.Elem(), above) + "}"
	case reflect.Struct:
		list := structFields(t, above)
		slices.Sort(list)
		return "(" + strings.Join(list, ";") + ")"
	case reflect.Interface:
		return "any"
	}
	return t.Kind().String()
}

// structFields returns "name shape" of every field that is encoded.
func structFields(t reflect.Type, above []reflect.Type) []string {
	var out []string
	for f := range fields(t) {
		name, tagged := fieldName(f)
		embedded := indirect(f.Type)
		_, leaf := opaque(embedded)
		if f.Anonymous && !tagged && !leaf && embedded.Kind() == reflect.Struct && !slices.Contains(above, embedded) {
			out = append(out, structFields(embedded, append(above, embedded))...)
			continue
		}
		out = append(out, name+" "+shape(f.Type, above))
	}
	return out
}

// fields yields the fields that the codecs encode.
func fields(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for f := range t.Fields() {
			embedded := f.Anonymous && indirect(f.Type).Kind() == reflect.Struct
			if name, _ := fieldName(f); name == "-" || !f.IsExported() && !embedded {
				continue
			}
			if !yield(f) {
				return
			}
		}
	}
}

func indirect(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func fieldName(f reflect.StructField) (name string, tagged bool) {
	tag, ok := f.Tag.Lookup("cbor")
	if !ok {
		tag = f.Tag.Get("json")
	}
	if name, _, _ = strings.Cut(tag, ","); name != "" {
		return name, true
	}
	return f.Name, false
}

var (
	timeType = reflect.TypeFor[time.Time]()
	textType = reflect.TypeFor[encoding.TextMarshaler]()
	cborType = reflect.TypeFor[cbor.Marshaler]()
)

// opaque names the types that write themselves.
func opaque(t reflect.Type) (name string, ok bool) {
	switch {
	case t == timeType:
		return "time", true
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface:
		return "", false
	case reflect.PointerTo(t).Implements(cborType):
		return "own:" + t.String(), true
	case reflect.PointerTo(t).Implements(textType):
		return "text:" + t.String(), true
	}
	return "", false
}

// checkType refuses types that no codec can carry.
func checkType(t reflect.Type) error { return walkType(t, map[reflect.Type]bool{}) }

func walkType(t reflect.Type, seen map[reflect.Type]bool) error {
	if _, ok := opaque(t); ok || seen[t] {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Uintptr, reflect.Complex64, reflect.Complex128:
		return fmt.Errorf("type %s cannot be in a message", t)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return walkType(t.Elem(), seen)
	case reflect.Map:
		if !validKey(t.Key()) {
			return fmt.Errorf("type %s cannot be in a message: its keys are neither texts nor whole numbers", t)
		}
		return walkType(t.Elem(), seen)
	case reflect.Struct:
		for f := range fields(t) {
			if err := walkType(f.Type, seen); err != nil {
				return fmt.Errorf("field %s of %s: %w", f.Name, t, err)
			}
		}
	}
	return nil
}

func validKey(t reflect.Type) bool {
	if _, ok := opaque(t); ok {
		return t != timeType
	}
	k := t.Kind()
	return k == reflect.String || reflect.Int <= k && k <= reflect.Uint64
}

func (m *Method) hash() uint64 {
	h := fnv.New64a()
	h.Write([]byte(m.path + "\n" + strconv.Itoa(int(m.kind)) + "\n" + Shape(m.req) + "\n" + Shape(m.resp)))
	return max(h.Sum64(), 1)
}
