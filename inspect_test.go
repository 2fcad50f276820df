package plugstead_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/filelock"
)

// TestInspectAndSweep finds what a killed change left, and removes it.
func TestInspectAndSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plugins")
	h, err := plugstead.OpenFor(t.Context(), nil, plugstead.Facts{App: "myapp"}, plugstead.Options{Dir: dir, Cache: "/cache"})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if h.Dir() != dir || h.Cache() != "/cache" {
		t.Errorf("%s, %s", h.Dir(), h.Cache())
	}
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "staging", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if x, err := h.Inspect(); err != nil || len(x.Leftovers) != 1 {
		t.Errorf("%+v, %v", x, err)
	}
	lock, err := filelock.TryExclusive(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Sweep(ctx); !errors.Is(err, install.ErrBusy) {
		t.Errorf("beside a change: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if x, err := h.Inspect(); err != nil || len(x.Leftovers) != 0 {
		t.Errorf("%+v, %v", x, err)
	}
}
