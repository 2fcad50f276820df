package author

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatch: what is changed, made and removed is told once, what is not looked at never.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		n := 0
		write := func(name, text string) {
			path := filepath.Join(dir, filepath.FromSlash(name))
			n++
			at := time.Unix(1_000_000+int64(n), 0) // every write has a time of its own
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644), os.Chtimes(path, at, at)); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"a.go", "sub/b.go", "bin/x", ".git/c", "node_modules/d", "dist/e", "cache/CACHEDIR.TAG", "cache/f", "gone"} {
			write(name, "1")
		}
		w := &Watch{Root: root, Ignore: []string{"bin/x"}, Every: time.Second}
		if err := w.Mark(); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			do   func()
			want string // "" if nothing is told
		}{
			{do: func() { write("a.go", "2") }, want: "a.go"},
			{do: func() { write("a.go", "2") }},
			{do: func() { write("sub/b.go", "2"); write("sub/new", "1") }, want: "sub/b.go sub/new"},
			{do: func() {
				for _, name := range []string{"bin/x", ".git/c", "node_modules/d", "dist/e", "cache/f"} {
					write(name, "2")
				}
			}},
			{do: func() {
				if err := os.Remove(filepath.Join(dir, "gone")); err != nil {
					t.Fatal(err)
				}
			}, want: "gone"},
			{do: func() {
				if err := os.Chmod(filepath.Join(dir, "a.go"), 0o755); err != nil {
					t.Fatal(err)
				}
			}, want: "a.go"},
			{do: func() { write("sub/dist/e", "1") }, want: "sub/dist/e"},
		} {
			step.do()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			got, err := w.Wait(ctx)
			if s := strings.Join(got, " "); s != step.want || (s == "") != errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("told %q, %v; want %q", s, err, step.want)
			}
			cancel()
		}
	})
}

// TestWatchWaitsForRest: while a file goes on changing nothing is told, and then once.
func TestWatchWaitsForRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		w := &Watch{Root: root}
		if err := w.Mark(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		go func() {
			for i := range 10 {
				text := strings.Repeat("x", i+1)
				if err := os.WriteFile(filepath.Join(dir, "long"), []byte(text), 0o644); err != nil {
					t.Error(err)
				}
				time.Sleep(150 * time.Millisecond)
			}
		}()
		got, err := w.Wait(t.Context())
		if err != nil || len(got) != 1 || got[0] != "long" {
			t.Error(got, err)
		}
		if took := time.Since(begin); took < 9*150*time.Millisecond || took > 3*time.Second {
			t.Errorf("told after %v", took)
		}
	})
}

func TestWatchLimits(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxHashed+1), 0o644); err != nil {
		t.Fatal(err)
	}
	w := &Watch{Root: root}
	if err := w.Mark(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(big, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Wait(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("a large file with another time: %v, %v", got, err)
	}
	for i := range maxWatched {
		if err := os.Mkdir(filepath.Join(dir, "d"+string(rune('a'+i%26))+strings.Repeat("x", i/26%50)+strings.Repeat("y", i/1300)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "more than the limit") {
		t.Errorf("%v", err)
	}
}
