package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Get returns what is at a path of keys with dots between, for example "smtp.host"; numbers
// are places in lists. An empty path is the whole.
func Get(object map[string]any, path string) (any, bool) {
	var v any = object
	if path == "" {
		return v, true
	}
	for key := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			one, ok := x[key]
			if !ok {
				return nil, false
			}
			v = one
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// Set puts value at a path of keys with dots between, and makes the objects on the way. Lists
// are set as a whole. It changes object.
func Set(object map[string]any, path string, value any) error {
	at, last, err := parent(object, path, true)
	if err == nil {
		at[last] = value
	}
	return err
}

// Unset takes away what is at a path; it is no error if nothing is. It changes object.
func Unset(object map[string]any, path string) error {
	at, last, err := parent(object, path, false)
	if at != nil {
		delete(at, last)
	}
	return err
}

// parent finds the object that holds the last key of path; nil if there is none.
func parent(object map[string]any, path string, create bool) (at map[string]any, last string, err error) {
	keys := strings.Split(path, ".")
	if slices.Contains(keys, "") || slices.Contains(keys, refKey) {
		return nil, "", fmt.Errorf("%w: %.200q: want keys with dots between", ErrForm, path)
	}
	for i, key := range keys {
		if i == len(keys)-1 {
			return object, key, nil
		}
		next, ok := object[key].(map[string]any)
		switch {
		case ok && next[refKey] == nil:
		case object[key] != nil && create:
			return nil, "", fmt.Errorf("%w: %s is no object", ErrForm, strings.Join(keys[:i+1], "."))
		case !create:
			return nil, "", nil
		default:
			next = map[string]any{}
			object[key] = next
		}
		object = next
	}
	return nil, "", nil
}
