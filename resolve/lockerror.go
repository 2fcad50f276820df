package resolve

import (
	"errors"
	"fmt"
	"strings"
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
