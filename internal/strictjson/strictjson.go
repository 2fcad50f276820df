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
	"reflect"
	"strconv"
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
	if err := decode(b, v, l.AllowUnknown); err != nil {
		return fmt.Errorf("%w: %s", ErrInvalid, strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

func decode(b []byte, v any, allowUnknown bool) error {
	if allowUnknown {
		return json.Unmarshal(b, v)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// Check reports whether b is one JSON value within the limits, valid Unicode, and
// free of keys that are equal or differ only in case. Errors wrap [ErrInvalid].
func Check(b []byte, l Limits) error {
	if err := check(b, l.withDefaults(), nil); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// Number reports whether a float64 can hold n, if not exactly: it is not too large, nor so
// small that nothing of it is left. Such a number has few characters and, to who computes
// exactly, millions of digits. Errors wrap [ErrInvalid].
func Number(n json.Number) error {
	digits, _, _ := strings.Cut(strings.ToLower(string(n)), "e")
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || f == 0 && strings.ContainsAny(digits, "123456789") {
		return fmt.Errorf("%w: number %.40s is too large or too small", ErrInvalid, n)
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
	if !json.Valid(b) {
		return syntaxError(b)
	}
	c := checker{limits: l, root: t}
	return c.follow(b)
}

// syntaxError says what is wrong with b, which is no JSON.
func syntaxError(b []byte) error {
	var raw json.RawMessage
	err := json.Unmarshal(b, &raw)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("at byte %d: %w", e.Offset, err)
	}
	return err
}
