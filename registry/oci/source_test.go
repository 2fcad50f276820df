package oci_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/ocitest"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/oci"
)

// TestSameAsAFolder compares documents made with all, some and nothing of the cache, from
// a registry whose tags come in pages, with that of a folder.
func TestSameAsAFolder(t *testing.T) {
	list := pack(t, "2.0.0", "1.0.0", "10.0.0", "1.1.0+b", "1.1.0+a", "11.0.0-rc.1", "1.2.0")
	want := folder(t, list...)
	for _, page := range []int{0, 1, 2, 100} {
		g := ocitest.New(t)
		g.Set(func() { g.Page = page })
		s := open(t, g)
		push(t, s, list[:3]...)
		_, part := g.At(repo, oci.TagIndex)
		push(t, s, list[3:]...)
		g.Tag(repo, "latest", artifact.MediaIndex, []byte(`{}`))
		g.Tag(repo, "v3.0.0", artifact.MediaIndex, []byte(`{}`))
		g.Tag(repo, "sha256-"+strings.Repeat("a", 64)+".sig", artifact.MediaManifest, []byte(`{}`))
		g.Tag(repo, "12.0.0", artifact.MediaManifest, []byte(`{"schemaVersion":2,"config":{}}`)) // an image
		for _, c := range []struct {
			name string
			do   func()
		}{
			{"whole cache", func() {}},
			{"a part in the cache", func() { g.Tag(repo, oci.TagIndex, artifact.MediaManifest, part) }},
			{"no cache", func() { g.Untag(repo, oci.TagIndex) }},
		} {
			c.do()
			if got, _ := document(t, g, open(t, g)); got != want {
				t.Errorf("page %d, %s:\n%s\nwant\n%s", page, c.name, got, want)
			}
			p, err := s.Plugin(t.Context(), id)
			if err != nil || len(p.Releases) != len(list) || p.Summary != "The acme/a plugin" || p.Keywords[0] != "v1" {
				t.Errorf("page %d, %s: %+v, %v", page, c.name, p, err)
			}
		}
	}
}

// TestRequests counts what a document costs.
func TestRequests(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	push(t, s, pack(t, "1.0.0", "1.1.0", "2.0.0")...)
	_, asked := document(t, g, s)
	if len(asked) != 3 || asked[1] != "GET /v2/"+repo+"/manifests/_index" || asked[2] != "GET /v2/"+repo+"/tags/list" {
		t.Errorf("with a cache: %q", asked)
	}
	g.Untag(repo, oci.TagIndex)
	_, asked = document(t, g, s)
	if len(asked) != 2+2*3+2 { // tags and cache, each release, the header
		t.Errorf("without a cache: %q", asked)
	}
}

// TestAskingAgain asks with the tag of a document.
func TestAskingAgain(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	push(t, s, pack(t, "1.0.0", "1.1.0")...)
	g.Tag(repo, "12.0.0", artifact.MediaManifest, []byte(`{}`))
	ask := func(tag string) (fetch.Answer, int) {
		t.Helper()
		g.Requests()
		a, err := s.Document(t.Context(), id, tag)
		if err != nil {
			t.Fatal(err)
		}
		return a, len(g.Requests())
	}
	a, _ := ask("")
	if a.Tag != "" {
		t.Errorf("a foreign tag is not in the cache, and yet the answer has a tag")
	}
	g.Untag(repo, "12.0.0")
	a, _ = ask("")
	if again, n := ask(a.Tag); !again.Unchanged || again.Tag != a.Tag || n != 2 {
		t.Errorf("with a cache: %+v, %d requests", again, n)
	}
	old := a.Tag
	push(t, s, pack(t, "1.2.0")...)
	if again, _ := ask(old); again.Unchanged || again.Tag == old || again.Tag == "" {
		t.Errorf("after a publication: %+v", again)
	}
	g.Untag(repo, "1.2.0")
	if again, _ := ask(old); again.Unchanged {
		t.Error("the cache is another")
	}

	g.Untag(repo, oci.TagIndex)
	if a, _ = ask(old); a.Unchanged {
		t.Error("the cache is gone")
	}
	if again, n := ask(a.Tag); !again.Unchanged || n != 4 {
		t.Errorf("without a cache: %+v, %d requests", again, n)
	}
	_, moved := g.At(repo, "1.1.0")
	g.Tag(repo, "1.0.0", artifact.MediaIndex, moved)
	if _, err := s.Document(t.Context(), id, a.Tag); !errors.Is(err, index.ErrDocument) || !strings.Contains(err.Error(), "1.0.0 names acme/a 1.1.0") {
		t.Errorf("a moved tag: %v", err)
	}
	if again, _ := askNonsense(t, s); again.Unchanged {
		t.Error("a tag of nobody is unchanged")
	}
}

func askNonsense(t *testing.T, s *oci.Source) (fetch.Answer, error) {
	t.Helper()
	return s.Document(t.Context(), id, "1 t nonsense")
}

