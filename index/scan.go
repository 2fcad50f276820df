package index

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/plugstead/plugstead/internal/strictjson"
)

// maxDepth is how deep the JSON of a line may be nested.
const maxDepth = 16

// manyKeys is the number of unknown keys of an object from which on a map finds the
// equal ones: nobody can make the search slow.
const manyKeys = 16

// scanner reads the JSON of one line from left to right. It accepts what
// [strictjson.Unmarshal] accepts with AllowUnknown. The first error stays, and ends
// every loop: callers look at it once, at the end.
type scanner struct {
	text  string // valid UTF-8
	i     int
	depth int
	key   string // the last one, for errors
	err   error
}

func (s *scanner) fail(format string, args ...any) {
	if s.err != nil {
		return
	}
	what := fmt.Errorf(format, args...)
	s.err = fmt.Errorf("%w: at byte %d, key %.200q: %w", strictjson.ErrInvalid, s.i, s.key, what)
	s.i = len(s.text)
}

// want fails because something else than what stands here.
func (s *scanner) want(what string) {
	if s.i >= len(s.text) {
		s.fail("unexpected end, want %s", what)
		return
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.i:])
	s.fail("got %q, want %s", r, what)
}

// peek skips white space and returns the byte behind it, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.i < len(s.text); s.i++ {
		switch c := s.text[s.i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// end fails if anything but white space is left.
func (s *scanner) end() error {
	if s.peek(); s.i < len(s.text) {
		s.want("the end of the line")
	}
	return s.err
}

// word reads true, false or null.
func (s *scanner) word(w string) {
	if !strings.HasPrefix(s.text[s.i:], w) {
		s.want("a value")
		return
	}
	s.i += len(w)
}

// null reads a null if there is one.
func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.word("null")
	return true
}

// open enters an object or a list, of which c is the first byte. It returns false if
// there is none, or null.
func (s *scanner) open(c byte, what string) bool {
	switch {
	case s.null():
		return false
	case s.peek() != c:
		s.want(what)
		return false
	case s.depth == maxDepth:
		s.fail("nested deeper than %d", maxDepth)
		return false
	}
	s.i++
	s.depth++
	return true
}

func (s *scanner) close() {
	s.i++
	s.depth--
}

// element reports whether another element of a list follows those n that were read.
func (s *scanner) element(n int) bool {
	c := s.peek()
	switch {
	case s.err != nil:
		return false
	case c == ']':
		s.close()
		return false
	case n == 0:
		return true
	case c != ',':
		s.want("a comma or ]")
		return false
	}
	s.i++
	return true
}

// object is one that is being read.
type object struct {
	names []string // keys with a meaning, lower case
	key   string   // the present one
	begun bool
	at    int    // behind the name of the last known key: writers keep the order
	seen  uint64 // known keys that were there
	few   []unknown
	many  map[string]string // folded key to key
}

type unknown struct{ folded, key string }

// next reads the next key and its colon; false at the end of the object.
func (s *scanner) next(o *object) bool {
	c := s.peek()
	switch {
	case s.err != nil:
		return false
	case c == '}':
		s.close()
		return false
	case o.begun && c != ',':
		s.want("a comma or }")
		return false
	case o.begun:
		s.i++
	}
	o.begun = true
	o.key = s.str("a key")
	s.key = o.key
	if s.peek() != ':' {
		s.want("a colon")
		return false
	}
	s.i++
	s.take(o)
	return s.err == nil
}

// take fails if the key of o was there before, or differs only in case from another
// or from a known one.
func (s *scanner) take(o *object) {
	n := slices.Index(o.names[o.at:], o.key) + o.at
	if n < o.at {
		n = slices.Index(o.names[:o.at], o.key)
	}
	if n < 0 {
		s.takeUnknown(o)
		return
	}
	if o.seen&(1<<n) != 0 {
		s.fail("it is there twice")
	}
	o.seen |= 1 << n
	o.at = n + 1
}

func (s *scanner) takeUnknown(o *object) {
	f := strictjson.Fold(o.key)
	if slices.Contains(o.names, f) {
		s.fail("it differs only in case from %q", f)
		return
	}
	other, twice := o.many[f]
	if i := slices.IndexFunc(o.few, func(u unknown) bool { return u.folded == f }); i >= 0 {
		other, twice = o.few[i].key, true
	}
	switch {
	case twice && other == o.key:
		s.fail("it is there twice")
	case twice:
		s.fail("it differs only in case from %.200q", other)
	case len(o.few) < manyKeys:
		o.few = append(o.few, unknown{f, o.key})
	default:
		if o.many == nil {
			o.many = map[string]string{}
		}
		o.many[f] = o.key
	}
}

