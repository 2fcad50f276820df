package author

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// maxWrote is how many lines of a plugin stand behind a check that failed: the last ones.
const maxWrote = 20

// wrote keeps the last lines that a plugin has logged or printed. It is safe for concurrent
// use.
type wrote struct {
	mu    sync.Mutex
	lines []string
}

// reset forgets them.
func (w *wrote) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = nil
}

// String returns the lines with a word before them, or nothing.
func (w *wrote) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines) == 0 {
		return ""
	}
	return "\nit wrote:\n  " + strings.Join(w.lines, "\n  ")
}

// Enabled implements slog.Handler.
func (w *wrote) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler. Attributes are left out.
func (w *wrote) Handle(_ context.Context, r slog.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines) >= maxWrote {
		w.lines = slices.Delete(w.lines, 0, 1)
	}
	w.lines = append(w.lines, r.Message)
	return nil
}

// WithAttrs implements slog.Handler.
func (w *wrote) WithAttrs([]slog.Attr) slog.Handler { return w }

// WithGroup implements slog.Handler.
func (w *wrote) WithGroup(string) slog.Handler { return w }
