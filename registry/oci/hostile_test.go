package oci_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/ocitest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/oci"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store/mem"
	"github.com/plugstead/plugstead/verify"
)

// TestBadCaches are as if they were not there.
func TestBadCaches(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	list := pack(t, "1.0.0", "1.1.0")
	push(t, s, list...)
	want := folder(t, list...)
	good := cacheOf(t, g)
	layer := artifact.Describe(oci.MediaDocument, []byte(good))
	manifest := func(b []byte) func() {
		return func() { g.Tag(repo, oci.TagIndex, artifact.MediaManifest, b) }
	}
	document := func(doc string) func() { return func() { plant(g, doc) } }
	huge := layer
	huge.Size = index.MaxDocument + 1
	absent := layer
	absent.Digest = artifact.DigestOf([]byte("absent"))
	shorter := layer
	shorter.Size--
	image := layer
	image.MediaType = artifact.MediaTarGzip
	for name, do := range map[string]func(){
		"not JSON":             manifest([]byte("<html>log in first</html>")),
		"an image":             manifest([]byte(`{"schemaVersion":2,"mediaType":"` + artifact.MediaManifest + `","config":{},"layers":[]}`)),
		"another version":      manifest(bytes.Replace(cacheManifest(layer), []byte(`"schemaVersion":2`), []byte(`"schemaVersion":3`), 1)),
		"a key twice":          manifest(bytes.Replace(cacheManifest(layer), []byte(`"schemaVersion":2`), []byte(`"schemaVersion":2,"schemaVersion":2`), 1)),
		"no layer":             manifest(cacheManifest()),
		"two layers":           manifest(cacheManifest(layer, layer)),
		"another media type":   manifest(cacheManifest(image)),
		"a huge manifest":      manifest(append(bytes.Repeat([]byte(" "), 64<<10), cacheManifest(layer)...)),
		"a huge document":      manifest(cacheManifest(huge)),
		"a document elsewhere": manifest(cacheManifest(absent)),
		"another size":         manifest(cacheManifest(shorter)),
		"no digest":            manifest(cacheManifest(artifact.Descriptor{MediaType: oci.MediaDocument, Size: 1})),
		"another plugin":       document(strings.ReplaceAll(good, "acme/a", "acme/z")),
		"cut off":              document(good[:len(good)-1]),
		"empty":                document(""),
		"a version twice":      document(good + good[strings.Index(good, "\n")+1:]),
		"another format":       document(strings.Replace(good, `{"v":1`, `{"v":2`, 1)),
		"no digest of release": document(strings.Replace(good, `"digest":"sha256:`, `"digest":"md5:`, 1)),
	} {
		do()
		if got, asked := again(t, g); got != want || len(asked) < 7 {
			t.Errorf("%s: after %d requests\n%s", name, len(asked), got)
		}
	}
	for name, status := range map[string]int{"not found": 404, "gone": 410, "not acceptable": 406} {
		g.Answer(func(w http.ResponseWriter, r *http.Request) bool {
			mine := strings.HasSuffix(r.URL.Path, "/_index")
			if mine {
				w.WriteHeader(status)
			}
			return mine
		})
		if got, _ := again(t, g); got != want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

// TestCacheIsNoStateOfReleases plants what only a registry may say.
func TestCacheIsNoStateOfReleases(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	list := pack(t, "1.0.0", "1.1.0")
	push(t, s, list...)
	doc := cacheOf(t, g)
	doc = strings.Replace(doc, `"s":{}`, `"s":{"blocked":{"reason":"mine"}}`, 1)
	doc = strings.Replace(doc, `,"packages"`, `,"time":"2020-01-02T03:04:05Z","new":[1],"packages"`, 1)
	doc = strings.Replace(doc, `"keywords":["v1"]`, `"keywords":["v1"],"providers":["acme/evil"]`, 1)
	if !strings.Contains(doc, "evil") || !strings.Contains(doc, "2020") || !strings.Contains(doc, "mine") {
		t.Fatalf("not planted: %s", doc)
	}
	plant(g, doc)
	if got, asked := document(t, g, s); got != folder(t, list...) || len(asked) != 3 {
		t.Errorf("after %q\n%s", asked, got)
	}
}

// TestLyingCache has a record that is not as its artifact says: nothing of it is installed.
func TestLyingCache(t *testing.T) {
	for name, lie := range map[string]struct {
		old, now string
		want     error
	}{
		"no need":          {`"requires":[{"id":"acme/b","range":"^1"}],`, ``, verify.ErrMismatch},
		"another need":     {`"id":"acme/b"`, `"id":"acme/c"`, verify.ErrMismatch},
		"more offers":      {`"digest":`, `"offers":[{"id":"acme/b","version":"1.0.0"}],"digest":`, verify.ErrMismatch},
		"another point":    {`"minor":0`, `"minor":7`, verify.ErrMismatch},
		"fewer rights":     {`"digest":`, `"capabilities":["net:*"],"digest":`, verify.ErrMismatch},
		"another payload":  {`"payload":{"digest":"sha256:`, `"payload":{"digest":"sha256:` + strings.Repeat("0", 64), verify.ErrMismatch},
		"another artifact": {`"digest":"sha256:`, `"digest":"sha256:` + strings.Repeat("0", 64), registry.ErrNotFound},
	} {
		g := ocitest.New(t)
		s := open(t, g)
		push(t, s, pack(t, "1.0.0")...)
		doc := cacheOf(t, g)
		before, after, ok := strings.Cut(doc, lie.old)
		if !ok {
			t.Fatalf("%s: not in %s", name, doc)
		}
		if strings.HasSuffix(lie.now, "000") {
			after = after[64:]
		}
		plant(g, before+lie.now+after)
		p, err := s.Plugin(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		r := &p.Releases[0]
		f, err := fetch.Fetch(t.Context(), fetch.Sources{Default: s}, new(mem.Store), []resolve.Choice{{ID: id, Release: r, Package: r.Packages[0]}}, fetch.Options{})
		if err == nil {
			_, err = verify.Fetched(verify.Policy{}, f[0])
		}
		if !errors.Is(err, lie.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLyingAnnotation is found when the artifact is read, and for the newest release at once.
func TestLyingAnnotation(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	push(t, s, pack(t, "1.0.0", "1.1.0")...)
	g.Untag(repo, oci.TagIndex)
	lie := func(tag string) {
		_, raw := g.At(repo, tag)
		g.Tag(repo, tag, artifact.MediaIndex, bytes.ReplaceAll(raw, []byte("acme/b"), []byte("acme/c")))
	}
	lie("1.0.0")
	p, err := s.Plugin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := p.Find(pack(t, "1.0.0")[0].Manifest.Version)
	_, err = fetch.Fetch(t.Context(), fetch.Sources{Default: s}, new(mem.Store), []resolve.Choice{{ID: id, Release: r, Package: r.Packages[0]}}, fetch.Options{})
	if err == nil || !strings.Contains(err.Error(), "does not equal what plugin.json says") {
		t.Errorf("fetched: %v", err)
	}
	lie("1.1.0")
	if _, err := s.Plugin(t.Context(), id); err == nil || !strings.Contains(err.Error(), "does not equal what plugin.json says") {
		t.Errorf("the header: %v", err)
	}
}

// TestBrokenReleases name the tag, and are errors: what claims to be a plugin is not left out.
func TestBrokenReleases(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	push(t, s, pack(t, "1.0.0", "1.1.0")...)
	g.Untag(repo, oci.TagIndex)
	_, raw := g.At(repo, "1.0.0")
	for name, b := range map[string][]byte{
		"no annotation":     bytes.Replace(raw, []byte(artifact.AnnotationResolve), []byte("x"), 1),
		"another schema":    bytes.Replace(raw, []byte(`"schemaVersion":2`), []byte(`"schemaVersion":1`), 1),
		"another plugin":    bytes.ReplaceAll(raw, []byte("acme/a"), []byte("acme/z")),
		"package elsewhere": bytes.Replace(raw, []byte("sha256:"), []byte("md5:"), 1),
	} {
		if bytes.Equal(b, raw) {
			t.Fatalf("%s: unchanged", name)
		}
		g.Tag(repo, "1.0.0", artifact.MediaIndex, b)
		if _, err := s.Plugin(t.Context(), id); err == nil || !strings.Contains(err.Error(), "1.0.0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestChangedOnTheWay has a registry that says another digest than the bytes have.
func TestChangedOnTheWay(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	push(t, s, pack(t, "1.0.0")...)
	g.Untag(repo, oci.TagIndex)
	d, raw := g.At(repo, "1.0.0")
	g.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		mine := strings.HasSuffix(r.URL.Path, "/1.0.0")
		if mine {
			w.Header().Set("Docker-Content-Digest", string(d))
			w.Write(append(raw, '\n'))
		}
		return mine
	})
	if _, err := s.Plugin(t.Context(), id); !errors.Is(err, artifact.ErrDigest) {
		t.Error(err)
	}
}

// TestEndlessLists stop at a limit.
func TestEndlessLists(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	page := func(f func(n int) (tags string, next string)) {
		n := 0
		g.Answer(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/tags/list") {
				return false
			}
			tags, next := f(n)
			n++
			if next != "" {
				w.Header().Set("Link", "<"+next+`>; rel="next"`)
			}
			io.WriteString(w, `{"tags":[`+tags+`]}`)
			return true
		})
	}
	many := func(n, of int) string {
		var b strings.Builder
		for i := range of {
			fmt.Fprintf(&b, `"t%d-%d",`, n, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for name, f := range map[string]func(n int) (string, string){
		"one page again and again": func(int) (string, string) { return `"1.0.0"`, "?last=1.0.0" },
		"no tags, and a next page": func(int) (string, string) { return ``, "?last=1.0.0" },
		"too many tags":            func(n int) (string, string) { return many(n, 20000), "?last=x" },
		"too many pages":           func(n int) (string, string) { return many(n, 1), "?last=x" },
		"a huge page":              func(int) (string, string) { return strings.Repeat(" ", 5<<20), "" },
		"no list":                  func(int) (string, string) { return `1`, "" },
	} {
		page(f)
		if _, err := s.Plugin(t.Context(), id); !errors.Is(err, client.ErrProtocol) {
			t.Errorf("%s: %.300v", name, err)
		}
	}
	page(func(n int) (string, string) {
		var b strings.Builder
		for i := range index.MaxReleases + 1 {
			fmt.Fprintf(&b, `"1.0.%d",`, i)
		}
		return strings.TrimSuffix(b.String(), ","), ""
	})
	g.Requests()
	if _, err := s.Plugin(t.Context(), id); !errors.Is(err, index.ErrDocument) || len(g.Requests()) > 2 {
		t.Errorf("too many versions: %v", err)
	}
}

// TestLinksStayHere follows the query of a link only.
func TestLinksStayHere(t *testing.T) {
	g := ocitest.New(t)
	s := open(t, g)
	list := pack(t, "1.0.0", "1.1.0")
	push(t, s, list...)
	elsewhere := ocitest.New(t)
	g.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		first := strings.HasSuffix(r.URL.Path, "/tags/list") && r.URL.Query().Get("last") == ""
		if first {
			w.Header().Add("Link", "<"+elsewhere.URL+`/v2/x>; rel="prev"`)
			w.Header().Add("Link", "<"+elsewhere.URL+`/v2/x/tags/list?last=1.0.0&n=1>; title="a, b"; REL=next`)
			io.WriteString(w, `{"tags":["1.0.0"]}`)
		}
		return first
	})
	if got, _ := document(t, g, s); got != folder(t, list...) {
		t.Errorf("got\n%s", got)
	}
	if asked := elsewhere.Requests(); len(asked) > 0 {
		t.Errorf("asked elsewhere: %q", asked)
	}
}
