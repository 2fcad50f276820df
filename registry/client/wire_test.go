package client_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/plugstead/plugstead/artifact"
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

// recorded is a registry that remembers the requests it got.
type recorded struct {
	*registrytest.Server
	mu   sync.Mutex
	list []string
}

func record(t *testing.T) *recorded {
	t.Helper()
	r := new(recorded)
	b := memory.New()
	h := handler.New(b, handler.Options{Access: func(*http.Request, handler.Access) (string, error) { return "tester", nil }})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		r.list = append(r.list, q.Method+" "+q.URL.RequestURI())
		r.mu.Unlock()
		h.ServeHTTP(w, q)
	}))
	t.Cleanup(s.Close)
	r.Server = &registrytest.Server{URL: s.URL, Backend: b}
	return r
}

// take returns the requests since the last call.
func (r *recorded) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.list
	r.list = nil
	return out
}

// noise returns n bytes that do not compress.
func noise(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return string(b)
}

// TestSmallBlobs are sent in one request; a registry that does not know that begins an upload.
func TestSmallBlobs(t *testing.T) {
	r := record(t)
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodPost {
			io.Copy(io.Discard, q.Body)
			q.URL.RawQuery, q.Body, q.ContentLength = "", http.NoBody, 0
		}
		to, err := url.Parse(r.URL)
		if err != nil {
			panic(err)
		}
		httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, q)
	}))
	defer old.Close()
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, connect(t, old.URL).Target("acme/hello"), p)
	if _, err := connect(t, r.URL).Plugin(t.Context(), "acme/hello"); err != nil {
		t.Error(err)
	}
}

// TestPublishSendsLittle pushes twice: what is there is not sent again.
func TestPublishSendsLittle(t *testing.T) {
	r := record(t)
	p := plugintest.PackFolder(t, plugintest.Folder(t, map[string]string{
		"plugin.yaml": plugintest.YAML("acme/hello", "1.0.0"), "m.wasm": "\x00asm" + rand.Text() + noise(100<<10),
	}))
	c := connect(t, r.URL)
	plugintest.Push(t, c.Target("acme/hello"), p)
	first := r.take()
	plugintest.Push(t, c.Target("acme/hello"), p)
	second := r.take()
	uploads := func(list []string) (n int) {
		for _, q := range list {
			if strings.Contains(q, "/blobs/uploads/") {
				n++
			}
		}
		return n
	}
	small, large := 0, 0
	for _, b := range p.Blobs() {
		switch {
		case registry.IsManifest(b.MediaType):
		case b.Size > 64<<10:
			large++
		default:
			small++
		}
	}
	// A large blob is begun and sent, and then not again. A small one is one request.
	if large == 0 || uploads(first) != 2*large+small || uploads(second) != small {
		t.Errorf("%d and %d blobs\nfirst %q\nsecond %q", large, small, first, second)
	}
	if last := first[len(first)-1]; last != "PUT /v2/acme/hello/manifests/1.0.0" {
		t.Errorf("the last request is %s: the tag must come when all else is there", last)
	}
}

