package fetch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

// far is a Remote that takes a second for each answer.
type far struct {
	name     string
	mu       sync.Mutex
	docs     map[manifest.ID]string // the summary of each
	revision string
	asked    []string
	running  int
	most     int
	err      error
	noTags   bool
	delay    func() time.Duration
}

func newFar(names ...manifest.ID) *far {
	f := &far{name: "https://plugins.example.org", docs: map[manifest.ID]string{}, revision: "r1"}
	for _, n := range names {
		f.docs[n] = "first"
	}
	return f
}

func (f *far) Identity() string                 { return f.name }
func (f *far) Blobs(manifest.ID) artifact.Blobs { return nil }

func (f *far) Plugin(context.Context, manifest.ID) (*index.Plugin, error) {
	return nil, errors.New("a remote is asked for documents only")
}

func document(id manifest.ID, summary string) []byte {
	b, err := (&index.Plugin{Header: index.Header{ID: id, Summary: summary}}).Bytes()
	if err != nil {
		panic(err)
	}
	return b
}

// wait is the way there and back.
func (f *far) wait(ctx context.Context, what string) error {
	f.mu.Lock()
	f.asked = append(f.asked, what)
	f.running++
	f.most = max(f.most, f.running)
	d := time.Second
	if f.delay != nil {
		d = f.delay()
	}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.running--
		f.mu.Unlock()
	}()
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *far) Document(ctx context.Context, id manifest.ID, tag string) (a Answer, err error) {
	what := string(id)
	if tag != "" {
		what += " if not " + tag
	}
	if err := f.wait(ctx, what); err != nil {
		return a, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return a, f.err
	}
	a.Revision = f.revision
	summary, ok := f.docs[id]
	if !ok {
		return a, fmt.Errorf("%s: %w", id, index.ErrNotFound)
	}
	if tag != "" && tag == summary {
		a.Unchanged, a.Tag = true, tag
		return a, nil
	}
	a.Bytes = document(id, summary)
	if !f.noTags {
		a.Tag = summary
	}
	return a, nil
}

func (f *far) Revision(ctx context.Context) (string, error) {
	if err := f.wait(ctx, "revision"); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.revision, f.err
}

// take returns what was asked since the last call, sorted.
func (f *far) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.asked
	f.asked = nil
	slices.Sort(out)
	return out
}

func ids(n int) []manifest.ID {
	out := make([]manifest.ID, n)
	for i := range out {
		out[i] = manifest.ID(fmt.Sprintf("acme/p%02d", i))
	}
	return out
}

// run opens an index of src and asks for each name; a name is prefetched first.
func run(t *testing.T, src Source, o IndexOptions, names ...manifest.ID) map[manifest.ID]string {
	t.Helper()
	x := OpenIndex(t.Context(), Sources{Default: src}, o)
	defer x.Close()
	x.Prefetch(names...)
	out := map[manifest.ID]string{}
	for _, id := range names {
		p, err := x.Plugin(t.Context(), id)
		switch {
		case errors.Is(err, index.ErrNotFound):
			out[id] = "none"
		case errors.Is(err, ErrOffline):
			out[id] = "offline"
		case err != nil:
			out[id] = err.Error()
		case p.ID != id:
			t.Fatalf("%s in place of %s", p.ID, id)
		default:
			out[id] = p.Summary
		}
	}
	return out
}

// TestIndexReadsAhead: what is named ahead is read side by side, never more than so many
// at a time, and each once.
func TestIndexReadsAhead(t *testing.T) {
	for _, c := range []struct{ names, readers, seconds int }{{5, 0, 1}, {16, 0, 1}, {17, 0, 2}, {40, 16, 3}, {7, 1, 7}, {7, 3, 3}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFar(ids(c.names)...)
			begin := time.Now()
			got := run(t, f, IndexOptions{Readers: c.readers}, ids(c.names)...)
			if took := time.Since(begin); took != time.Duration(c.seconds)*time.Second {
				t.Errorf("%+v: took %s", c, took)
			}
			limit := c.readers
			if limit == 0 {
				limit = DefaultReaders
			}
			if len(got) != c.names || len(f.take()) != c.names || f.most > limit {
				t.Errorf("%+v: %d documents, %d at a time", c, len(got), f.most)
			}
		})
	}
}

