package remote

import (
	"errors"
	"strings"
	"sync"
	"unicode"
)

// Hint keeps, of what a plugin prints, the line that says most about its end. It is safe
// for concurrent use.
type Hint struct {
	Hide func(error) error // that of [load.Spec]; may be nil. It is not changed after first use

	mu   sync.Mutex
	line string
}

const maxHint = 300

// Note takes a line: the first that says why a program died stays, otherwise the last.
func (h *Hint) Note(line string) {
	if h.Hide != nil { // now: of what is cut off below, the rest would not be known any more
		line = h.Hide(errors.New(line)).Error()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if isReason(h.line) {
		return
	}
	h.line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' ' // the line becomes part of an error, which may be shown on a terminal
		}
		return r
	}, strings.ToValidUTF8(line[:min(len(line), maxHint)], "\uFFFD"))
}

// isReason reports whether a line says why a program died, in the words of Go or of
// languages with exceptions, for example "TypeError: x is not a function".
func isReason(line string) bool {
	word, _, _ := strings.Cut(line, ": ")
	switch word {
	case "panic", "fatal error", "runtime":
		return true
	}
	return len(word) < len(line) && !strings.Contains(word, " ") && (strings.HasSuffix(word, "Error") || strings.HasSuffix(word, "Exception"))
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
