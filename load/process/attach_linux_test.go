package process

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/plugstead/plugstead/contract"
)

// TestAttachIsBusy: a plugin that takes no connections, because too many wait already, is an
// error and not waited for.
func TestAttachIsBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := socket()
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	first, err := dial(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.close()
	d := Driver{Attach: id + "=" + path}
	if _, err := d.Start(t.Context(), image(t.TempDir(), "good"), specOf(nil)); !errors.Is(err, contract.Unavailable) || !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("start: %v", err)
	}
}
