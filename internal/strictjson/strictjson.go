// Package strictjson reads JSON that somebody else wrote.
//
// The standard decoder takes the last of two equal keys, matches keys whatever
// their case and replaces half a surrogate pair, so two readers may see two
// documents in one text. Here such texts are errors, and size and depth have
// limits.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// ErrInvalid says that a text is no acceptable JSON.
var ErrInvalid = errors.New("bad JSON")

// Limits bound what is read. Zero fields take the default.
type Limits struct {
	Size         int  // bytes; default 1 MiB
	Depth        int  // of nesting; default 64
	AllowUnknown bool // keys without a field are ignored; default: refused
	RefuseNull   bool // null is an error; default: it leaves a field as it is
}

func (l Limits) withDefaults() Limits {
	if l.Size == 0 {
		l.Size = 1 << 20
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	return l
}

// Unmarshal checks b like [Check] and decodes it into v. A key that equals the
// name of a field only when case is ignored is an error, also with AllowUnknown.
// Errors wrap [ErrInvalid]; v may be half filled then.
func Unmarshal(b []byte, v any, l Limits) error {
	if err := check(b, l.withDefaults(), reflect.TypeOf(v)); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if !l.AllowUnknown {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %s", ErrInvalid, strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// Check reports whether b is one JSON value within the limits, valid Unicode, and
// free of keys that are equal or differ only in case. Errors wrap [ErrInvalid].
func Check(b []byte, l Limits) error {
	if err := check(b, l.withDefaults(), nil); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// check follows b; t is the type it will be decoded into, or nil.
func check(b []byte, l Limits, t reflect.Type) error {
	if len(b) > l.Size {
		return fmt.Errorf("%d bytes, more than the limit of %d", len(b), l.Size)
	}
	if !utf8.Valid(b) {
		return errors.New("not UTF-8")
	}
	if i := loneSurrogate(b); i >= 0 {
		return fmt.Errorf("at byte %d: half a surrogate pair", i)
	}
	c := checker{d: json.NewDecoder(bytes.NewReader(b)), limits: l, root: t}
	c.d.UseNumber()
	for {
		t, err := c.d.Token()
		if err == io.EOF {
			return c.end()
		}
		if err != nil {
			return fmt.Errorf("at byte %d: %w", c.d.InputOffset(), err)
		}
		if err := c.token(t); err != nil {
			return fmt.Errorf("at byte %d: %w", c.d.InputOffset(), err)
		}
	}
}

// checker follows the tokens of one value with a stack of its own, so that deep
// input costs memory only up to the limit.
type checker struct {
	d      *json.Decoder
	limits Limits
	root   reflect.Type
	stack  []level
	values int // at the top
}

type level struct {
	keys    map[string]string // folded key to key; nil for an array
	wantKey bool
	shape   *shape       // what is known of the type; nil: nothing
	next    reflect.Type // of the value that follows
}

func (c *checker) token(t json.Token) error {
	switch x := t.(type) {
	case json.Delim:
		if x == '}' || x == ']' {
			c.stack = c.stack[:len(c.stack)-1]
			c.valueDone()
			return nil
		}
		return c.open(x == '{')
	case string:
		if n := len(c.stack); n > 0 && c.stack[n-1].wantKey {
			c.stack[n-1].wantKey = false
			return c.stack[n-1].key(x)
		}
	case nil:
		if c.limits.RefuseNull {
			return errors.New("null")
		}
	}
	c.valueDone()
	return nil
}

func (c *checker) open(object bool) error {
	if len(c.stack) == c.limits.Depth {
		return fmt.Errorf("nested deeper than %d", c.limits.Depth)
	}
	t := c.root
	if n := len(c.stack); n > 0 {
		t = c.stack[n-1].next
	}
	l := level{shape: shapeOf(t)}
	if l.shape != nil {
		l.next = l.shape.elem
	}
	if object {
		l.keys, l.wantKey = map[string]string{}, true
	}
	c.stack = append(c.stack, l)
	return nil
}

func (l *level) key(k string) error {
	f := fold(k)
	if other, ok := l.keys[f]; ok {
		if other == k {
			return fmt.Errorf("key %.200q twice", k)
		}
		return fmt.Errorf("keys %.200q and %.200q differ only in case", other, k)
	}
	l.keys[f] = k
	if l.shape == nil || l.shape.fields == nil {
		return nil
	}
	field, ok := l.shape.fields[f]
	if ok && field.name != k {
		return fmt.Errorf("key %.200q differs only in case from %q", k, field.name)
	}
	l.next = field.typ
	return nil
}

func (c *checker) valueDone() {
	if n := len(c.stack); n > 0 {
		c.stack[n-1].wantKey = c.stack[n-1].keys != nil
		return
	}
	c.values++
}

func (c *checker) end() error {
	if len(c.stack) > 0 {
		return errors.New("unexpected end")
	}
	if c.values != 1 {
		return fmt.Errorf("%d values, want one", c.values)
	}
	return nil
}