// TestSearchParameters looks at what is asked of the registry.
func TestSearchParameters(t *testing.T) {
	for _, c := range []struct {
		q    index.Query
		want url.Values
	}{
		{index.Query{}, url.Values{"q": {""}, "limit": {"50"}}},
		{index.Query{Text: "a&b=c #d é", Limit: 7}, url.Values{"q": {"a&b=c #d é"}, "limit": {"7"}}},
		{index.Query{Limit: 9999, Point: "acme.dev/x", Runtime: "wasm"}, url.Values{"q": {""}, "limit": {"200"}, "point": {"acme.dev/x"}, "runtime": {"wasm"}}},
	} {
		var got url.Values
		cl := against(t, func(w http.ResponseWriter, r *http.Request) {
			got = r.URL.Query()
			io.WriteString(w, `{"hits":[]}`)
		})
		for _, err := range cl.Search(t.Context(), c.q) {
			t.Error(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%+v: %v", c.q, got)
		}
	}
}

// TestSearchStopsEarly ends when the caller has enough.
func TestSearchStopsEarly(t *testing.T) {
	c := against(t, answer(200, "application/json", `{"hits":[{"id":"acme/a","version":"1.0.0"},{"id":"acme/b","version":"1.0.0"}]}`))
	n := 0
	for h, err := range c.Search(t.Context(), index.Query{}) {
		if n++; err != nil || h.ID != "acme/a" {
			t.Errorf("%v, %v", h, err)
		}
		break
	}
	if n != 1 {
		t.Errorf("%d hits", n)
	}
}

// TestHitsWithoutAVersion make no sense: install would have nothing to choose.
func TestHitsWithoutAVersion(t *testing.T) {
	c := against(t, answer(200, "application/json", `{"hits":[{"id":"acme/a"}]}`))
	for h, err := range c.Search(t.Context(), index.Query{}) {
		if !errors.Is(err, client.ErrProtocol) {
			t.Errorf("%+v, %v", h, err)
		}
	}
}

// TestYankOnTheWire looks at path and body of a yank.
func TestYankOnTheWire(t *testing.T) {
	for _, c := range []struct {
		y    registry.Yank
		want string
	}{
		{registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0"), Reason: `says "no" & <more>`}, `PUT /api/v1/plugins/acme/hello/versions/1.0.0/yank {"reason":"says \"no\" \u0026 \u003cmore\u003e"}`},
		{registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0-rc.1+b.2"), Undo: true, Reason: "ignored"}, "DELETE /api/v1/plugins/acme/hello/versions/1.0.0-rc.1+b.2/yank "},
	} {
		var got string
		cl := against(t, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = r.Method + " " + r.URL.Path + " " + string(b)
			io.WriteString(w, `{"changed":true,"position":7,"new":1}`)
		})
		if changed, err := cl.Yank(t.Context(), c.y); err != nil || !changed || got != c.want {
			t.Errorf("%s, %v\nwant %s", got, err, c.want)
		}
	}
	for name, serve := range map[string]http.HandlerFunc{"page": answer(200, "text/html", page), "nothing": answer(200, "", ""), "204": answer(204, "", ""), "endless": endless(" ")} {
		if changed, err := against(t, serve).Yank(t.Context(), registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0")}); changed || !errors.Is(err, client.ErrProtocol) {
			t.Errorf("%s: %t, %v", name, changed, err)
		}
	}
}

// TestFaultsOfAnUpload breaks each request of a publication in turn. Nothing may pass
// for published.
func TestFaultsOfAnUpload(t *testing.T) {
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	for _, fault := range []http.HandlerFunc{
		answer(500, "", ""), answer(503, "text/html", page), answer(200, "text/html", page), answer(204, "", ""), answer(413, "application/json", `{"errors":[{"code":"SIZE_INVALID","message":"too large"}]}`),
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		for n := 1; ; n++ {
			b := memory.New()
			h := handler.New(b, handler.Options{Access: func(*http.Request, handler.Access) (string, error) { return "tester", nil }})
			left := atomic.Int32{}
			left.Store(int32(n))
			c := against(t, func(w http.ResponseWriter, r *http.Request) {
				if left.Add(-1) == 0 {
					fault(w, r)
					return
				}
				h.ServeHTTP(w, r)
			})
			err := push(t.Context(), c, p)
			_, _, missing := b.Document(t.Context(), "acme/hello")
			if left.Load() > 0 {
				if err != nil || missing != nil {
					t.Errorf("without a fault: %v, %v", err, missing)
				}
				break // there are fewer requests than n
			}
			// A blob that is claimed to be there makes the registry refuse its manifest.
			if err == nil && missing != nil {
				t.Errorf("request %d: nothing is published, and no error", n)
			}
			if err != nil && missing == nil && left.Load() < 0 {
				t.Errorf("request %d: %v after the publication", n, err)
			}
			if again := push(t.Context(), c, p); again != nil {
				t.Errorf("request %d: the next try: %v", n, again)
			}
		}
	}
}

func push(ctx context.Context, c *client.Client, p *artifact.Packed) error {
	to := c.Target(p.Manifest.ID)
	for _, b := range p.Blobs() {
		r, err := p.Open(ctx, b.Descriptor)
		if err != nil {
			return err
		}
		err = to.Put(ctx, b.Descriptor, r)
		r.Close()
		if err != nil {
			return err
		}
	}
	return to.Tag(ctx, string(p.Manifest.ID), p.Manifest.Version.String(), p.Descriptor)
}

// TestManyAtOnce uses one client from many goroutines, as a start of a host does.
func TestManyAtOnce(t *testing.T) {
	r := record(t)
	c := connect(t, r.URL)
	var packed []*artifact.Packed
	for i := range 4 {
		packed = append(packed, plugintest.Pack(t, fmt.Sprintf("acme/p%d", i), "1.0.0"))
	}
	var wg sync.WaitGroup
	for _, p := range packed {
		wg.Go(func() {
			if err := push(t.Context(), c, p); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for range 3 {
		for _, p := range packed {
			wg.Go(func() {
				doc, err := c.Plugin(t.Context(), p.Manifest.ID)
				if err != nil || doc.ID != p.Manifest.ID || doc.Releases[0].Digest != p.Digest {
					t.Errorf("%s: %+v, %v", p.Manifest.ID, doc, err)
					return
				}
				if _, err := artifact.Read(t.Context(), c.Blobs(doc.ID), doc.Releases[0].Image()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
}

// TestReadingNeedsNoToken reads from a registry that refuses every token.
func TestReadingNeedsNoToken(t *testing.T) {
	b := memory.New()
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, registrytest.Serve(t, b).Client().Target("acme/hello"), p)
	h := handler.New(b, handler.Options{})
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s carries the token", r.Method, r.URL)
		}
		if r.Header.Get("User-Agent") != "plugstead" {
			t.Errorf("user agent %q", r.Header.Get("User-Agent"))
		}
		h.ServeHTTP(w, r)
	})
	doc, err := c.Plugin(t.Context(), "acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	im, err := artifact.Read(t.Context(), c.Blobs("acme/hello"), doc.Releases[0].Image())
	if err != nil || im.Manifest.ID != manifest.ID("acme/hello") {
		t.Errorf("%v, %v", im, err)
	}
	for _, err := range c.Search(t.Context(), index.Query{}) {
		if err != nil {
			t.Error(err)
		}
	}
}
