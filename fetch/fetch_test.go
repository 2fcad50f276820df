package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/store/mem"
	"github.com/plugstead/plugstead/version"
)

// sources gives the same plugins as a folder and as a registry.
func sources(t *testing.T, list ...*artifact.Packed) map[string]fetch.Source {
	t.Helper()
	dir := t.TempDir()
	d, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := registrytest.New(t)
	for _, p := range list {
		plugintest.Push(t, d, p)
		plugintest.Push(t, s.Client().Target(p.Manifest.ID), p)
	}
	folder, err := fetch.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]fetch.Source{"folder": folder, "registry": s.ClientWith("")}
}

func choices(t *testing.T, src fetch.Source, ids ...manifest.ID) []resolve.Choice {
	t.Helper()
	p := resolve.Problem{Host: resolve.Host{App: "acme", Version: version.MustParse("1.0.0"), Runtimes: []string{"wasm"}}}
	for _, id := range ids {
		p.Wishes = append(p.Wishes, resolve.Wish{ID: id})
	}
	s, err := resolve.Solve(t.Context(), src, p)
	if err != nil {
		t.Fatal(err)
	}
	return s.Choices
}

func TestFetch(t *testing.T) {
	for name, src := range sources(t, plugintest.Pack(t, "acme/a", "1.0.0", "requires: { acme/b: ^1 }"), plugintest.Pack(t, "acme/b", "1.0.0")) {
		t.Run(name, func(t *testing.T) {
			into := new(mem.Store)
			var mu sync.Mutex
			var done, cached int
			o := fetch.Options{Events: fetch.Events{Progress: func(fetch.Progress) {}, Fetched: func(p fetch.Progress) {
				mu.Lock()
				defer mu.Unlock()
				if done++; p.Cached {
					cached++
				}
				if p.Done != p.Size {
					t.Errorf("%s: %d of %d bytes", p.ID, p.Done, p.Size)
				}
			}}}
			list := choices(t, src, "acme/a")
			for round := range 2 {
				got, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, into, list, o)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) != 2 || got[0].Choice.ID != "acme/a" || got[0].Source != src.Identity() || got[0].Image.Manifest.ID != "acme/a" {
					t.Fatalf("got %+v", got)
				}
				if done != 2*(round+1) || cached != 2*round {
					t.Fatalf("round %d: %d fetched, %d cached", round, done, cached)
				}
				b, err := artifact.ReadBlob(t.Context(), into, got[1].Package.Payload, 1<<20)
				if err != nil || len(b) == 0 {
					t.Fatal(err)
				}
			}
		})
	}
}

// lying serves wrong bytes for one digest.
type lying struct {
	fetch.Source
	about artifact.Digest
	with  []byte
}

func (l lying) Blobs(id manifest.ID) artifact.Blobs { return lyingBlobs{l.Source.Blobs(id), l} }

type lyingBlobs struct {
	artifact.Blobs
	l lying
}

func (b lyingBlobs) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if d.Digest == b.l.about {
		return io.NopCloser(bytes.NewReader(b.l.with)), nil
	}
	return b.Blobs.Open(ctx, d)
}

func TestWrongBytesAreRefused(t *testing.T) {
	for name, src := range sources(t, plugintest.Pack(t, "acme/a", "1.0.0")) {
		list := choices(t, src, "acme/a")
		p := list[0].Package
		for what, d := range map[string]artifact.Digest{"index": list[0].Release.Digest, "package": p.Manifest.Digest, "payload": p.Payload.Digest} {
			for kind, b := range map[string][]byte{"truncated": []byte("{"), "other": bytes.Repeat([]byte("x"), int(p.Payload.Size)), "empty": nil} {
				into := new(mem.Store)
				_, err := fetch.Fetch(t.Context(), fetch.Sources{Default: lying{src, d, b}}, into, list, fetch.Options{})
				if !errors.Is(err, artifact.ErrDigest) {
					t.Errorf("%s, %s %s: %v", name, kind, what, err)
				}
				if _, err := into.Open(t.Context(), artifact.Descriptor{Digest: d}); err == nil {
					t.Errorf("%s, %s %s: wrong bytes were kept", name, kind, what)
				}
			}
		}
	}
}

