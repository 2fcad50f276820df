package filelock_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/internal/filelock"
)

func TestExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	a, err := filelock.TryExclusive(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := filelock.TryExclusive(path); !errors.Is(err, filelock.ErrHeld) {
		t.Fatalf("second lock: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := filelock.Exclusive(ctx, path); !errors.Is(err, filelock.ErrHeld) || !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled wait: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		l, err := filelock.Exclusive(t.Context(), path)
		if err == nil {
			err = l.Unlock()
		}
		got <- err
	}()
	if err := a.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Fatal(err)
	}
}

func TestShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	a, err := filelock.TryShared(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := filelock.TryShared(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := filelock.TryExclusive(path); !errors.Is(err, filelock.ErrHeld) {
		t.Fatalf("exclusive beside shared: %v", err)
	}
	if err := errors.Join(a.Unlock(), b.Unlock()); err != nil {
		t.Fatal(err)
	}
	c, err := filelock.TryExclusive(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Unlock(); err != nil {
		t.Fatal(err)
	}
}