// TestIndexNeededFirst: what somebody waits for overtakes what was only read ahead.
func TestIndexNeededFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar(ids(10)...)
		x := OpenIndex(t.Context(), Sources{Default: f}, IndexOptions{Readers: 1})
		defer x.Close()
		x.Prefetch(ids(10)...)
		synctest.Wait()
		begin := time.Now()
		if _, err := x.Plugin(t.Context(), "acme/p09"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("it came after %s", took)
		}
	})
}

// TestIndexOneFlight: many who ask for one name cause one request, and see one answer.
func TestIndexOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar("acme/a")
		x := OpenIndex(t.Context(), Sources{Default: f}, IndexOptions{})
		defer x.Close()
		var all sync.Map
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				x.Prefetch("acme/a", "acme/none")
				p, err := x.Plugin(t.Context(), "acme/a")
				if err != nil {
					t.Error(err)
				}
				all.Store(p, i)
				if _, err := x.Plugin(t.Context(), "acme/none"); !errors.Is(err, index.ErrNotFound) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		n := 0
		all.Range(func(any, any) bool { n++; return true })
		if asked := f.take(); n != 1 || len(asked) != 2 {
			t.Errorf("%d answers, requests %v", n, asked)
		}
	})
}

// TestIndexEnds: who waits stops waiting when its context ends or the index is closed,
// and no request goes on behind that.
func TestIndexEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar(ids(40)...)
		f.delay = func() time.Duration { return time.Hour }
		x := OpenIndex(t.Context(), Sources{Default: f}, IndexOptions{})
		x.Prefetch(ids(40)...)
		why := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		if _, err := x.Plugin(ctx, "acme/p00"); !errors.Is(err, why) {
			t.Errorf("%v", err)
		}
		done := make(chan error)
		go func() {
			_, err := x.Plugin(t.Context(), "acme/p39")
			done <- err
		}()
		synctest.Wait()
		begin := time.Now()
		if err := x.Close(); err != nil || time.Since(begin) > 0 {
			t.Errorf("close took %s: %v", time.Since(begin), err)
		}
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if n := len(f.take()); n != DefaultReaders || f.running != 0 {
			t.Errorf("%d requests, %d run", n, f.running)
		}
		if _, err := x.Plugin(t.Context(), "acme/new"); !errors.Is(err, context.Canceled) || len(f.take()) != 0 {
			t.Errorf("a closed index answers with %v", err)
		}
	})
}

// TestIndexErrors: an error of reading ahead comes to who asks, and to nobody else.
func TestIndexErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar("acme/a")
		f.err = errors.New("no route")
		x := OpenIndex(t.Context(), Sources{Namespaces: map[string]Source{"acme": f}}, IndexOptions{Cache: filepath.Join(t.TempDir(), "cache")})
		defer x.Close()
		x.Prefetch("acme/a", "other/a")
		if _, err := x.Plugin(t.Context(), "other/a"); !errors.Is(err, ErrNoSource) {
			t.Error(err)
		}
		if _, err := x.Plugin(t.Context(), "acme/a"); !errors.Is(err, f.err) {
			t.Error(err)
		}
	})
}

func TestIndexTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := OpenIndex(t.Context(), Sources{Default: newFar(ids(3)...)}, IndexOptions{})
		defer x.Close()
		x.size = MaxIndexBytes
		if _, err := x.Plugin(t.Context(), "acme/p00"); err != nil {
			t.Error(err)
		}
		x.size++
		if _, err := x.Plugin(t.Context(), "acme/p01"); !errors.Is(err, ErrTooMuch) {
			t.Error(err)
		}
	})
}

