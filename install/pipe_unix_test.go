//go:build unix

package install_test

import (
	"syscall"
	"testing"
)

// makePipe makes what is no file: reading it would wait for ever.
func makePipe(t *testing.T, path string) {
	t.Helper()
	must(t, syscall.Mkfifo(path, 0o600))
}
