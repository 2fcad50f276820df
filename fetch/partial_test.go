package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/version"
)

func writePartial(t *testing.T, s *disk.Store, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(s.Dir(), "partial", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestUnfinishedFilesOfOthers starts with files that another program, a broken disk or
// somebody who wishes no good left. None of them may become the payload or stay in its
// way.
func TestUnfinishedFilesOfOthers(t *testing.T) {
	p := pack(t, "acme/a")
	for name, c := range map[string]struct {
		make   func(path string, right []byte) error
		ranges string
	}{
		"right":    {func(path string, right []byte) error { return os.WriteFile(path, right[:100], 0o600) }, "bytes=100-"},
		"complete": {func(path string, right []byte) error { return os.WriteFile(path, right, 0o600) }, "none"},
		"empty":    {func(path string, right []byte) error { return os.WriteFile(path, nil, 0o600) }, ""},
		"garbage": {func(path string, right []byte) error {
			return os.WriteFile(path, bytes.Repeat([]byte("x"), 100), 0o600)
		}, "bytes=100- "},
		"garbage, complete": {func(path string, right []byte) error {
			return os.WriteFile(path, bytes.Repeat([]byte("x"), len(right)), 0o600)
		}, ""},
		"too long": {func(path string, right []byte) error { return os.WriteFile(path, append(right, 'x'), 0o600) }, ""},
		"link": {func(path string, _ []byte) error {
			return os.Symlink(filepath.Join(filepath.Dir(path), "mine"), path)
		}, ""},
		"empty folder": {func(path string, _ []byte) error { return os.Mkdir(path, 0o700) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t, p)
			right, err := wholly(t, l.source(t), "acme/a", l.payload)
			if err != nil {
				t.Fatal(err)
			}
			l.asked()
			into := openStore(t)
			path := writePartial(t, into, l.payload.Digest.Hex(), nil)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := c.make(path, right); err != nil {
				t.Fatal(err)
			}
			if err := through(t, l.source(t), into, l.choices(t)); err != nil || !into.Has(l.payload) {
				t.Error(err)
			}
			l.mu.Lock()
			n := len(l.ranges)
			l.mu.Unlock()
			got := l.asked()
			if n == 0 {
				got = "none"
			}
			if got != c.ranges || len(unfinished(t, into)) != 0 {
				t.Errorf("asked for %q, left %v", got, unfinished(t, into))
			}
		})
	}
}

// TestFolderInThePlaceOfAFile is an error, and what lies in the folder stays.
func TestFolderInThePlaceOfAFile(t *testing.T) {
	l := newLine(t, pack(t, "acme/a"))
	into := openStore(t)
	mine := writePartial(t, into, "x", nil)
	dir := filepath.Join(into.Dir(), "partial", l.payload.Digest.Hex())
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(mine, filepath.Join(dir, "mine")); err != nil {
		t.Fatal(err)
	}
	if err := through(t, l.source(t), into, l.choices(t)); err == nil || into.Has(l.payload) || l.asked() != "" {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "mine")); err != nil {
		t.Error(err)
	}
}