// TestCacheRevisions counts requests from run to run.
func TestCacheRevisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar("acme/a", "acme/b")
		o := IndexOptions{Cache: filepath.Join(t.TempDir(), "cache")}
		names := []manifest.ID{"acme/a", "acme/b", "acme/c"} // c does not exist
		check := func(why, want string, asked ...string) {
			t.Helper()
			got := run(t, f, o, names...)
			if s := got["acme/a"] + " " + got["acme/b"] + " " + got["acme/c"]; s != want {
				t.Errorf("%s: %s, want %s", why, s, want)
			}
			if now := f.take(); !slices.Equal(now, asked) {
				t.Errorf("%s: asked %q, want %q", why, now, asked)
			}
		}
		check("cold", "first first none", "acme/a", "acme/b", "acme/c")
		check("warm", "first first none", "revision")
		check("warm again", "first first none", "revision")
		f.docs["acme/z"], f.revision = "other", "r2"
		check("something else changed", "first first none", "acme/a if not first", "acme/b if not first", "acme/c", "revision")
		check("warm", "first first none", "revision")
		f.docs["acme/b"], f.docs["acme/c"], f.revision = "second", "new", "r3"
		check("b and c changed", "first second new", "acme/a if not first", "acme/b if not first", "acme/c", "revision")
		check("warm", "first second new", "revision")
		delete(f.docs, "acme/a")
		f.revision = "r4"
		check("a is gone", "none second new", "acme/a if not first", "acme/b if not second", "acme/c if not new", "revision")
		o.Offline = true
		check("offline", "none second new")
		f.name = "https://other.example.org"
		check("offline, another source", "offline offline offline")
	})
}

// TestCacheWithoutRevisions: each document is asked for, but not sent again.
func TestCacheWithoutRevisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar("acme/a")
		f.revision = ""
		o := IndexOptions{Cache: filepath.Join(t.TempDir(), "cache")}
		run(t, f, o, "acme/a", "acme/b")
		f.take()
		run(t, f, o, "acme/a", "acme/b")
		if got := f.take(); !slices.Equal(got, []string{"acme/a if not first", "acme/b"}) {
			t.Errorf("%q", got)
		}
		o.Offline = true // without a revision nobody can tell that there is no b
		if got := run(t, f, o, "acme/a", "acme/b"); got["acme/a"] != "first" || got["acme/b"] != "offline" {
			t.Errorf("%v", got)
		}
	})
}

// TestCacheOfALaggingCopy: something between us and the source answers with an old
// document. That must not be taken for a present one once the source is asked.
func TestCacheOfALaggingCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar("acme/a")
		o := IndexOptions{Cache: filepath.Join(t.TempDir(), "cache")}
		run(t, f, o, "acme/a") // at r1, from something that is behind already
		f.docs["acme/a"], f.revision = "second", "r2"
		if got := run(t, f, o, "acme/a"); got["acme/a"] != "second" {
			t.Errorf("%v", got)
		}
	})
}

// TestCacheFailures: after a failure nothing bad is kept and nothing good is lost.
func TestCacheFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar("acme/a")
		o := IndexOptions{Cache: filepath.Join(t.TempDir(), "cache")}
		run(t, f, o, "acme/a")
		f.take()
		for _, err := range []error{errors.New("down"), fmt.Errorf("a page of a hotel: %w", index.ErrNotFound)} {
			f.revision, f.err = "", err
			if got := run(t, f, o, "acme/a"); got["acme/a"] == "first" {
				t.Errorf("%v: %v", err, got)
			}
			f.revision, f.err = "r1", nil
			f.take()
			if got := run(t, f, o, "acme/a"); got["acme/a"] != "first" || !slices.Equal(f.take(), []string{"revision"}) {
				t.Errorf("after %v: %v", err, got)
			}
		}
	})
}

// TestCacheDamage changes the file of a document in every way: what is used is whole, or
// it is asked for again.
func TestCacheDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar("acme/a")
		o := IndexOptions{Cache: filepath.Join(t.TempDir(), "cache")}
		run(t, f, o, "acme/a")
		path := openCache(o.Cache, f.name).path("acme/a")
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damaged := [][]byte{nil, []byte("\n"), []byte("{}"), []byte("{}\nx"), []byte("null\nx"), append(slices.Clone(good), ' '), []byte(strings.Repeat("x", maxEntry+1) + "\n"), slices.Concat([]byte(`{"x":1}`), good)}
		for i := range good {
			b := slices.Clone(good)
			b[i] ^= 1
			damaged = append(damaged, b, good[:i])
		}
		for _, b := range damaged {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := run(t, f, o, "acme/a"); got["acme/a"] != "first" {
				t.Fatalf("%q: %v", b, got)
			}
		}
		if got := run(t, f, IndexOptions{Cache: o.Cache, Offline: true}, "acme/a"); got["acme/a"] != "first" {
			t.Errorf("it is not whole again: %v", got)
		}
		if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		if got := run(t, f, o, "acme/a"); got["acme/a"] != "first" {
			t.Errorf("a folder in the way: %v", got)
		}
	})
}

