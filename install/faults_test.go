package install_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

func generationFile(d *install.Dir, n int) string {
	return filepath.Join(d.Path(), "generations", fmt.Sprintf("%08d.json", n))
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestTruncatedGeneration cuts the newest file at every byte, as a file system might
// that lost its end. The set before it is active then, whole, and changes go on.
func TestTruncatedGeneration(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a", "acme/b")
	commit(t, d, b, list[:1], "one")
	commit(t, d, b, list, "two")
	whole := read(t, generationFile(d, 2))
	for n := range len(whole) {
		writeFile(t, generationFile(d, 2), whole[:n])
		want := "1 acme/a"
		if n == len(whole)-1 { // only the line feed is gone
			want = "2 acme/a acme/b"
		}
		if got := active(t, d); got != want {
			t.Fatalf("%d bytes: %s", n, got)
		}
	}
	writeFile(t, generationFile(d, 2), whole[:len(whole)/2])
	if g, err := d.Rollback(t.Context(), 0); err == nil {
		t.Errorf("rolled back to %d: there is nothing before generation 1", g.From)
	}
	commit(t, d, b, list, "three")
	if got := active(t, d); got != "3 acme/a acme/b" {
		t.Error(got)
	}
	if g, err := d.Rollback(t.Context(), 0); err != nil || g.From != 1 {
		t.Errorf("roll back over a damaged generation: %+v, %v", g, err)
	}
	if _, err := d.Rollback(t.Context(), 2); !errors.Is(err, install.ErrBroken) {
		t.Errorf("roll back to a damaged generation: %v", err)
	}
}

// TestFlippedBits changes single bytes of a generation: it is read as it was meant or
// not at all, and never leads outside the folder.
func TestFlippedBits(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	commit(t, d, b, list, "one")
	whole := read(t, generationFile(d, 1))
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 1 << (i % 7)
		writeFile(t, generationFile(d, 1), bad)
		g, err := d.Generation(1)
		if err != nil {
			if !errors.Is(err, install.ErrBroken) {
				t.Fatalf("byte %d: %v", i, err)
			}
			continue
		}
		for _, r := range g.Records {
			if filepath.Dir(r.Tree) != filepath.Join(d.Path(), "trees") {
				t.Fatalf("byte %d: tree %s", i, r.Tree)
			}
		}
	}
}

// TestForeignEntries puts things that are no files where generations are. They must
// not stop anybody from using what is installed, or from changing it.
func TestForeignEntries(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"folder": func(p string) error { return os.Mkdir(p, 0o755) },
		"folder with file": func(p string) error {
			return errors.Join(os.Mkdir(p, 0o755), os.WriteFile(filepath.Join(p, "x"), nil, 0o644))
		},
		"dangling link": func(p string) error { return os.Symlink("nowhere", p) },
		"link to itself's folder": func(p string) error {
			return os.Symlink(filepath.Dir(p), p)
		},
		"huge": func(p string) error { return errors.Join(os.WriteFile(p, nil, 0o644), os.Truncate(p, 1<<30)) },
		"null": func(p string) error { return os.WriteFile(p, []byte("null"), 0o644) },
	} {
		if runtime.GOOS == "windows" && strings.Contains(name, "link") {
			continue // links need a right there
		}
		d := open(t)
		b, list := verified(t, "acme/a")
		commit(t, d, b, list, "one")
		if err := make(generationFile(d, 2)); err != nil {
			t.Fatal(err)
		}
		if got := active(t, d); got != "1 acme/a" {
			t.Errorf("%s: %s", name, got)
		}
		if h, err := d.History(); err != nil || len(h) != 1 {
			t.Errorf("%s: history %v, %v", name, h, err)
		}
		commit(t, d, b, list, "next")
		if got := active(t, d); got != "3 acme/a" {
			t.Errorf("%s: %s", name, got)
		}
		if _, err := os.Lstat(generationFile(d, 2)); err != nil {
			t.Errorf("%s: somebody's entry was removed: %v", name, err)
		}
	}
}

// TestNumbersEnd: a file with the last number must not make later changes vanish.
func TestNumbersEnd(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	commit(t, d, b, list, "one")
	for _, name := range []string{"100000000.json", "9223372036854775807.json", "99999999999999999999.json"} {
		writeFile(t, filepath.Join(d.Path(), "generations", name), []byte("{}"))
	}
	if g := commit(t, d, b, list, "two"); g.Number != 2 {
		t.Errorf("generation %d", g.Number)
	}
	writeFile(t, generationFile(d, 99_999_999), []byte("{}"))
	tx, err := d.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if g, err := tx.Commit(resolve.Lock{}, "last"); !errors.Is(err, install.ErrBroken) {
		t.Errorf("%+v, %v", g, err)
	}
	if got := active(t, d); got != "2 acme/a" {
		t.Error(got)
	}
}

