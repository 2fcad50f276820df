package resolve

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// readList reads entries up to the closing bracket.
func readList[V any](r *lockReader, list *[]V, v lockValue[V]) error {
	before := ""
	for r.next() && r.text != "]" {
		s, ok1 := strings.CutPrefix(r.text, "  ")
		s, ok2 := strings.CutSuffix(s, ",")
		if !ok1 || !ok2 {
			return r.fail("%.60q, want two spaces, an entry and a comma, or ]", r.text)
		}
		if len(*list) == maxEntries {
			return r.fail("more than %d entries", maxEntries)
		}
		*list = append(*list, *new(V))
		rest, err := v.scan(r, s, &(*list)[len(*list)-1])
		switch {
		case err != nil:
			return r.fail("%w", err)
		case rest != "":
			return r.fail("%.60q behind the entry", rest)
		case s == before:
			return r.fail("entry twice: %.200s", s)
		case s < before:
			return r.fail("entries are not sorted: %.200s stands behind %.200s", s, before)
		}
		before = s
	}
	switch {
	case r.err != nil:
		return r.err
	case r.text != "]":
		return r.fail("a list without its ]")
	case len(*list) == 0:
		return r.fail("a list without entries")
	}
	return nil
}

// scanTable reads { KEY = VALUE, KEY = VALUE } at the start of s.
func scanTable[T any](r *lockReader, s string, fields []lockField[T], t *T) (string, error) {
	rest, ok := strings.CutPrefix(s, "{ ")
	order := keyOrder[T]{fields: fields}
	for ok {
		name, v, found := strings.Cut(rest, " = ")
		if !found {
			break
		}
		f, err := order.take(name)
		if err != nil {
			return "", err
		}
		if rest, err = f.scan(r, v, t); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if end, closed := strings.CutPrefix(rest, " }"); closed {
			return end, order.end()
		}
		rest, ok = strings.CutPrefix(rest, ", ")
	}
	return "", errors.New("want { KEY = VALUE, KEY = VALUE }")
}

// scanRow reads [VALUE, VALUE] at the start of s.
func scanRow[V any](r *lockReader, s string, row *[]V, v lockValue[V]) (string, error) {
	rest, ok := strings.CutPrefix(s, "[")
	for ok {
		if len(*row) == maxEntries {
			return "", fmt.Errorf("more than %d entries", maxEntries)
		}
		*row = append(*row, *new(V))
		var err error
		if rest, err = v.scan(r, rest, &(*row)[len(*row)-1]); err != nil {
			return "", err
		}
		if end, closed := strings.CutPrefix(rest, "]"); closed {
			return end, nil
		}
		rest, ok = strings.CutPrefix(rest, ", ")
	}
	return "", errors.New("want [VALUE, VALUE]")
}

// keyOrder makes sure that keys are known and in order, none is there twice, and none
// is missing.
type keyOrder[T any] struct {
	fields []lockField[T]
	next   int    // the first that may follow
	seen   uint64 // bits of those that were there
}

func (o *keyOrder[T]) take(name string) (*lockField[T], error) {
	i := slices.IndexFunc(o.fields, func(f lockField[T]) bool { return f.key == name })
	switch {
	case i < 0:
		return nil, fmt.Errorf("unknown key %.60q", name)
	case o.seen>>i&1 == 1:
		return nil, fmt.Errorf("key %s twice", name)
	case i < o.next:
		return nil, fmt.Errorf("key %s stands behind %s", name, o.fields[o.next-1].key)
	}
	for _, f := range o.fields[o.next:i] {
		if f.must {
			return nil, fmt.Errorf("key %s is missing before %s", f.key, name)
		}
	}
	o.next, o.seen = i+1, o.seen|1<<i
	return &o.fields[i], nil
}

func (o *keyOrder[T]) end() error {
	for _, f := range o.fields[o.next:] {
		if f.must {
			return fmt.Errorf("key %s is missing", f.key)
		}
	}
	return nil
}
