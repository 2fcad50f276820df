package sdktest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// witness is a test that something else than this one ends: it keeps what is reported.
type witness struct {
	testing.TB
	errors   []string
	cleanups []func()
}

func (w *witness) Errorf(format string, args ...any) {
	w.errors = append(w.errors, fmt.Sprintf(format, args...))
}

func (w *witness) Fatalf(format string, args ...any) {
	w.Errorf(format, args...)
	runtime.Goexit()
}

func (w *witness) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }

// watch runs f as a test of its own and returns what it reported.
func watch(t *testing.T, f func(t testing.TB)) string {
	t.Helper()
	w := &witness{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for len(w.cleanups) > 0 {
				last := len(w.cleanups) - 1
				c := w.cleanups[last]
				w.cleanups = w.cleanups[:last]
				c()
			}
		}()
		f(w)
	}()
	<-done
	return strings.Join(w.errors, "\n")
}
