// Package strictjson reads JSON that somebody else wrote.
//
// The standard decoder takes the last of two equal keys and matches keys whatever
// their case, so two readers may see two documents in one text. Here such texts
// are errors, and size and depth have limits.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// Unmarshal checks b and decodes it into v. Errors wrap [ErrInvalid].
func Unmarshal(b []byte, v any, l Limits) error {
	if err := Check(b, l); err != nil {
		return err
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

// Check reports whether b is one JSON value within the limits, valid UTF-8, and
// free of keys that are equal or differ only in case. Errors wrap [ErrInvalid].
func Check(b []byte, l Limits) error {
	if err := check(b, l.withDefaults()); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func check(b []byte, l Limits) error {
	if len(b) > l.Size {
		return fmt.Errorf("%d bytes, more than the limit of %d", len(b), l.Size)
	}
	if !utf8.Valid(b) {
		return errors.New("not UTF-8")
	}
	c := checker{d: json.NewDecoder(bytes.NewReader(b)), depth: l.Depth}
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
	depth  int
	stack  []level
	values int // at the top
}

type level struct {
	keys    map[string]string // folded key to key; nil for an array
	wantKey bool
}

func (c *checker) token(t json.Token) error {
	switch x := t.(type) {
	case json.Delim:
		if x == '}' || x == ']' {
			c.stack = c.stack[:len(c.stack)-1]
			c.valueDone()
			return nil
		}
		if len(c.stack) == c.depth {
			return fmt.Errorf("nested deeper than %d", c.depth)
		}
		l := level{}
		if x == '{' {
			l = level{keys: map[string]string{}, wantKey: true}
		}
		c.stack = append(c.stack, l)
		return nil
	case string:
		if n := len(c.stack); n > 0 && c.stack[n-1].wantKey {
			c.stack[n-1].wantKey = false
			return c.stack[n-1].key(x)
		}
	}
	c.valueDone()
	return nil
}

func (l level) key(k string) error {
	fold := strings.ToLower(strings.ToUpper(k))
	if other, ok := l.keys[fold]; ok {
		if other == k {
			return fmt.Errorf("key %.200q twice", k)
		}
		return fmt.Errorf("keys %.200q and %.200q differ only in case", other, k)
	}
	l.keys[fold] = k
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
