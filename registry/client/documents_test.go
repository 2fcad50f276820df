package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/version"
)

// read asks for documents as one operation does, and returns the versions of each.
func read(t *testing.T, c *client.Client, cache string, ids ...manifest.ID) string {
	t.Helper()
	x := fetch.OpenIndex(t.Context(), fetch.Sources{Default: c}, fetch.IndexOptions{Cache: cache, Readers: 1})
	defer x.Close()
	var out []string
	for _, id := range ids {
		p, err := x.Plugin(t.Context(), id)
		switch {
		case errors.Is(err, index.ErrNotFound):
			out = append(out, "none")
			continue
		case err != nil:
			t.Fatal(err)
		}
		var versions []string
		for _, r := range p.Releases {
			versions = append(versions, r.Version.String())
		}
		out = append(out, strings.Join(versions, "+"))
	}
	return strings.Join(out, " ")
}

// TestUnchangedDocumentsAreNotSentAgain counts the requests of operations one after
// another over one cache.
func TestUnchangedDocumentsAreNotSentAgain(t *testing.T) {
	r := record(t)
	c := connect(t, r.URL)
	push := func(id manifest.ID, v string) {
		t.Helper()
		plugintest.Push(t, c.Target(id), plugintest.Pack(t, string(id), v))
	}
	push("acme/a", "1.0.0")
	push("acme/b", "1.0.0")
	cache := filepath.Join(t.TempDir(), "cache")
	const a, b, none, revision = "GET /index/v1/acme/a", "GET /index/v1/acme/b", "GET /index/v1/acme/none", "GET /index/v1/revision"
	for _, x := range []struct {
		why, want string
		before    func()
		asked     []string
	}{
		{"cold", "1.0.0 1.0.0 none", func() {}, []string{a, b, none}},
		{"warm", "1.0.0 1.0.0 none", func() {}, []string{revision}},
		{"changed", "1.0.0+1.1.0 1.0.0 none", func() { push("acme/a", "1.1.0") }, []string{revision, a, b, none}},
		{"warm again", "1.0.0+1.1.0 1.0.0 none", func() {}, []string{revision}},
		{"yanked", "1.0.0+1.1.0 1.0.0 none", func() {
			if _, err := c.Yank(t.Context(), registry.Yank{ID: "acme/a", Version: version.MustParse("1.1.0")}); err != nil {
				t.Fatal(err)
			}
		}, []string{revision, a, b, none}},
	} {
		x.before()
		r.take()
		if got := read(t, c, cache, "acme/a", "acme/b", "acme/none"); got != x.want {
			t.Errorf("%s: %s, want %s", x.why, got, x.want)
		}
		if got := r.take(); !slices.Equal(got, x.asked) {
			t.Errorf("%s: asked %q, want %q", x.why, got, x.asked)
		}
	}
}

// TestConditionalRequests: the tag is sent back as it came, and then nothing is sent.
func TestConditionalRequests(t *testing.T) {
	s := registrytest.New(t)
	c := s.Client()
	plugintest.Push(t, c.Target("acme/a"), plugintest.Pack(t, "acme/a", "1.0.0"))
	first, err := c.Document(t.Context(), "acme/a", "")
	if err != nil || first.Unchanged || first.Tag == "" || registry.CheckRevision(first.Revision) != nil || len(first.Bytes) == 0 {
		t.Fatalf("%+v %v", first, err)
	}
	again, err := c.Document(t.Context(), "acme/a", first.Tag)
	if err != nil || !again.Unchanged || again.Tag != first.Tag || again.Revision != first.Revision || again.Bytes != nil {
		t.Errorf("%+v %v", again, err)
	}
	for _, bad := range []string{"x", `"`, `"a" "b"`, "\"a\r\nX: y\"", `"` + strings.Repeat("a", 300) + `"`} {
		if a, err := c.Document(t.Context(), "acme/a", bad); err != nil || a.Unchanged {
			t.Errorf("tag %q: %+v %v", bad, a, err)
		}
	}
	if a, err := c.Document(t.Context(), "acme/none", ""); !errors.Is(err, index.ErrNotFound) || a.Revision != first.Revision {
		t.Errorf("%+v %v", a, err)
	}
	if now, err := c.Revision(t.Context()); err != nil || now != first.Revision {
		t.Errorf("%s %v", now, err)
	}
}