// TestEverythingBroken tells the truth: what was installed is not known.
func TestEverythingBroken(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	commit(t, d, b, list, "one")
	commit(t, d, b, list, "two")
	for n := 1; n <= 2; n++ {
		writeFile(t, generationFile(d, n), []byte("{"))
	}
	if g, err := d.Active(); !errors.Is(err, install.ErrBroken) || !strings.Contains(err.Error(), "generation 1") || !strings.Contains(err.Error(), "generation 2") {
		t.Errorf("%+v, %v", g, err)
	}
	if tx, err := d.Begin(t.Context()); !errors.Is(err, install.ErrBroken) {
		t.Errorf("%v, %v", tx, err)
	}
	// Begin let the lock go: who repairs a file can go on.
	writeFile(t, generationFile(d, 1), []byte(`{"format":"plugstead.generation/1","number":1,"records":[]}`))
	commit(t, d, b, list, "three")
	if got := active(t, d); got != "3 acme/a" {
		t.Error(got)
	}
}

// TestReadersDuringChanges reads the active set all the time while it changes: every
// set is one that was committed, with all its files, and never older than the last.
func TestReadersDuringChanges(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a", "acme/b", "acme/c")
	commit(t, d, b, list[:1], "1")
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			last := 0
			for {
				g, err := d.Active()
				if err != nil || g.Number < last || len(g.Records) != (g.Number-1)%3+1 || g.Why != fmt.Sprint(g.Number) {
					t.Errorf("after %d: %+v, %v", last, g, err)
					return
				}
				last = g.Number
				for _, r := range g.Records {
					if c, err := os.ReadFile(filepath.Join(r.Tree, "m.wasm")); err != nil || !strings.Contains(string(c), string(r.ID)) {
						t.Errorf("generation %d: %s: %v", g.Number, r.ID, err)
						return
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for n := 2; n <= 15; n++ {
		commit(t, d, b, list[:(n-1)%3+1], fmt.Sprint(n))
	}
	close(done)
	wg.Wait()
	history, err := d.History()
	if err != nil || len(history) != 15 {
		t.Fatalf("%d generations, %v", len(history), err)
	}
	for i, g := range history {
		if g.Number != 15-i || g.Made.IsZero() || g.Made.After(time.Now().Add(time.Minute)) || g.From != 0 {
			t.Errorf("%d: %+v", i, g)
		}
	}
}

// TestEndedTransactions refuse everything, so that nothing is written without the lock.
func TestEndedTransactions(t *testing.T) {
	b, list := verified(t, "acme/a")
	for name, end := range map[string]func(*install.Tx) error{
		"commit": func(tx *install.Tx) error { _, err := tx.Commit(resolve.Lock{}, "one"); return err },
		"abort":  (*install.Tx).Abort,
	} {
		d := open(t)
		tx, err := d.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := end(tx); err != nil {
			t.Fatal(err)
		}
		before := active(t, d)
		if _, err := tx.Add(t.Context(), b, list[0]); !errors.Is(err, install.ErrDone) {
			t.Errorf("add after %s: %v", name, err)
		}
		if _, err := tx.Commit(resolve.Lock{}, "again"); !errors.Is(err, install.ErrDone) {
			t.Errorf("commit after %s: %v", name, err)
		}
		if err := tx.Abort(); err != nil {
			t.Errorf("abort after %s: %v", name, err)
		}
		if got := active(t, d); got != before {
			t.Errorf("after %s: %s, then %s", name, before, got)
		}
		commit(t, d, b, list, "the lock is free")
	}
}

// TestCancelledAdd ends an unpacking early and leaves no tree.
func TestCancelledAdd(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	ctx, cancel := context.WithCancel(t.Context())
	tx, err := d.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := tx.Add(ctx, b, list[0]); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "install acme/a 1.0.0") {
		t.Errorf("got %v", err)
	}
	if d.HasTree(list[0].Package().Payload.Digest) {
		t.Error("half a tree counts as there")
	}
	// The transaction is still good for another try.
	if _, err := tx.Add(t.Context(), b, list[0]); err != nil {
		t.Error(err)
	}
	if _, err := tx.Commit(resolve.Lock{}, "one"); err != nil {
		t.Error(err)
	}
	if got := active(t, d); got != "1 acme/a" {
		t.Error(got)
	}
	if _, err := d.Begin(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("begin: %v", err)
	}
}

// TestSweepLeavesOthersAlone: files of users and of other programs stay.
func TestSweepLeavesOthersAlone(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	data, err := d.DataDir("acme/a")
	if err != nil {
		t.Fatal(err)
	}
	commit(t, d, b, list, "one")
	mine := []string{filepath.Join(data, "notes.txt"), filepath.Join(data, ".tmp-mine"), filepath.Join(d.Path(), "README"), filepath.Join(d.Path(), "trees", "other"), filepath.Join(d.Path(), "generations", "notes")}
	for _, path := range mine {
		writeFile(t, path, []byte("mine"))
	}
	commit(t, d, b, nil, "nothing is installed any more")
	if _, err := d.Rollback(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for _, path := range mine {
		if got := read(t, path); string(got) != "mine" {
			t.Errorf("%s: %q", path, got)
		}
	}
	if got := active(t, d); got != "3 acme/a" {
		t.Error(got)
	}
}

// TestRollbackChain goes back and forth: each step is a generation of its own that
// says what it repeats, and the wishes come along.
func TestRollbackChain(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a", "acme/b")
	for i, n := range []int{1, 2, 0} {
		tx, err := d.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list[:n] {
			if _, err := tx.Add(t.Context(), b, v); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tx.Commit(resolve.Lock{Requests: []resolve.Wish{{ID: list[i%2].Manifest().ID}}}, "x"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		to, from int
		want     string
	}{{0, 2, "4 acme/a acme/b"}, {0, 3, "5"}, {1, 1, "6 acme/a"}, {6, 6, "7 acme/a"}, {3, 3, "8"}, {4, 4, "9 acme/a acme/b"}} {
		g, err := d.Rollback(t.Context(), c.to)
		if err != nil || g.From != c.from || g.Why != fmt.Sprintf("rollback to generation %d", c.from) {
			t.Fatalf("to %d: %+v, %v", c.to, g, err)
		}
		old, err := d.Generation(c.from)
		if err != nil || len(g.Lock.Requests) != 1 || g.Lock.Requests[0].ID != old.Lock.Requests[0].ID {
			t.Errorf("to %d: wishes %v, %v", c.to, g.Lock.Requests, err)
		}
		if got := active(t, d); got != c.want {
			t.Errorf("to %d: %s, want %s", c.to, got, c.want)
		}
	}
	for _, to := range []int{-1, 10, 99_999_999, 100_000_000} {
		if _, err := d.Rollback(t.Context(), to); !errors.Is(err, install.ErrNoGeneration) {
			t.Errorf("to %d: %v", to, err)
		}
	}
	if got := active(t, d); got != "9 acme/a acme/b" {
		t.Error(got)
	}
}

// TestOnePayloadTwoPlugins unpacks equal files once, and keeps them for both.
func TestOnePayloadTwoPlugins(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	tx, err := d.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	count := counting{b, &opened}
	for range 3 {
		r, err := tx.Add(t.Context(), count, list[0])
		if err != nil || r.Tree == "" {
			t.Fatal(err)
		}
	}
	if err := tx.Abort(); err != nil {
		t.Fatal(err)
	}
	if opened != 1 {
		t.Errorf("unpacked %d times", opened)
	}
	// What an aborted change unpacked is complete, and the next one need not do it again.
	commit(t, d, count, list, "one")
	if opened != 1 {
		t.Errorf("unpacked %d times", opened)
	}
}

type counting struct {
	artifact.Blobs
	n *int
}

func (c counting) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	*c.n++
	return c.Blobs.Open(ctx, d)
}

// TestPlacesThatAreNoFolders are refused before anything is written.
func TestPlacesThatAreNoFolders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, nil)
	if d, err := install.Open(file); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("%v, %v", d, err)
	}
	below, err := install.Open(filepath.Join(file, "below"))
	if err == nil {
		if _, err = below.Begin(t.Context()); err == nil {
			t.Error("a change below a file")
		}
	}
	d := open(t)
	if err := os.MkdirAll(d.Path(), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(d.Path(), "generations"), nil)
	if tx, err := d.Begin(t.Context()); err == nil {
		t.Errorf("%v", tx)
	}
	if _, err := d.Active(); err == nil {
		t.Error("a file in the place of the generations reads as nothing installed")
	}
	t.Chdir(t.TempDir())
	rel, err := install.Open("plugins")
	if err != nil || !filepath.IsAbs(rel.Path()) {
		t.Errorf("%v, %v", rel, err)
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) != 0 {
		t.Errorf("opening wrote %v, %v", entries, err)
	}
}

// TestDataDirs keeps the data of one plugin from another.
func TestDataDirs(t *testing.T) {
	d := open(t)
	seen := map[string]bool{}
	for _, id := range []string{"acme/a", "acme/b", "acme-a/b", "a/acme"} {
		path, err := d.DataDir(manifest.ID(id))
		if err != nil || seen[path] {
			t.Errorf("%s: %s, %v", id, path, err)
		}
		seen[path] = true
		if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", id, st, err)
		}
	}
	for _, bad := range []string{"", "acme", "acme/../x", "../acme", "acme/a/b", "Acme/a", "acme/a\x00"} {
		if path, err := d.DataDir(manifest.ID(bad)); err == nil {
			t.Errorf("%q: %s", bad, path)
		}
	}
}
