package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Error is one mistake in a manifest.
type Error struct {
	File         string
	Line, Column int    // from 1; 0: unknown
	Key          string // path of the key, dots between; may hold anything, see Error
	Msg          string
	Hint         string // what was probably meant, or ""
	cause        error
}

// Error returns file:line:column, the key, what is wrong and the hint. A key that is
// long or has characters that do not print is quoted, so the text is safe to show.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString(showKey(e.Key) + ": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		fmt.Fprintf(&b, "; did you mean %s?", e.Hint)
	}
	return b.String()
}

func showKey(k string) string {
	if len(k) > 300 || strings.ContainsFunc(k, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%.200q", k)
	}
	return k
}

// Unwrap returns what a lower level said, or nil.
func (e *Error) Unwrap() error { return e.cause }

// maxErrors is how many mistakes of one manifest are reported.
const maxErrors = 50

// Errors are the mistakes of one manifest in the order of lines, the first 50.
type Errors []*Error

// Error returns one mistake a line.
func (e Errors) Error() string {
	var lines []string
	for _, x := range e {
		lines = append(lines, x.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the mistakes.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, x := range e {
		out[i] = x
	}
	return out
}

// full reports whether looking for further mistakes is of no use.
func (e Errors) full() bool { return len(e) >= maxErrors }

// result returns the mistakes sorted, or nil if there are none.
func (e Errors) result() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return e[:min(len(e), maxErrors)]
}

// nearest returns the candidate with the fewest edits from s, if they are few.
func nearest(s string, candidates []string) string {
	best, limit := "", max(1, len(s)/3)+1
	for _, c := range candidates {
		if d := distance(s, c); d < limit {
			best, limit = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance of short texts.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