// TestRevisionOfABadServer: a page where a revision should be is no registry without
// revisions.
func TestRevisionOfABadServer(t *testing.T) {
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  error
	}{
		"no such route": {answer(404, "text/html", page), nil},
		"page":          {answer(200, "text/html", page), client.ErrProtocol},
		"empty":         {answer(200, "application/json", `{}`), client.ErrProtocol},
		"bad revision":  {answer(200, "application/json", `{"revision":"a b"}`), client.ErrProtocol},
		"endless":       {endless(strings.Repeat(" ", 1<<16)), client.ErrProtocol},
		"500":           {answer(500, "text/plain", "oops"), client.ErrUnreachable},
		"truncated":     {truncated, client.ErrUnreachable},
	} {
		if got, err := against(t, c.serve).Revision(t.Context()); got != "" || !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %q, %v; want %v", name, got, err, c.want)
		}
	}
}

// TestBadHeaders: what no registry can have sent is not kept and sent again.
func TestBadHeaders(t *testing.T) {
	for _, bad := range []string{"x", `"a b"`, `"é"`, strings.Repeat("x", 200)} {
		c := against(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", bad)
			w.Header().Set(registry.HeaderRevision, bad+" ")
			io.WriteString(w, `{"v":1,"id":"acme/a"}`+"\n")
		})
		a, err := c.Document(t.Context(), "acme/a", "")
		if err != nil || a.Tag != "" || len(bad) > 128 && a.Revision != "" {
			t.Errorf("%q: %+v %v", bad, a, err)
		}
	}
}

// TestFailureKeepsTheOldDocument: after an outage the next answer may still be "not
// changed", and a bad document must not be remembered.
func TestFailureKeepsTheOldDocument(t *testing.T) {
	var mode atomic.Value
	mode.Store("fine")
	b := memory.New()
	h := handler.New(b, handler.Options{})
	s := registrytest.Serve(t, b)
	plugintest.Push(t, s.Client().Target("acme/hello"), plugintest.Pack(t, "acme/hello", "1.0.0"))
	var sent atomic.Int32
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		switch mode.Load() {
		case "down":
			w.WriteHeader(http.StatusBadGateway)
		case "bad":
			io.WriteString(w, "{}")
		case "gone":
			w.WriteHeader(http.StatusNotFound)
		default:
			if strings.HasSuffix(r.URL.Path, "/acme/hello") && r.Header.Get("If-None-Match") == "" {
				sent.Add(1)
			}
			h.ServeHTTP(w, r)
		}
	})
	cache := filepath.Join(t.TempDir(), "cache")
	if got := read(t, c, cache, "acme/hello"); got != "1.0.0" {
		t.Fatal(got)
	}
	n := 0
	for m, want := range map[string]error{"down": client.ErrUnreachable, "bad": client.ErrProtocol, "gone": index.ErrNotFound} {
		n++
		// Something else is published, so that the document is asked for again.
		plugintest.Push(t, s.Client().Target("acme/other"), plugintest.Pack(t, "acme/other", fmt.Sprintf("1.0.%d", n)))
		mode.Store(m)
		x := fetch.OpenIndex(t.Context(), fetch.Sources{Default: c}, fetch.IndexOptions{Cache: cache})
		if p, err := x.Plugin(t.Context(), "acme/hello"); p != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v, %v", m, p, err)
		}
		x.Close()
		mode.Store("fine")
		if got := read(t, c, cache, "acme/hello"); got != "1.0.0" {
			t.Errorf("after %s: %s", m, got)
		}
	}
	if n := sent.Load(); n != 1 {
		t.Errorf("the document was sent %d times", n)
	}
}
