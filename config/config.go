// Package config handles the configurations that operators give plugins: JSON objects in which
// secrets are references.
//
// A reference is an object of one key, {"$secret": "env:NAME"} or {"$secret": "file:/PATH"}. It
// is what is stored, shown and copied; the secret is read when the plugin starts. See
// docs/reference/config.md.
package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/plugstead/plugstead/internal/strictjson"
)

// Limits of a configuration.
const (
	MaxSize  = 256 << 10 // bytes
	maxDepth = 30
)

// ErrForm says that a text is no configuration.
var ErrForm = errors.New("not a configuration")

// Parse checks that text is one JSON object without repeated keys, of at most [MaxSize]
// bytes, in which all references to secrets have their form and a float64 can hold every number,
// not exactly. Numbers come as json.Number. Errors
// wrap [ErrForm].
func Parse(text []byte) (map[string]any, error) {
	if err := strictjson.Check(text, strictjson.Limits{Size: MaxSize, Depth: maxDepth}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil || object == nil {
		return nil, fmt.Errorf("%w: want a JSON object", ErrForm)
	}
	_, err := replace(object, "", func(string, Ref) (any, error) { return "", nil })
	if err == nil && IsRef(object) {
		err = errors.New("want an object, and no secret in place of it")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	return object, nil
}

// Text writes an object in its short form, keys sorted.
func Text(object map[string]any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(object); err != nil {
		return "", err
	}
	if b.Len() > MaxSize {
		return "", fmt.Errorf("%w: %d bytes, more than the limit of %d", ErrForm, b.Len(), MaxSize)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// replace returns v with every reference replaced by what f makes of it. at is the path of v,
// keys with dots between. v is left alone.
func replace(v any, at string, f func(at string, r Ref) (any, error)) (any, error) {
	switch x := v.(type) {
	case map[string]any:
		if _, ok := x[refKey]; ok {
			r, err := refOf(x)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name(at), err)
			}
			return f(at, r)
		}
		out := make(map[string]any, len(x))
		for k, one := range x {
			var err error
			if out[k], err = replace(one, join(at, k), f); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(x))
		for i, one := range x {
			var err error
			if out[i], err = replace(one, join(at, fmt.Sprint(i)), f); err != nil {
				return nil, err
			}
		}
		return out, nil
	case json.Number:
		if err := strictjson.Number(x); err != nil { // no plugin can read it
			return nil, fmt.Errorf("%s: %w", name(at), err)
		}
	}
	return v, nil
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

func name(at string) string {
	if at == "" {
		return "the configuration"
	}
	return at
}
