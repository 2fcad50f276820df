package oci_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/ocitest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/oci"
)

// joe is who may publish.
type joe struct{}

func (joe) Credential(context.Context, string) (client.Credential, error) {
	return client.Credential{User: ocitest.User, Password: ocitest.Password}, nil
}

func TestPublishWithCredentials(t *testing.T) {
	list := pack(t, "1.0.0", "1.1.0")
	for name, set := range map[string]func(g *ocitest.Registry){
		"bearer": func(g *ocitest.Registry) { g.Bearer = true },
		"basic":  func(g *ocitest.Registry) { g.Basic = true },
	} {
		g := ocitest.New(t)
		set(g)
		to, err := open(t, g).Target(id, oci.TargetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := publish.Push(t.Context(), to, list[0], publish.Options{}); !errors.Is(err, client.ErrLogin) {
			t.Errorf("%s: nobody publishes: %v", name, err)
		}
		push(t, openWith(t, g, joe{}), list...)
		if d, _ := g.At(repo, "1.1.0"); d != list[1].Digest {
			t.Errorf("%s: tag names %s", name, d)
		}
		if got, _ := document(t, g, openWith(t, g, joe{})); got != folder(t, list...) {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

// TestVersionsStay has the target refuse what the registry would allow.
func TestVersionsStay(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	first := pack(t, "1.0.0")[0]
	push(t, s, first, first)
	changed := packWith(t, "another")
	for range 2 { // with and without the header that tells the digest
		err := publish.Push(t.Context(), target(t, s, id), changed, publish.Options{})
		if d, _ := g.At(repo, "1.0.0"); !errors.Is(err, registry.ErrBound) || d != first.Digest {
			t.Errorf("%v; the tag names %s", err, d.Short())
		}
		g.Answer(func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodHead && strings.HasSuffix(r.URL.Path, "/1.0.0")
		})
	}
	if err := target(t, s, id).Tag(t.Context(), "acme/other", "1.0.0", first.Descriptor); err == nil {
		t.Error("tagged another plugin")
	}
}

// TestCacheIsMended takes what is wrong with a cache, and publishes.
func TestCacheIsMended(t *testing.T) {
	list := pack(t, "1.0.0", "1.1.0", "1.2.0")
	for name, c := range map[string]struct {
		spoil   func(g *ocitest.Registry)
		publish *artifact.Packed
		have    []*artifact.Packed
	}{
		"nothing is wrong":  {func(*ocitest.Registry) {}, list[2], list},
		"it is gone":        {func(g *ocitest.Registry) { g.Untag(repo, oci.TagIndex) }, list[2], list},
		"it is broken":      {func(g *ocitest.Registry) { plant(g, "x") }, list[2], list},
		"a release is gone": {func(g *ocitest.Registry) { g.Untag(repo, "1.1.0") }, list[2], []*artifact.Packed{list[0], list[2]}},
		"a tag was moved": {func(g *ocitest.Registry) {
			doc := cacheOf(t, g)
			plant(g, strings.Replace(doc, string(list[0].Digest), string(list[1].Digest), 1))
		}, list[2], list},
		"it lies, and a version is published again": {func(g *ocitest.Registry) {
			plant(g, strings.ReplaceAll(cacheOf(t, g), "acme/b", "acme/c"))
		}, list[1], list[:2]},
	} {
		g := ocitest.New(t)
		s := open(t, g)
		push(t, s, list[:2]...)
		c.spoil(g)
		push(t, s, c.publish)
		if got := cacheOf(t, g); got != folder(t, c.have...) {
			t.Errorf("%s: the cache is\n%s", name, got)
		}
	}
}

// TestNothingToRenew pushes no cache that is as it should be.
func TestNothingToRenew(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	list := pack(t, "1.0.0", "1.1.0")
	push(t, s, list...)
	g.Requests()
	push(t, s, list[0])
	for _, r := range g.Requests() {
		if strings.HasPrefix(r, "PUT") && !strings.Contains(r, "/manifests/sha256:") {
			t.Errorf("asked %s", r)
		}
	}
}

// TestRaces has two authors publish at one time: whichever cache stays, no release is lost.
func TestRaces(t *testing.T) {
	g := ocitest.New(t)
	list := pack(t, "1.0.0", "1.1.0", "1.2.0", "2.0.0")
	push(t, open(t, g), list[0])
	var work sync.WaitGroup
	for _, p := range list[1:3] {
		s := open(t, g)
		work.Go(func() {
			to, err := s.Target(id, oci.TargetOptions{})
			if err == nil {
				err = publish.Push(t.Context(), to, p, publish.Options{})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	s := open(t, g)
	if got, _ := document(t, g, s); got != folder(t, list[:3]...) {
		t.Errorf("after the race:\n%s", got)
	}
	push(t, s, list[3])
	if got := cacheOf(t, g); got != folder(t, list...) {
		t.Errorf("after the next publication:\n%s", got)
	}
}

// TestLostRace is the race at its worst: the cache that stays was made before the other's
// release, and is written after it.
func TestLostRace(t *testing.T) {
	g := ocitest.New(t)
	list := pack(t, "1.0.0", "1.1.0", "1.2.0")
	push(t, open(t, g), list[0])
	other := open(t, g)
	var begun atomic.Bool
	g.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/_index") && begun.CompareAndSwap(false, true) {
			if err := publish.Push(t.Context(), target(t, other, id), list[2], publish.Options{}); err != nil {
				t.Error(err)
			}
		}
		return false
	})
	push(t, open(t, g), list[1])
	if doc := cacheOf(t, g); strings.Contains(doc, "1.2.0") {
		t.Fatalf("the other did not lose: %s", doc)
	}
	if got, _ := document(t, g, open(t, g)); got != folder(t, list...) {
		t.Errorf("got\n%s", got)
	}
}

// TestImmutableTags has a registry that refuses the second cache: it is told, and the release
// is published.
func TestImmutableTags(t *testing.T) {
	g := ocitest.New(t)
	g.Set(func() { g.Immutable = true })
	s := open(t, g)
	list := pack(t, "1.0.0", "1.1.0")
	push(t, s, list[0])
	var told []string
	to, err := s.Target(id, oci.TargetOptions{Stale: func(err error) { told = append(told, err.Error()) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := publish.Push(t.Context(), to, list[1], publish.Options{}); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !strings.Contains(told[0], "TAG_IMMUTABLE") || !strings.Contains(told[0], repo+":_index") {
		t.Errorf("told %q", told)
	}
	if got, _ := document(t, g, s); got != folder(t, list...) {
		t.Errorf("got\n%s", got)
	}
	to, _ = s.Target(id, oci.TargetOptions{}) // nobody wants to know
	if err := publish.Push(t.Context(), to, pack(t, "1.2.0")[0], publish.Options{}); err != nil {
		t.Error(err)
	}
}

// TestSlowList has a registry whose list lacks the tag that was just pushed.
func TestSlowList(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	list := pack(t, "1.0.0", "1.1.0")
	push(t, s, list[0])
	for _, body := range []string{`{"tags":["1.0.0","_index"]}`, `{"tags":null}`} {
		g.Answer(func(w http.ResponseWriter, r *http.Request) bool {
			mine := strings.HasSuffix(r.URL.Path, "/tags/list")
			if mine {
				w.Write([]byte(body))
			}
			return mine
		})
		push(t, s, list[1])
		if doc := cacheOf(t, g); !strings.Contains(doc, `"version":"1.1.0"`) {
			t.Errorf("%s: the cache is\n%s", body, doc)
		}
	}
}

// TestHas tells what a tag names.
func TestHas(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	p := pack(t, "1.0.0")[0]
	push(t, s, p)
	to := target(t, s, id)
	for _, c := range []struct {
		tag  string
		d    artifact.Digest
		want bool
	}{{"1.0.0", p.Digest, true}, {"1.0.0", artifact.DigestOf(nil), false}, {"2.0.0", p.Digest, false}} {
		if got, err := to.Has(t.Context(), c.tag, c.d); err != nil || got != c.want {
			t.Errorf("%s: %t, %v", c.tag, got, err)
		}
	}
	g.Answer(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true })
	if _, err := to.Has(t.Context(), "1.0.0", p.Digest); !errors.Is(err, client.ErrLogin) {
		t.Error(err)
	}
}

// TestOrderOfAPush has the tag come after what it names, and the cache after the tag.
func TestOrderOfAPush(t *testing.T) {
	g := ocitest.New(t)
	var order []string
	var mu sync.Mutex
	g.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if _, ref, ok := strings.Cut(r.URL.Path, "/manifests/"); ok && r.Method == http.MethodPut && !strings.Contains(ref, ":") {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, ref)
		}
		return false
	})
	push(t, open(t, g), pack(t, "1.0.0")...)
	if !slices.Equal(order, []string{"1.0.0", "_index"}) {
		t.Errorf("%q", order)
	}
}