// TestCacheUnusable: a folder that others may write to, or that cannot be made, is done
// without.
func TestCacheUnusable(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	file := filepath.Join(dir, "file")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "relative", open, file, filepath.Join(file, "below")} {
		if c := openCache(bad, "x"); c != nil {
			t.Errorf("%q is used", bad)
		}
		synctest.Test(t, func(t *testing.T) {
			f := newFar("acme/a")
			for range 2 {
				run(t, f, IndexOptions{Cache: bad}, "acme/a")
			}
			if got := f.take(); !slices.Equal(got, []string{"acme/a", "acme/a"}) {
				t.Errorf("%q: %q", bad, got)
			}
		})
	}
	if list, err := os.ReadDir(open); err != nil || len(list) > 0 {
		t.Errorf("something was written there: %v %v", list, err)
	}
}

// TestCacheShared: several runs at one time over one folder, while the source changes,
// see whole documents only, and the last one sees the last state.
func TestCacheShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar(ids(8)...)
		rnd := rand.New(rand.NewPCG(1, 1))
		f.delay = func() time.Duration { return time.Duration(rnd.IntN(1000)) * time.Millisecond }
		o := IndexOptions{Cache: filepath.Join(t.TempDir(), "cache")}
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Millisecond)
				for id, got := range run(t, f, o, ids(8)...) {
					if got != "first" && !strings.HasPrefix(got, "v") {
						t.Errorf("%s: %s", id, got)
					}
				}
			})
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 290 * time.Millisecond)
				f.mu.Lock()
				defer f.mu.Unlock()
				f.docs[ids(8)[i%8]], f.revision = fmt.Sprintf("v%d", i), fmt.Sprintf("r%d", i+2)
			})
		}
		wg.Wait()
		last := run(t, f, o, ids(8)...)
		for id, want := range f.docs {
			if last[id] != want {
				t.Errorf("%s: %s, want %s", id, last[id], want)
			}
		}
		f.take()
		run(t, f, o, ids(8)...)
		if got := f.take(); !slices.Equal(got, []string{"revision"}) {
			t.Errorf("a warm run asks %q", got)
		}
	})
}

// TestCacheExample reads the example of the specification.
func TestCacheExample(t *testing.T) {
	example, err := os.ReadFile("../docs/spec/testdata/index/cached")
	if err != nil {
		t.Fatal(err)
	}
	c := openCache(filepath.Join(t.TempDir(), "cache"), "https://plugins.example.org")
	if base := filepath.Base(c.dir); base != "0a0c303dd0e01a3faaf1ec9548a949088f9c1685804561695c569fa47fb72af2" {
		t.Errorf("folder of the source: %s", base)
	}
	path := c.path("acme/hello")
	if err := os.WriteFile(path, example, 0o600); err != nil {
		t.Fatal(err)
	}
	c = openCache(filepath.Dir(filepath.Dir(filepath.Dir(path))), "https://plugins.example.org")
	e, p := c.read("acme/hello")
	if e == nil || p == nil || e.Revision != "r7" || e.Tag != `"`+p.Document.Hex()+`"` || e.Digest != p.Document {
		t.Fatalf("%+v", e)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, doc, _ := strings.Cut(string(example), "\n")
	c.write("acme/hello", *e, p, []byte(doc))
	if again, err := os.ReadFile(path); err != nil || string(again) != string(example) {
		t.Errorf("written as %q", again)
	}
}

func FuzzCache(f *testing.F) {
	f.Add([]byte("{}\n"))
	f.Add([]byte("{\"revision\":\"r\"}\n"))
	doc := document("acme/a", "x")
	f.Add(append([]byte(`{"digest":"`+string(artifact.DigestOf(doc))+"\"}\n"), doc...))
	c := openCache(filepath.Join(f.TempDir(), "cache"), "x")
	path := c.path("acme/a")
	c.single["acme/a"] = true
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		e, p := c.read("acme/a")
		if (e == nil || e.Digest == "") != (p == nil) {
			t.Fatalf("%+v, %+v", e, p)
		}
		if p != nil && (p.ID != "acme/a" || p.Document != e.Digest) {
			t.Fatalf("%+v", p)
		}
	})
}
