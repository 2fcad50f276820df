package index

import (
	"fmt"
	"slices"
	"strings"
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