// TestOldCache never hides a release, nor shows one that is gone.
func TestOldCache(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	list := pack(t, "1.0.0", "1.1.0", "2.0.0")
	push(t, s, list[:2]...)
	_, old := g.At(repo, oci.TagIndex)
	push(t, s, list[2])
	g.Tag(repo, oci.TagIndex, artifact.MediaManifest, old)
	if got, _ := document(t, g, s); got != folder(t, list...) {
		t.Errorf("a newer release is hidden:\n%s", got)
	}
	g.Untag(repo, "1.1.0") // of which the header of the cache is
	if got, _ := document(t, g, s); got != folder(t, list[0], list[2]) {
		t.Errorf("a release that is gone shows:\n%s", got)
	}
	g.Untag(repo, "2.0.0")
	if got, _ := document(t, g, s); got != folder(t, list[0]) {
		t.Errorf("a header of a release that is gone shows:\n%s", got)
	}
	g.Untag(repo, "1.0.0")
	if _, err := s.Plugin(t.Context(), id); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("nothing is left: %v", err)
	}
}

// TestVanishing has a tag in the list that is gone when it is asked for.
func TestVanishing(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	list := pack(t, "1.0.0", "1.1.0")
	push(t, s, list...)
	g.Untag(repo, oci.TagIndex)
	g.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		gone := strings.HasSuffix(r.URL.Path, "/manifests/1.1.0")
		if gone {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`)
		}
		return gone
	})
	if got, _ := document(t, g, s); got != folder(t, list[0]) {
		t.Errorf("got\n%s", got)
	}
}

func TestUnknown(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	push(t, s, plugintest.Pack(t, "acme/b", "1.0.0"))
	g.Tag("team/acme/images", "latest", artifact.MediaManifest, []byte(`{}`))
	for _, id := range []manifest.ID{"acme/a", "acme/images"} {
		if _, err := s.Plugin(t.Context(), id); !errors.Is(err, index.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	g.Answer(func(w http.ResponseWriter, r *http.Request) bool { http.NotFound(w, r); return true })
	if _, err := s.Plugin(t.Context(), "acme/b"); errors.Is(err, index.ErrNotFound) || !errors.Is(err, client.ErrProtocol) {
		t.Errorf("not a registry at all: %v", err)
	}
	g.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	if _, err := s.Plugin(t.Context(), "acme/b"); errors.Is(err, index.ErrNotFound) || !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("a registry that is down: %v", err)
	}
}

func TestNoSearch(t *testing.T) {
	s := open(t, ocitest.New(t))
	for _, err := range (fetch.Sources{Default: s}).Search(t.Context(), index.Query{}) {
		if !errors.Is(err, fetch.ErrNoSearch) || !strings.Contains(err.Error(), s.Identity()) {
			t.Error(err)
		}
		return
	}
	t.Error("no error")
}

// TestForbidden gives no answer as to whether a plugin is there.
func TestForbidden(t *testing.T) {
	g := ocitest.New(t)
	g.Set(func() { g.Bearer, g.Private = true, true })
	if _, err := open(t, g).Plugin(t.Context(), id); errors.Is(err, index.ErrNotFound) || !errors.Is(err, client.ErrLogin) || !strings.Contains(err.Error(), "DENIED") {
		t.Errorf("no token: %v", err)
	}
	g.Set(func() { g.Bearer = false })
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		g.Answer(func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(status); return true })
		if _, err := open(t, g).Plugin(t.Context(), id); errors.Is(err, index.ErrNotFound) || !errors.Is(err, client.ErrLogin) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestBytesOfNowhere asks for a plugin whose repository would have too long a name.
func TestBytesOfNowhere(t *testing.T) {
	g := ocitest.New(t)
	s, err := oci.Open(g.Name()+"/"+strings.Repeat("p", 250), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Blobs(id).Open(t.Context(), artifact.Describe("x", nil)); !errors.Is(err, oci.ErrName) {
		t.Error(err)
	}
	if _, err := s.Plugin(t.Context(), id); !errors.Is(err, oci.ErrName) {
		t.Error(err)
	}
	if _, err := s.Target(id, oci.TargetOptions{}); !errors.Is(err, oci.ErrName) {
		t.Error(err)
	}
	if got := g.Requests(); len(got) > 0 {
		t.Errorf("asked %q", got)
	}
}

// TestManyReaders reads one plugin many times at one time, with a token for all.
func TestManyReaders(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	push(t, s, pack(t, "1.0.0")...)
	g.Set(func() { g.Bearer = true })
	g.Requests()
	done := make(chan error)
	for range 16 {
		go func() {
			_, err := s.Plugin(t.Context(), id)
			done <- err
		}()
	}
	for range 16 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	asked := g.Requests()
	tokens := slices.DeleteFunc(asked, func(r string) bool { return !strings.HasPrefix(r, "TOKEN") })
	if len(tokens) != 1 {
		t.Errorf("%d tokens", len(tokens))
	}
}
