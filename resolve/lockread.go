package resolve

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/index"
)

// Limits of plugins.lock.
const (
	MaxLock     = 32 << 20 // bytes
	maxLockLine = 64 << 10 // bytes
	maxBlocks   = 10_000   // of one kind
	maxEntries  = 2000     // of one list
	maxLockText = 2048     // bytes of a text without a form of its own
)

// ParseLock reads what [Lock.Text] wrote, and nothing else but line ends with a
// carriage return: Text of the result is b again. Because of the plugins is left empty,
// see [Lock.Because]. Errors are a [*LockError]; of a text with conflict markers it wraps
// [ErrConflictMarkers], of another format [ErrLockFormat].
func ParseLock(b []byte) (*Lock, error) {
	if len(b) > MaxLock {
		return nil, &LockError{Msg: fmt.Sprintf("%d bytes, more than the limit of %d", len(b), MaxLock)}
	}
	text := strings.ReplaceAll(string(b), "\r\n", "\n")
	if n := firstMarker(text); n > 0 {
		return nil, &LockError{Line: n, Msg: ErrConflictMarkers.Error(), cause: ErrConflictMarkers}
	}
	r := &lockReader{rest: text, known: map[any]any{}}
	l := &Lock{Requests: []Wish{}, Plugins: []Locked{}}
	if err := r.lock(l); err != nil {
		return nil, err
	}
	if err := compareText(text, string(l.Text())); err != nil {
		return nil, err
	}
	if err := l.finish(); err != nil {
		return nil, err
	}
	return l, nil
}

// finish checks what is about several blocks, and fills in empty lists.
func (l *Lock) finish() error {
	roots := map[string]string{}
	for _, s := range l.Sources {
		if other, ok := roots[s.Root]; ok {
			return &LockError{Msg: fmt.Sprintf("sources %s and %s have one root", other, s.Name)}
		}
		roots[s.Root] = s.Name
	}
	for i := range l.Plugins {
		if p := &l.Plugins[i]; p.Packages == nil {
			p.Packages = []index.Package{}
		}
	}
	return nil
}

// lockReader goes through a text line by line.
type lockReader struct {
	rest string // behind the line at hand
	text string // the line at hand without its end
	line int    // its number, from 1
	err  error  // why there is no further line, if it is not the end

	known map[any]any // values that were there before, by type and text
}

// next goes to the next line and reports whether there is one.
func (r *lockReader) next() bool {
	if r.rest == "" {
		return false
	}
	text, rest, ok := strings.Cut(r.rest, "\n")
	r.line++
	switch {
	case !ok:
		r.err = r.fail("the last line does not end with a line feed")
	case len(text) > maxLockLine:
		r.err = r.fail("%d bytes, more than the limit of %d", len(text), maxLockLine)
	default:
		r.text, r.rest = text, rest
		return true
	}
	r.rest = ""
	return false
}

// fail is an error about the line at hand.
func (r *lockReader) fail(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &LockError{Line: r.line, Msg: err.Error(), cause: errors.Unwrap(err)}
}

// lock reads the whole text.
func (r *lockReader) lock(l *Lock) error {
	if err := r.head(l); err != nil {
		return err
	}
	last := 0
	for r.next() {
		i, err := r.section(last)
		if err == nil {
			err = lockSections[i].read(r, l)
		}
		if err != nil {
			return err
		}
		last = i
	}
	return r.err
}

// head reads what stands before the blocks.
func (r *lockReader) head(l *Lock) error {
	switch n, isLock := "", false; {
	case !r.next():
		return cmp.Or(r.err, error(&LockError{Msg: "empty"}))
	case r.text != lockFormat:
		if n, isLock = strings.CutPrefix(r.text, "lock = "); isLock {
			return r.fail("%w: %.40s, this program knows 1", ErrLockFormat, strconv.Quote(n))
		}
		return r.fail("%.60q, want %s", r.text, lockFormat)
	}
	return readKeys(r, "the lock", lockHead, l)
}

// section finds what the first line of a block names. last is that of the block before.
func (r *lockReader) section(last int) (int, error) {
	i := slices.IndexFunc(lockSections, func(s lockSection) bool { return r.text == "[["+s.name+"]]" })
	switch {
	case i < 0:
		return 0, r.fail("%.60q, want [[request]], [[pin]], [[override]], [[source]] or [[plugin]]", r.text)
	case i < last:
		return 0, r.fail("[[%s]] stands behind [[%s]]", lockSections[i].name, lockSections[last].name)
	}
	return i, nil
}

// readBlock reads a block behind its first line and adds it to all.
func readBlock[T any](r *lockReader, name string, all *[]T, id func(*T) string, fields []lockField[T]) error {
	if len(*all) == maxBlocks {
		return r.fail("more than %d of [[%s]]", maxBlocks, name)
	}
	start := r.line
	*all = append(*all, *new(T))
	n := len(*all) - 1
	t := &(*all)[n]
	if err := readKeys(r, "[["+name+"]]", fields, t); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	switch have, before := id(t), id(&(*all)[n-1]); {
	case have == before:
		return &LockError{Line: start, Msg: fmt.Sprintf("[[%s]] %s twice", name, have)}
	case have < before:
		return &LockError{Line: start, Msg: fmt.Sprintf("[[%s]] %s stands behind %s", name, have, before)}
	}
	return nil
}

// readKeys reads lines KEY = VALUE up to an empty line or the end.
func readKeys[T any](r *lockReader, what string, fields []lockField[T], t *T) error {
	order := keyOrder[T]{fields: fields}
	for r.next() && r.text != "" {
		name, v, ok := strings.Cut(r.text, " = ")
		if !ok {
			return r.fail("%.60q, want KEY = VALUE or an empty line", r.text)
		}
		f, err := order.take(name)
		if err != nil {
			return r.fail("%w", err)
		}
		if f.list != nil {
			if v != "[" {
				return r.fail("%s: %.60q, want [ and the entries on lines of their own", name, v)
			}
			if err := f.list(r, t); err != nil {
				return err
			}
			continue
		}
		if v, err = f.scan(r, v, t); err == nil && v != "" {
			err = fmt.Errorf("%.60q behind the value", v)
		}
		if err != nil {
			return r.fail("%s: %w", name, err)
		}
	}
	if r.err != nil {
		return r.err
	}
	if err := order.end(); err != nil {
		return r.fail("%s: %w", what, err)
	}
	return nil
}
