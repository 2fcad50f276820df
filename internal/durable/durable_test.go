package durable_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/plugstead/plugstead/internal/durable"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func onlyEntry(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != name {
		t.Fatalf("folder holds %v, want only %s", entries, name)
	}
}

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, s := range []string{"one", "two"} {
		if err := durable.WriteFile(path, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != s {
			t.Fatalf("got %q, want %q", got, s)
		}
	}
	onlyEntry(t, dir, "a")
}

func TestCreateKeepsTheFirst(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			err := durable.Create(path, bytes.Repeat([]byte{byte('a' + i)}, 1000), 0o600)
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, durable.ErrExist):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d writers won", won.Load())
	}
	b := read(t, path)
	if len(b) != 1000 || b != string(bytes.Repeat([]byte{b[0]}, 1000)) {
		t.Fatal("torn file")
	}
	onlyEntry(t, dir, "a")
}

func TestCreateFromErrorLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	broken := errors.New("broken")
	err := durable.CreateFrom(filepath.Join(dir, "a"), 0o644, func(w io.Writer) error {
		io.WriteString(w, "half")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Fatalf("left %v", entries)
	}
}

func TestModeIgnoresUmask(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := durable.WriteFile(path, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if os.PathSeparator == '/' && st.Mode().Perm() != 0o755 {
		t.Fatalf("mode %v", st.Mode())
	}
}

func TestRenameDir(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := durable.MkdirAll(filepath.Join(from, "x", "y"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := durable.SyncTree(from); err != nil {
		t.Fatal(err)
	}
	if err := durable.RenameDir(from, to); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(from, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := durable.RenameDir(from, to); !errors.Is(err, durable.ErrExist) {
		t.Fatalf("got %v, want ErrExist", err)
	}
}

func TestSweepRemovesOnlyTemporaries(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{durable.TempPrefix + "1", "kept"} {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.Sweep(dir); err != nil {
		t.Fatal(err)
	}
	onlyEntry(t, dir, "kept")
	if err := durable.Sweep(filepath.Join(dir, "absent")); err != nil {
		t.Fatal(err)
	}
}

func TestWriteFromReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, s := range []string{"one", "three"} {
		if err := durable.WriteFrom(path, 0o644, func(w io.Writer) error { _, err := io.WriteString(w, s); return err }); err != nil || read(t, path) != s {
			t.Fatalf("%s: %v", s, err)
		}
	}
	broken := errors.New("broken")
	err := durable.WriteFrom(path, 0o644, func(w io.Writer) error { io.WriteString(w, "half"); return broken })
	if !errors.Is(err, broken) || read(t, path) != "three" {
		t.Fatalf("%v, and the file is %q", err, read(t, path))
	}
	onlyEntry(t, dir, "a")
}

func TestWriteCacheReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, s := range []string{"one", "three", ""} {
		if err := durable.WriteCache(path, []byte(s), 0o600); err != nil || read(t, path) != s {
			t.Fatalf("%s: %v", s, err)
		}
	}
	onlyEntry(t, dir, "a")
	if err := durable.WriteCache(filepath.Join(dir, "none", "a"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if err := durable.WriteCache(dir, nil, 0o600); err == nil { // a folder in the way
		t.Error("a folder was replaced by a file")
	}
	onlyEntry(t, dir, "a")
}
