package update_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

// slow is a registry at a distance: each answer takes a while, and the requests are
// counted.
type slow struct {
	*httptest.Server
	b     *memory.Registry
	delay func() time.Duration

	requests atomic.Int32
}

func newSlow(t *testing.T, delay func() time.Duration) *slow {
	t.Helper()
	s := &slow{b: memory.New(), delay: delay}
	h := handler.New(s.b, handler.Options{})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		timer := time.NewTimer(s.delay())
		<-timer.C
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *slow) updater(t *testing.T, cache string) *update.Updater {
	t.Helper()
	c, err := client.New(s.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d, err := install.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &update.Updater{Sources: fetch.Sources{Default: c}, Index: fetch.IndexOptions{Cache: cache}, Blobs: filepath.Join(dir, "blobs"), Dir: d, Host: facts}
}

// Plugins of the set that the tests below resolve: so many are asked for, the others
// are needed, in levels.
const (
	asked, levels, perLevel = 103, 7, 8
	manyVersions            = 20
)

func (s *slow) publish(t *testing.T, versions int) []resolve.Wish {
	t.Helper()
	rnd := rand.New(rand.NewPCG(7, 5))
	name := func(level, i int) manifest.ID { return manifest.ID(fmt.Sprintf("l%d/p%d", level, i)) }
	var wishes []resolve.Wish
	for level := range levels {
		n := perLevel
		if level == 0 {
			n = asked
		}
		for i := range n {
			if level == 0 {
				wishes = append(wishes, resolve.Wish{ID: name(0, i)})
			}
			for v := range versions {
				f := artifact.Facts{ID: name(level, i), Version: version.MustParse(fmt.Sprintf("%d.%d.0", 1+v/10, v%10)), Provides: facts.Points}
				for next := level + 1; next < levels && next < level+3; next++ {
					if rnd.IntN(4) == 0 {
						continue
					}
					// Newer versions need newer ones, but nobody needs more than 2.7: then
					// all of them go together, and not only the newest will do.
					need := fmt.Sprintf(">=%d.%d", 1+v/10, rnd.IntN(7))
					if rnd.IntN(8) == 0 {
						need += fmt.Sprintf(" <2.%d", 7+rnd.IntN(3))
					}
					f.Requires = append(f.Requires, manifest.Need{ID: name(next, rnd.IntN(perLevel)), Range: version.MustParseRange(need)})
				}
				s.release(t, f)
			}
		}
	}
	return wishes
}

func (s *slow) release(t *testing.T, f artifact.Facts) {
	t.Helper()
	d := artifact.DigestOf(fmt.Append(nil, f.ID, f.Version))
	r, err := index.NewRelease(index.Record{Facts: f, Digest: d, Size: 1, Packages: []index.Package{
		{Runtime: "wasm", Platform: manifest.WasmPlatform, Manifest: index.Ref{Digest: d, Size: 1}, Payload: index.Ref{Digest: d, Size: 1}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.b.Commit(t.Context(), registry.Commit{Repo: string(f.ID), Release: &registry.Release{Header: index.Header{ID: f.ID}, Release: r}}); err != nil {
		t.Fatal(err)
	}
}

// depths is an index that notes which documents are asked for behind which: each behind
// every one that was waited for before. That does not depend on the time anything takes.
type depths struct {
	*fetch.Index
	of     map[manifest.ID]int
	waited int // the greatest depth of a document that was waited for
}

func (d *depths) note(id manifest.ID) int {
	if d.of[id] == 0 {
		d.of[id] = d.waited + 1
	}
	return d.of[id]
}

func (d *depths) Prefetch(ids ...manifest.ID) {
	for _, id := range ids {
		d.note(id)
	}
	d.Index.Prefetch(ids...)
}

func (d *depths) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	depth := d.note(id)
	p, err := d.Index.Plugin(ctx, id)
	d.waited = max(d.waited, depth)
	return p, err
}

// TestIndexOverANetwork resolves a large set with a millisecond of latency: requests go
// out side by side and few are needless.
func TestIndexOverANetwork(t *testing.T) {
	s := newSlow(t, func() time.Duration { return time.Millisecond })
	wishes := s.publish(t, manyVersions)
	u := s.updater(t, "")
	d := &depths{Index: fetch.OpenIndex(t.Context(), u.Sources, fetch.IndexOptions{}), of: map[manifest.ID]int{}}
	defer d.Close()
	begin := time.Now()
	answer, err := resolve.Solve(t.Context(), d, resolve.Problem{Wishes: wishes, Host: facts})
	if err != nil {
		t.Fatal(err)
	}
	n, requests := len(answer.Choices), int(s.requests.Load())
	t.Logf("%d plugins: %d requests, %.2f a plugin, at most %d behind one another, %s", n, requests, float64(requests)/float64(n), d.waited, time.Since(begin))
	if n != 146 || requests > len(d.of) {
		t.Errorf("%d plugins of %d documents", n, len(d.of))
	}
	if float64(requests) > 1.2*float64(n) {
		t.Errorf("%d requests", requests)
	}
	if d.waited > 12 {
		t.Errorf("%d requests behind one another", d.waited)
	}
}

// TestWarmIndex: the second time one request is enough, and none if the network may not
// be used.
func TestWarmIndex(t *testing.T) {
	s := newSlow(t, func() time.Duration { return 0 })
	c := update.Change{Install: s.publish(t, manyVersions)}
	cache := filepath.Join(t.TempDir(), "cache")
	var first []byte
	for _, x := range []struct {
		why      string
		offline  bool
		requests int32
	}{{"cold", false, 146}, {"warm", false, 1}, {"offline", true, 0}} {
		c.Offline = x.offline
		s.requests.Store(0)
		p, err := s.updater(t, cache).Plan(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if n := s.requests.Load(); n != x.requests {
			t.Errorf("%s: %d requests, want %d", x.why, n, x.requests)
		}
		if first == nil {
			first = p.Lock.Text()
		}
		if !bytes.Equal(p.Lock.Text(), first) {
			t.Errorf("%s: another lock", x.why)
		}
	}
}

// TestLockIsIndependentOfTiming makes one lock a hundred times, with answers that take
// any time and come in any order, on one to eight processors, with a cache of any age.
func TestLockIsIndependentOfTiming(t *testing.T) {
	s := newSlow(t, func() time.Duration { return time.Duration(rand.IntN(3000)) * time.Microsecond })
	c := update.Change{Install: s.publish(t, 10), LockFile: filepath.Join(t.TempDir(), "plugins.lock")}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	runs := 100
	if testing.Short() {
		runs = 16
	}
	var first []byte
	cache := filepath.Join(t.TempDir(), "cache")
	for i := range runs {
		runtime.GOMAXPROCS(1 + i%8)
		if i%3 == 0 {
			cache = t.TempDir()
		}
		u := s.updater(t, cache)
		u.Index.Readers = 1 + rand.IntN(20)
		if _, err := u.WriteLock(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(c.LockFile)
		if err := errors.Join(err, os.Remove(c.LockFile)); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = text
		}
		if !bytes.Equal(text, first) {
			t.Fatalf("run %d made another lock", i)
		}
	}
}

// TestOffline: what is here can be installed again without a network; what is not says
// so, and changes nothing.
func TestOffline(t *testing.T) {
	w := newWorld(t)
	w.up.Index.Cache = filepath.Join(t.TempDir(), "cache")
	w.publish("acme/a", "1.0.0", "requires: { acme/b: ^1 }")
	w.publish("acme/b", "1.0.0")
	w.publish("acme/c", "1.0.0")
	c := wish(t, "acme/a")
	c.Offline = true
	if _, _, err := w.up.Change(t.Context(), c); !errors.Is(err, fetch.ErrOffline) {
		t.Fatalf("from nothing: %v", err)
	}
	c.Offline = false
	p, err := w.up.Plan(t.Context(), c) // has the documents, not the artifacts
	if err != nil {
		t.Fatal(err)
	}
	p.Offline = true
	if _, err := w.up.Apply(t.Context(), p); !errors.Is(err, fetch.ErrOffline) {
		t.Fatalf("artifacts from nothing: %v", err)
	}
	w.expect("")
	w.change(c)
	w.change(update.Change{Uninstall: []manifest.ID{"acme/a"}})
	w.expect("")
	c.Offline = true
	w.change(c)
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
	c = wish(t, "acme/c")
	c.Offline = true
	if _, _, err := w.up.Change(t.Context(), c); !errors.Is(err, fetch.ErrOffline) {
		t.Fatalf("one that was never asked for: %v", err)
	}
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
}
