package remote

import (
	"strings"
	"sync"
	"unicode"
)

// Hint keeps, of what a plugin prints, the line that says most about its end. It is safe
// for concurrent use.
type Hint struct {
	mu   sync.Mutex
	line string
}

const maxHint = 300

// Note takes a line: the first that says why a Go program died stays, otherwise the last.
func (h *Hint) Note(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range []string{"panic: ", "fatal error: ", "runtime: "} {
		if strings.HasPrefix(h.line, s) {
			return
		}
	}
	h.line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' ' // the line becomes part of an error, which may be shown on a terminal
		}
		return r
	}, strings.ToValidUTF8(line[:min(len(line), maxHint)], "\uFFFD"))
}

// After returns ": " and the line, or nothing.
func (h *Hint) After() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.line == "" {
		return ""
	}
	return ": " + h.line
}
