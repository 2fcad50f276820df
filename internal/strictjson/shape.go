package strictjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"unicode"
)

// shape is what the decoder knows of the objects and arrays of one type.
type shape struct {
	fields map[string]field // by folded name; nil: not a struct
	exact  map[string]field // by name
	elem   reflect.Type     // of the elements of a map or list
}

type field struct {
	name   string
	typ    reflect.Type
	number int // among the fields of the struct
}

var (
	shapes    sync.Map // reflect.Type to *shape
	readsJSON = reflect.TypeFor[json.Unmarshaler]()
	readsText = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// shapeOf returns the shape of t, or nil if t decides itself how it is read.
func shapeOf(t reflect.Type) *shape {
	for t != nil && t.Kind() == reflect.Pointer {
		if readsItself(t) {
			return nil
		}
		t = t.Elem()
	}
	if t == nil || readsItself(t) || readsItself(reflect.PointerTo(t)) {
		return nil
	}
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := new(shape)
	switch t.Kind() {
	case reflect.Struct:
		s.fields, s.exact = map[string]field{}, map[string]field{}
		s.collect(t, map[reflect.Type]bool{})
	case reflect.Map, reflect.Slice, reflect.Array:
		s.elem = t.Elem()
	}
	shapes.Store(t, s)
	return s
}

func readsItself(t reflect.Type) bool { return t.Implements(readsJSON) || t.Implements(readsText) }

// collect adds the fields of a struct, then those of embedded structs that they do
// not hide.
func (s *shape) collect(t reflect.Type, seen map[reflect.Type]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	var embedded []reflect.Type
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case tag == "-":
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			embedded = append(embedded, inner)
		case f.IsExported():
			if name == "" {
				name = f.Name
			}
			if _, ok := s.fields[Fold(name)]; !ok {
				s.exact[name] = field{name, f.Type, len(s.fields)}
				s.fields[Fold(name)] = s.exact[name]
			}
		}
	}
	for _, e := range embedded {
		s.collect(e, seen)
	}
}

// Fold maps texts that differ only in case to one text. It goes as far as the
// decoder of the standard library, which takes the Kelvin sign for a k.
func Fold(s string) string {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < 0x80
	}
	if ascii {
		return strings.ToLower(s)
	}
	return strings.Map(foldRune, s)
}

// foldRune returns the lower case of the smallest rune that r folds to.
func foldRune(r rune) rune {
	least := r
	for x := unicode.SimpleFold(r); x != r; x = unicode.SimpleFold(x) {
		least = min(least, x)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// loneSurrogate returns the offset of a \u escape that is half a surrogate pair,
// or -1. Where b is no JSON the answer means nothing.
func loneSurrogate(b []byte) int {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		r, ok := escaped(b[i:])
		switch {
		case !ok:
			i++ // an escape of two bytes, or no JSON
		case r >= 0xdc00 && r <= 0xdfff:
			return i
		case r >= 0xd800 && r <= 0xdbff:
			low, ok := escaped(b[i+6:])
			if !ok || low < 0xdc00 || low > 0xdfff {
				return i
			}
			i += 11
		default:
			i += 5
		}
	}
	return -1
}

// escaped reads an escape like \u12ab at the start of b.
func escaped(b []byte) (r int, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 {
			return 0, false
		}
		r = r<<4 | digit
	}
	return r, true
}
