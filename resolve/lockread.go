package resolve

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Limits of plugins.lock.
const (
	MaxLock     = 32 << 20 // bytes
	maxLockLine = 64 << 10 // bytes
	maxBlocks   = 10_000   // of one kind
	maxEntries  = 2000     // of one list
	maxLockText = 2048     // bytes of a text without a form of its own
)

var (
	// ErrConflictMarkers says that a lock has conflict markers of a merge.
	// [MergeLocks] reads such a text.
	ErrConflictMarkers = errors.New("conflict markers of a merge")

	// ErrLockFormat says that a lock is of a format that this program does not know.
	ErrLockFormat = errors.New("unknown format")
)

// LockError says what is wrong with a text that should be a lock.
type LockError struct {
	Line  int // from 1; 0: it is about the whole
	Msg   string
	cause error
}

// Error returns the line and what is wrong with it.
func (e *LockError) Error() string {
	if e.Line == 0 {
		return "lock: " + e.Msg
	}
	return fmt.Sprintf("lock, line %d: %s", e.Line, e.Msg)
}

// Unwrap returns what a lower level said, or nil.
func (e *LockError) Unwrap() error { return e.cause }

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

// unquote reads a text in quotation marks at the start of s.
func unquote(s string) (text, rest string, err error) {
	if s == "" || s[0] != '"' {
		return "", "", fmt.Errorf("%.60q, want a text in quotation marks", s)
	}
	var b []byte
	from := 1
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if b == nil {
				return s[from:i], s[i+1:], nil
			}
			return string(append(b, s[from:i]...)), s[i+1:], nil
		case c < ' ' || c > '~':
			return "", "", fmt.Errorf("byte %#02x, write \\uXXXX", c)
		case c == '\\':
			b = append(b, s[from:i]...)
			r, n, err := escape(s[i+1:])
			if err != nil {
				return "", "", err
			}
			b = utf8.AppendRune(b, r)
			i += n
			from = i + 1
		}
	}
	return "", "", errors.New("a text without its end")
}

// escape reads what stands behind a backslash, n bytes.
func escape(s string) (r rune, n int, err error) {
	digits := 0
	switch {
	case strings.HasPrefix(s, `"`), strings.HasPrefix(s, `\`):
		return rune(s[0]), 1, nil
	case strings.HasPrefix(s, "u"):
		digits = 4
	case strings.HasPrefix(s, "U"):
		digits = 8
	}
	if digits == 0 || len(s) <= digits {
		return 0, 0, errors.New("an escape that is not known")
	}
	x, err := strconv.ParseUint(s[1:1+digits], 16, 32)
	if err != nil || x > unicode.MaxRune || !utf8.ValidRune(rune(x)) {
		return 0, 0, fmt.Errorf("\\%s is no character", s[:1+digits])
	}
	return rune(x), 1 + digits, nil
}

func scanNumber(_ *lockReader, s string, n *int64) (rest string, err error) {
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	if *n, err = strconv.ParseInt(s[:end], 10, 64); err != nil {
		return "", fmt.Errorf("%.40q, want a number up to 9223372036854775807", s)
	}
	return s[end:], nil
}

func scanFlag(_ *lockReader, s string, v *bool) (rest string, err error) {
	rest, *v = strings.CutPrefix(s, "true")
	if !*v {
		return "", fmt.Errorf("%.40q, want true", s)
	}
	return rest, nil
}

// checkText accepts a text that is safe to show on one line.
func checkText(s string) (string, error) {
	bad := func(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }
	switch {
	case s == "" || len(s) > maxLockText:
		return "", fmt.Errorf("%d bytes, want 1 to %d", len(s), maxLockText)
	case strings.ContainsFunc(s, bad):
		return "", fmt.Errorf("%.60q: control characters are not allowed", s)
	}
	return s, nil
}

// checkApp accepts the name of an application: of the form of one part of an id.
func checkApp(s string) (string, error) {
	if _, err := manifest.ParseID("app/" + s); err != nil {
		return "", fmt.Errorf("application %.60q: %w", s, manifest.ErrSyntax)
	}
	return s, nil
}

// parseDigest does what artifact.ParseDigest does, without making garbage of the many
// that a lock has.
func parseDigest(s string) (artifact.Digest, error) {
	hex, ok := strings.CutPrefix(s, "sha256:")
	ok = ok && len(hex) == 64
	for i := range len(hex) {
		ok = ok && (hex[i] >= '0' && hex[i] <= '9' || hex[i] >= 'a' && hex[i] <= 'f')
	}
	if !ok {
		return artifact.ParseDigest(s)
	}
	return artifact.Digest(s), nil
}

// parseOffer reads "namespace/name@version".
func parseOffer(s string) (manifest.Offer, error) {
	name, v, _ := strings.Cut(s, "@")
	id, err := manifest.ParseID(name)
	if err != nil {
		return manifest.Offer{}, err
	}
	o := manifest.Offer{ID: id}
	o.Version, err = version.Parse(v)
	return o, err
}

// parseVersion reads a version that a plugin can have.
func parseVersion(s string) (version.Version, error) {
	v, err := version.Parse(s)
	if err == nil && v.IsZero() {
		err = errors.New("0.0.0 is no version of a plugin")
	}
	return v, err
}

// compareText returns an error that names the first line that differs.
func compareText(have, want string) error {
	if have == want {
		return nil
	}
	at := 0
	for at < min(len(have), len(want)) && have[at] == want[at] {
		at++
	}
	start := strings.LastIndexByte(have[:at], '\n') + 1
	h, _, _ := strings.Cut(have[start:], "\n")
	w, _, _ := strings.Cut(want[start:], "\n")
	return &LockError{
		Line: 1 + strings.Count(have[:start], "\n"),
		Msg:  fmt.Sprintf("%.200q is not the one form, want %.200q", h, w),
	}
}
