package static_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/registry/static"
)

// asked counts the requests for each path.
type asked struct {
	mu    sync.Mutex
	paths []string
}

// serve puts h behind a list of what was asked for.
func serve(t *testing.T, h http.Handler) (*static.Server, *asked) {
	t.Helper()
	var a asked
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.paths = append(a.paths, r.URL.Path)
		a.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	at, err := static.At(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return at, &a
}

func versions(t *testing.T, src fetch.Source, cache string, offline bool, id manifest.ID) string {
	t.Helper()
	x := fetch.OpenIndex(t.Context(), fetch.Sources{Default: src}, fetch.IndexOptions{Cache: cache, Offline: offline})
	defer x.Close()
	p, err := x.Plugin(t.Context(), id)
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, r := range p.Releases {
		if r.State.Yanked == nil {
			out = append(out, r.Version.String())
		}
	}
	return strings.Join(out, " ")
}

func TestListOfAFileServer(t *testing.T) {
	dir, cache := spread(t), t.TempDir()
	s, a := serve(t, http.FileServer(http.Dir(dir)))
	for range 2 {
		if got := versions(t, s, cache, false, "acme/hello"); got != "1.0.0" {
			t.Errorf("versions %s", got)
		}
	}
	versions(t, s, cache, false, "acme/base")
	if want := []string{"/index/v1/acme/hello", "/available.json", "/index/v1/acme/hello", "/index/v1/acme/base"}; !slices.Equal(a.paths, want) {
		t.Errorf("asked %q", a.paths)
	}
	if got := versions(t, s, cache, true, "acme/hello"); got != "1.0.0 2.0.0" { // nothing is asked: all of the document
		t.Errorf("offline: versions %s", got)
	}
	if p, err := s.Plugin(t.Context(), "acme/hello"); err != nil || p.Releases[1].State.Yanked == nil {
		t.Errorf("%v, %v", p, err)
	}
	var found []string
	for h, err := range s.Search(t.Context(), index.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, string(h.ID)+" "+h.Version.String())
	}
	if !slices.Equal(found, []string{"acme/base 1.0.0", "acme/hello 1.0.0"}) {
		t.Errorf("found %q", found)
	}
}

func TestARegistryIsAskedForNoList(t *testing.T) {
	r := registrytest.New(t)
	plugintest.Push(t, r.Client().Target("acme/hello"), plugintest.Pack(t, "acme/hello", "1.0.0"))
	to, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	s, a := serve(t, httputil.NewSingleHostReverseProxy(to))
	if got := versions(t, s, "", false, "acme/hello"); got != "1.0.0" {
		t.Errorf("versions %s", got)
	}
	for range s.Search(t.Context(), index.Query{}) {
	}
	if slices.Contains(a.paths, "/available.json") {
		t.Errorf("asked %q", a.paths)
	}
	if list, err := s.Available(t.Context()); err != nil || list != nil {
		t.Errorf("a list of a registry: %v, %v", list, err)
	}
}

func TestBadLists(t *testing.T) {
	dir := spread(t)
	files := http.FileServer(http.Dir(dir))
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"no list":        {404, "", nil},
		"a gone list":    {410, "", nil},
		"a page":         {200, "<html>", index.ErrAvailable},
		"no permission":  {403, "", client.ErrUnauthorized},
		"a broken disk":  {500, "", client.ErrUnreachable},
		"a strange code": {418, "", client.ErrProtocol},
	} {
		s, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/available.json" {
				files.ServeHTTP(w, r)
				return
			}
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		if _, err := s.Plugin(t.Context(), "acme/hello"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestListLater: a list is asked for again, like everything else.
func TestListLater(t *testing.T) {
	files := http.FileServer(http.Dir(spread(t)))
	tries := 0
	s, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		files.ServeHTTP(w, r)
	}))
	list, err := s.Available(t.Context())
	if err != nil || tries != 2 || !slices.Equal(list.Names(), []manifest.ID{"acme/base", "acme/hello"}) {
		t.Errorf("%v, %d tries", err, tries)
	}
}

func TestListThatGoesElsewhere(t *testing.T) {
	plain := httptest.NewServer(http.FileServer(http.Dir(spread(t))))
	defer plain.Close()
	s, a := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/x"+r.URL.Path, http.StatusFound)
	}))
	if _, err := s.Available(t.Context()); !errors.Is(err, client.ErrProtocol) {
		t.Errorf("an endless redirect: %v", err)
	}
	if len(a.paths) > 6 {
		t.Errorf("%d requests", len(a.paths))
	}
	moved, _ := serve(t, http.RedirectHandler(plain.URL+"/available.json", http.StatusFound))
	if list, err := moved.Available(t.Context()); err != nil || !slices.Equal(list.Names(), []manifest.ID{"acme/base", "acme/hello"}) {
		t.Errorf("a list that moved: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gone, _ := serve(t, http.NotFoundHandler())
	if _, err := gone.Available(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled request: %v", err)
	}
	if _, err := static.At("ftp://x"); !errors.Is(err, client.ErrAddress) {
		t.Errorf("another scheme: %v", err)
	}
}

func TestNoListEverythingIsThere(t *testing.T) {
	dir := spread(t)
	if err := os.Remove(filepath.Join(dir, "available.json")); err != nil {
		t.Fatal(err)
	}
	s, _ := serve(t, http.FileServer(http.Dir(dir)))
	if got := versions(t, s, "", false, "acme/hello"); got != "1.0.0 2.0.0" {
		t.Errorf("versions %s", got)
	}
	for _, err := range s.Search(t.Context(), index.Query{}) {
		if !errors.Is(err, client.ErrProtocol) {
			t.Errorf("search without a list: %v", err)
		}
	}
}
