package index

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

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