// skip reads any value and forgets it.
func (s *scanner) skip() {
	switch s.peek() {
	case '{':
		if s.open('{', "an object") {
			for o := new(object); s.next(o); {
				s.skip()
			}
		}
	case '[':
		if s.open('[', "a list") {
			for n := 0; s.element(n); n++ {
				s.skip()
			}
		}
	case '"':
		s.str("a string")
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number("a value")
	}
}

// number reads a number and returns it as it is written.
func (s *scanner) number(what string) string {
	s.peek()
	start := s.i
	if s.at('-') {
		s.i++
	}
	if s.at('0') {
		s.i++
	} else if s.digits() == 0 {
		s.want(what)
		return ""
	}
	if s.at('.') {
		s.i++
		if s.digits() == 0 {
			s.want("a digit")
		}
	}
	if s.at('e') || s.at('E') {
		s.i++
		if s.at('+') || s.at('-') {
			s.i++
		}
		if s.digits() == 0 {
			s.want("a digit")
		}
	}
	return s.text[start:s.i]
}

func (s *scanner) at(c byte) bool { return s.i < len(s.text) && s.text[s.i] == c }

func (s *scanner) digits() int {
	start := s.i
	for s.i < len(s.text) && '0' <= s.text[s.i] && s.text[s.i] <= '9' {
		s.i++
	}
	return s.i - start
}

// integer reads a whole number of so many bits, or null for 0.
func (s *scanner) integer(bits int) int64 {
	if s.null() {
		return 0
	}
	text := s.number("a whole number")
	n, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		s.fail("%.80s is no whole number that fits", text)
	}
	return n
}

// boolean reads true or false, or null for false.
func (s *scanner) boolean() bool {
	switch s.peek() {
	case 'n':
		s.word("null")
	case 't':
		s.word("true")
		return true
	default:
		s.word("false")
	}
	return false
}

// string reads a string, or null for "".
func (s *scanner) string() string {
	if s.null() {
		return ""
	}
	return s.str("a string")
}

// special are the bytes that end a string or are not themselves in it.
var special = func() (t [256]bool) {
	for c := range 0x20 {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// str reads a string. Without escapes it is a part of the text.
func (s *scanner) str(what string) string {
	if s.peek() != '"' {
		s.want(what)
		return ""
	}
	start := s.i + 1
	i := start
	for i < len(s.text) && !special[s.text[i]] {
		i++
	}
	s.i = i
	switch {
	case s.at('"'):
		s.i++
		return s.text[start:i]
	case s.at('\\'):
		return s.escaped(start)
	case i < len(s.text):
		s.want("a string without control characters")
		return ""
	}
	s.want("the end of a string")
	return ""
}

// escaped reads the rest of the string that begins at start, from the first escape on.
func (s *scanner) escaped(start int) string {
	b := []byte(s.text[start:s.i])
	for s.i < len(s.text) {
		switch c := s.text[s.i]; {
		case c == '"':
			s.i++
			return string(b)
		case c == '\\':
			b = utf8.AppendRune(b, s.escape())
		case c < 0x20:
			s.want("a string without control characters")
		default:
			b = append(b, c)
			s.i++
		}
	}
	s.want("the end of a string")
	return ""
}

// escape reads one escape, or two that are a surrogate pair.
func (s *scanner) escape() rune {
	rest := s.text[s.i:]
	if len(rest) < 2 {
		s.want("an escape")
		return 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, rest[1]); i >= 0 {
		s.i += 2
		return rune("\"\\/\b\f\n\r\t"[i])
	}
	r := hex4(rest)
	switch {
	case r < 0:
		s.fail("bad escape %.6q", rest)
	case utf16.IsSurrogate(r):
		if r = utf16.DecodeRune(r, hex4(rest[6:])); r == utf8.RuneError {
			s.fail("half a surrogate pair")
			return 0
		}
		s.i += 12
	default:
		s.i += 6
	}
	return r
}

// hex4 returns the number of an escape like \u12ab at the start of t, or -1.
func hex4(t string) rune {
	if len(t) < 6 || t[0] != '\\' || t[1] != 'u' {
		return -1
	}
	var r rune
	for i := 2; i < 6; i++ {
		switch c := t[i]; {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}