// TestSeveralShareADownload asks for one payload from several stores over one folder at
// one time, as several processes do: its bytes come once.
func TestSeveralShareADownload(t *testing.T) {
	l := newLine(t, pack(t, "acme/a"), cut(1000), cut(1000), cut(1000))
	dir := t.TempDir()
	list := l.choices(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	fetched := 0
	for range 6 {
		wg.Go(func() {
			into, err := disk.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			_, err = fetch.Fetch(t.Context(), fetch.Sources{Default: l.source(t)}, into, list, fetch.Options{Memory: 1, Retry: atOnce, Events: fetch.Events{Fetched: func(p fetch.Progress) {
				mu.Lock()
				defer mu.Unlock()
				if !p.Cached {
					fetched++
				}
				if p.Done != p.Size {
					t.Errorf("%d of %d bytes", p.Done, p.Size)
				}
			}}})
			if err != nil || !into.Has(l.payload) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := l.asked(); got != " bytes=1000- bytes=2000- bytes=3000-" || fetched != 1 {
		t.Errorf("asked for %q, fetched %d times", got, fetched)
	}
}

// TestWaitingForAnotherProcess ends with ctx.
func TestWaitingForAnotherProcess(t *testing.T) {
	l := newLine(t, pack(t, "acme/a"))
	into := openStore(t)
	lock, err := filelock.TryExclusive(writePartial(t, into, l.payload.Digest.Hex()+".lock", nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	list := l.choices(t)
	if _, err := fetch.Fetch(ctx, fetch.Sources{Default: l.source(t)}, into, list, fetch.Options{Memory: 1}); !errors.Is(err, context.DeadlineExceeded) || l.asked() != "" {
		t.Error(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := through(t, l.source(t), into, list); err != nil || len(unfinished(t, into)) != 0 {
		t.Errorf("%v, left %v", err, unfinished(t, into))
	}
}

func TestSweep(t *testing.T) {
	l := newLine(t, pack(t, "acme/a"))
	into := openStore(t)
	hex := func(i int) string { return strings.Repeat(fmt.Sprint(i), 64) }
	old := time.Now().Add(-fetch.PartialAge - time.Hour)
	for i, age := range []time.Time{old, time.Now().Add(-fetch.PartialAge + time.Hour), old, old} {
		if err := os.Chtimes(writePartial(t, into, hex(i), []byte("some")), age, age); err != nil {
			t.Fatal(err)
		}
	}
	held, err := filelock.TryExclusive(writePartial(t, into, hex(2)+".lock", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Unlock()
	writePartial(t, into, hex(3)+".lock", nil) // of a process that was killed
	writePartial(t, into, hex(4)+".lock", nil)
	for _, foreign := range []string{"README", "aa"} {
		if err := os.Chtimes(writePartial(t, into, foreign, nil), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := through(t, l.source(t), into, l.choices(t)); err != nil {
		t.Fatal(err)
	}
	want := []string{hex(1), hex(2), hex(2) + ".lock", "README", "aa", ".lock"}
	entries, err := os.ReadDir(filepath.Join(into.Dir(), "partial"))
	if err != nil || len(entries) != len(want) {
		t.Errorf("left %v, %v", entries, err)
	}
	for _, name := range want {
		if _, err := os.Stat(filepath.Join(into.Dir(), "partial", name)); err != nil {
			t.Error(err)
		}
	}
}

// envFetch makes the test program a process that fetches: address and folder.
const envFetch = "PLUGSTEAD_TEST_FETCH"

func TestMain(m *testing.M) {
	job := os.Getenv(envFetch)
	if job == "" {
		os.Exit(m.Run())
	}
	if err := fetchAt(strings.Split(job, "|")); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func fetchAt(job []string) error {
	c, err := client.New(job[0], client.Options{})
	if err != nil {
		return err
	}
	into, err := disk.OpenCache(job[1])
	if err != nil {
		return err
	}
	p := resolve.Problem{Host: resolve.Host{App: "acme", Version: version.MustParse("1.0.0"), Runtimes: []string{"wasm"}}, Wishes: []resolve.Wish{{ID: "acme/a"}}}
	s, err := resolve.Solve(context.Background(), c, p)
	if err != nil {
		return err
	}
	_, err = fetch.Fetch(context.Background(), fetch.Sources{Default: c}, into, s.Choices, fetch.Options{Memory: 1})
	return err
}

// TestKilledDownload kills a process in the middle. The next one continues, and no lock
// is in its way.
func TestKilledDownload(t *testing.T) {
	const arrived = 300_000
	l := newLine(t, pack(t, "acme/a"), stalls(arrived))
	dir := t.TempDir()
	child := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), envFetch+"="+l.URL+"|"+dir)
		return cmd
	}
	first := child()
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "partial", l.payload.Digest.Hex())
	for size := int64(0); size < arrived && t.Context().Err() == nil; {
		if info, err := os.Stat(path); err == nil {
			size = info.Size()
		}
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err == nil {
		t.Fatal("the first process ended well")
	}
	if out, err := child().CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s, err := disk.OpenExisting(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := artifact.ReadBlob(t.Context(), s, l.payload, 2*big); err != nil {
		t.Error(err)
	}
	if got := l.asked(); got != fmt.Sprintf(" bytes=%d-", arrived) || len(unfinished(t, s)) != 0 {
		t.Errorf("asked for %q, left %v", got, unfinished(t, s))
	}
}