func TestSources(t *testing.T) {
	all := sources(t, plugintest.Pack(t, "acme/a", "1.0.0"))
	s := fetch.Sources{Namespaces: map[string]fetch.Source{"acme": all["folder"]}}
	if _, err := s.Plugin(t.Context(), "acme/a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Plugin(t.Context(), "other/a"); !errors.Is(err, fetch.ErrNoSource) {
		t.Fatal(err)
	}
	// A namespace with a source of its own never falls through to the default.
	s = fetch.Sources{Default: all["registry"], Namespaces: map[string]fetch.Source{"acme": emptyFolder(t)}}
	if _, err := s.Plugin(t.Context(), "acme/a"); !errors.Is(err, index.ErrNotFound) {
		t.Fatal(err)
	}
	for _, err := range (fetch.Sources{}).Search(t.Context(), index.Query{}) {
		if !errors.Is(err, fetch.ErrNoSource) {
			t.Fatal(err)
		}
	}
	for _, src := range all {
		n := 0
		for h, err := range (fetch.Sources{Default: src}).Search(t.Context(), index.Query{Text: "acme"}) {
			if n++; err != nil || h.ID != "acme/a" {
				t.Fatal(h, err)
			}
		}
		if n != 1 {
			t.Fatalf("%d hits", n)
		}
	}
}

// TestSourceOfOne: a single plugin may come from elsewhere than its namespace, and then it
// does for every question.
func TestSourceOfOne(t *testing.T) {
	here, there := emptyFolder(t), emptyFolder(t)
	s := fetch.Sources{Default: there, Namespaces: map[string]fetch.Source{"acme": there}, One: func(id manifest.ID) fetch.Source {
		if id == "acme/a" {
			return here
		}
		return nil
	}}
	for id, want := range map[manifest.ID]fetch.Source{"acme/a": here, "acme/b": there, "other/a": there} {
		if got, err := s.For(id); err != nil || got != want {
			t.Errorf("%s: %v, %v", id, got, err)
		}
	}
	s.Default, s.Namespaces = nil, nil
	if _, err := s.For("acme/b"); !errors.Is(err, fetch.ErrNoSource) {
		t.Errorf("got %v", err)
	}
	if got, err := s.For("acme/a"); err != nil || got != here {
		t.Errorf("%v, %v", got, err)
	}
}

// TestSourcesOfProviders: a registry may name providers that nobody has a source for. They
// would stop a search for a solution that does without them.
func TestSourcesOfProviders(t *testing.T) {
	for name, src := range sources(t, plugintest.Pack(t, "acme/a", "1.0.0", "requires: { acme/kv: ^1 }"),
		plugintest.Pack(t, "acme/redis", "3.0.0", "offers: { acme/kv: 1.1.0 }"), plugintest.Pack(t, "evil/redis", "3.0.0", "offers: { acme/kv: 1.2.0 }")) {
		s := fetch.Sources{Namespaces: map[string]fetch.Source{"acme": src}}
		if p, err := s.Plugin(t.Context(), "acme/kv"); err != nil || fmt.Sprint(p.Providers) != "[acme/redis]" {
			t.Fatalf("%s: %+v, %v", name, p, err)
		}
		if p, err := (fetch.Sources{Default: src}).Plugin(t.Context(), "acme/kv"); err != nil || fmt.Sprint(p.Providers) != "[acme/redis evil/redis]" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		problem := resolve.Problem{
			Host:   resolve.Host{App: "acme", Version: version.MustParse("1.0.0"), Runtimes: []string{"wasm"}},
			Wishes: []resolve.Wish{{ID: "acme/a"}},
		}
		sol, err := resolve.Solve(t.Context(), s, problem)
		if err != nil || len(sol.Choices) != 2 {
			t.Fatalf("%s: %+v, %v", name, sol, err)
		}
		if _, ok := sol.Find("acme/redis"); !ok {
			t.Errorf("%s: chosen %+v", name, sol.Choices)
		}
	}
}

func emptyFolder(t *testing.T) fetch.Source {
	t.Helper()
	dir := t.TempDir()
	if _, err := disk.Open(dir); err != nil {
		t.Fatal(err)
	}
	f, err := fetch.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCancelled(t *testing.T) {
	for _, src := range sources(t, plugintest.Pack(t, "acme/a", "1.0.0")) {
		list := choices(t, src, "acme/a")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := fetch.Fetch(ctx, fetch.Sources{Default: src}, new(mem.Store), list, fetch.Options{}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}
