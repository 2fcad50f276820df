package registry

import (
	"strings"
	"unicode"
)

// Limits of the warnings in one answer.
const (
	MaxWarnings = 20
	maxWarning  = 400 // bytes of one
)

const warningPrefix = `299 - "`

// Warning returns the value of a Warning header, as OCI Distribution 1.1 has it: the text
// between quotation marks. What may not stand in a header becomes a question mark, and what
// is too long is cut.
func Warning(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	if len(text) > maxWarning {
		text = text[:maxWarning]
	}
	return warningPrefix + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// ParseWarnings reads values of Warning headers, at most [MaxWarnings] of them. What is not of
// the form, or too long, is left out: warnings are for people, and nothing depends on them.
func ParseWarnings(values []string) []string {
	var out []string
	for _, v := range values {
		text, ok := strings.CutPrefix(v, warningPrefix)
		if !ok || len(v) > 2*maxWarning+len(warningPrefix)+1 || len(out) == MaxWarnings {
			continue
		}
		if text, ok = unquote(text); ok {
			out = append(out, text)
		}
	}
	return out
}

// unquote reads the rest of a quoted string, with nothing behind it.
func unquote(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), i == len(s)-1
		case c == '\\':
			if i++; i == len(s) {
				return "", false
			}
			b.WriteByte(s[i])
		case c > unicode.MaxASCII || c < ' ':
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
