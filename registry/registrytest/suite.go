package registrytest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/version"
)

// Run checks the backends that open makes, through the handler and the client. Each
// call of open gives an empty backend.
func Run(t *testing.T, open func(*testing.T) registry.Backend) {
	for name, f := range map[string]func(*testing.T, *Server){
		"publish and read":     publishAndRead,
		"versions never move":  versionsNeverMove,
		"tokens":               tokens,
		"dry run":              dryRun,
		"yank":                 yank,
		"quarantine":           quarantine,
		"removal":              removal,
		"deprecation":          deprecation,
		"channels":             channels,
		"search":               search,
		"conditional index":    conditionalIndex,
		"revisions":            revisions,
		"positions":            positions,
		"names":                nameList,
		"encodings":            encodings,
		"golden":               golden,
		"hostile publications": hostilePublications,
		"uploads":              uploads,
		"ranges":               ranges,
		"concurrent publishes": concurrentPublishes,
		"tags and referrers":   tagsAndReferrers,
		"not found":            notFound,
		"offers":               offers,
		"offers of published":  offersOfPublished,
		"many offers":          manyOffers,
		"kind plugin":          pluginKind,
		"kind oci":             ociKind,
	} {
		t.Run(name, func(t *testing.T) { f(t, Serve(t, open(t))) })
	}
}

func (s *Server) push(t *testing.T, list ...*artifact.Packed) {
	t.Helper()
	for _, p := range list {
		plugintest.Push(t, s.Client().Target(p.Manifest.ID), p)
	}
}

func (s *Server) plugin(t *testing.T, id manifest.ID) *index.Plugin {
	t.Helper()
	p, err := s.ClientWith("").Plugin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// call sends a request with the token and returns status, header and body.
func (s *Server) call(t *testing.T, method, path, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("x", Token)
	r.Header.Set("Accept-Encoding", "identity") // the client of net/http would ask for gzip
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

func publishAndRead(t *testing.T, s *Server) {
	one, two := plugintest.Pack(t, "acme/hello", "1.0.0"), plugintest.Pack(t, "acme/hello", "1.1.0", "requires: { acme/base: ^1 }")
	s.push(t, one, two)
	p := s.plugin(t, "acme/hello")
	if len(p.Releases) != 2 || p.Releases[0].Digest != one.Digest || p.Releases[1].Digest != two.Digest || p.Summary != "The acme/hello plugin" {
		t.Fatalf("got %+v", p)
	}
	r := p.Releases[1]
	if r.Time.IsZero() || len(r.Requires) != 1 || strings.Contains(string(r.Raw), "The acme") || strings.Contains(string(r.Raw), "leaf") {
		t.Fatalf("record %s", r.Raw)
	}
	im, err := artifact.Read(t.Context(), s.Client().Blobs("acme/hello"), r.Image())
	if err != nil || im.Manifest.Version.String() != "1.1.0" {
		t.Fatal(im, err)
	}
	before := p.Releases[0].Raw
	s.push(t, plugintest.Pack(t, "acme/hello", "2.0.0"))
	if !bytes.Equal(s.plugin(t, "acme/hello").Releases[0].Raw, before) {
		t.Fatal("a record changed its bytes")
	}
}

func versionsNeverMove(t *testing.T, s *Server) {
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	s.push(t, p)
	doc := s.plugin(t, "acme/hello").Document
	s.push(t, p)
	if s.plugin(t, "acme/hello").Document != doc {
		t.Fatal("publishing again changed the index")
	}
	other := plugintest.Pack(t, "acme/hello", "1.0.0", "license: MIT")
	err := errors.Join(put(t, s, other))
	if err == nil {
		err = s.Client().Target("acme/hello").Tag(t.Context(), "acme/hello", "1.0.0", other.Descriptor)
	}
	if !errors.Is(err, registry.ErrBound) {
		t.Fatalf("got %v, want ErrBound", err)
	}
	if s.plugin(t, "acme/hello").Document != doc {
		t.Fatal("a refused publication changed the index")
	}
}

// put pushes and tags without failing the test.
func put(t *testing.T, s *Server, p *artifact.Packed) error {
	to := s.Client().Target(p.Manifest.ID)
	for _, b := range p.Blobs() {
		r, err := p.Open(t.Context(), b.Descriptor)
		if err != nil {
			return err
		}
		err = to.Put(t.Context(), b.Descriptor, r)
		r.Close()
		if err != nil {
			return err
		}
	}
	return to.Tag(t.Context(), string(p.Manifest.ID), p.Manifest.Version.String(), p.Descriptor)
}

func tokens(t *testing.T, s *Server) {
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	for _, token := range []string{"", "wrong"} {
		c := s.ClientWith(token)
		b := p.Blobs()[0]
		r, err := p.Open(t.Context(), b.Descriptor)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Target("acme/hello").Put(t.Context(), b.Descriptor, r); !errors.Is(err, client.ErrUnauthorized) {
			t.Errorf("put with token %q: %v", token, err)
		}
		r.Close()
		if _, err := c.Yank(t.Context(), registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0")}); !errors.Is(err, client.ErrUnauthorized) {
			t.Errorf("yank with token %q: %v", token, err)
		}
	}
	if _, err := s.Client().Plugin(t.Context(), "acme/hello"); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("something was published: %v", err)
	}
}

func dryRun(t *testing.T, s *Server) {
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	im, raw := p.Image, readAll(t, p, p.Descriptor)
	rel, err := index.NewRelease(index.Record{Facts: artifact.FactsOf(im.Manifest), Digest: im.Digest, Size: im.Size, Packages: []index.Package{}})
	if err != nil {
		t.Fatal(err)
	}
	c := registry.Commit{
		Repo: "acme/hello", Tags: []string{"1.0.0"}, Manifest: &registry.Manifest{Descriptor: im.Descriptor, Raw: raw},
		Release: &registry.Release{Header: index.Header{V: 1, ID: "acme/hello"}, Release: rel}, DryRun: true,
	}
	if _, err := s.Backend.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Backend.Document(t.Context(), "acme/hello"); !errors.Is(err, index.ErrNotFound) {
		t.Fatalf("a dry run published: %v", err)
	}
	if _, _, err := s.Backend.Manifest(t.Context(), "acme/hello", "1.0.0"); !errors.Is(err, registry.ErrNotFound) {
		t.Fatalf("a dry run tagged: %v", err)
	}
}

func readAll(t *testing.T, b artifact.Blobs, d artifact.Descriptor) []byte {
	t.Helper()
	raw, err := artifact.ReadBlob(t.Context(), b, d, artifact.MaxManifest)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func yank(t *testing.T, s *Server) {
	s.push(t, plugintest.Pack(t, "acme/hello", "1.0.0"), plugintest.Pack(t, "acme/hello", "1.1.0"))
	raw := s.plugin(t, "acme/hello").Releases[1].Raw
	y := registry.Yank{ID: "acme/hello", Version: version.MustParse("1.1.0"), Reason: `eats "files" & more`}
	for _, want := range []bool{true, false} {
		if changed, err := s.Client().Yank(t.Context(), y); err != nil || changed != want {
			t.Fatal(changed, err)
		}
	}
	p := s.plugin(t, "acme/hello")
	if r := p.Releases[1]; r.State.Yanked == nil || r.State.Yanked.Reason != y.Reason || !bytes.Equal(r.Raw, raw) {
		t.Fatalf("got %+v", r.State)
	}
	if r, _ := p.Latest(); r.Version.String() != "1.0.0" {
		t.Fatalf("latest is %s", r.Version)
	}
	y.Undo = true
	if changed, err := s.Client().Yank(t.Context(), y); err != nil || !changed {
		t.Fatal(changed, err)
	}
	if s.plugin(t, "acme/hello").Releases[1].State.Yanked != nil {
		t.Fatal("still yanked")
	}
	y.Version = version.MustParse("9.0.0")
	if _, err := s.Client().Yank(t.Context(), y); !errors.Is(err, registry.ErrNotFound) {
		t.Fatalf("unknown release: %v", err)
	}
}

func search(t *testing.T, s *Server) {
	s.push(t, plugintest.Pack(t, "acme/hello", "1.0.0", "keywords: [friendly]"), plugintest.Pack(t, "acme/hello-world", "1.0.0"),
		plugintest.Pack(t, "zed/last", "1.0.0"), plugintest.Pack(t, "zed/last", "2.0.0-rc.1"))
	for text, want := range map[string]string{
		"":               "acme/hello acme/hello-world zed/last",
		"hello":          "acme/hello acme/hello-world",
		"acme/hello":     "acme/hello acme/hello-world",
		"HELLO world":    "acme/hello-world",
		"friendly":       "acme/hello",
		"nothing":        "",
		`"`:              "",
		"hello OR last":  "",
		"NEAR(a b) *":    "",
		"zed/last":       "zed/last",
		"'; drop table":  "",
		"hel":            "acme/hello acme/hello-world",
		"summary:plugin": "",
	} {
		if got := strings.Join(s.search(t, index.Query{Text: text}), " "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := s.search(t, index.Query{Point: "acme.dev/greeter", Runtime: "wasm", Limit: 2}); len(got) != 2 {
		t.Errorf("filters: got %v", got)
	}
	if got := s.search(t, index.Query{Runtime: "process"}); len(got) != 0 {
		t.Errorf("runtime: got %v", got)
	}
	if got := s.search(t, index.Query{Point: "acme.dev/other"}); len(got) != 0 {
		t.Errorf("point: got %v", got)
	}
	for _, bad := range []string{"limit=0", "limit=x", "point=A B", "q=" + strings.Repeat("x", 201)} {
		if code, _, _ := s.call(t, "GET", registry.RouteSearch+"?"+strings.ReplaceAll(bad, " ", "%20"), ""); code != http.StatusBadRequest {
			t.Errorf("%s: %d", bad[:min(20, len(bad))], code)
		}
	}
}

// search returns the ids in alphabetical order behind an exact one.
func (s *Server) search(t *testing.T, q index.Query) []string {
	t.Helper()
	var out []string
	for h, err := range s.ClientWith("").Search(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		if h.ID == "zed/last" && h.Version.String() != "1.0.0" {
			t.Errorf("the pre-release %s is shown as latest", h.Version)
		}
		out = append(out, string(h.ID))
	}
	if len(out) > 0 && strings.Contains(q.Text, "/") && out[0] != q.Text {
		t.Errorf("%q: an exact id does not come first: %v", q.Text, out)
	}
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(a, b) })
	return out
}

func conditionalIndex(t *testing.T, s *Server) {
	s.push(t, plugintest.Pack(t, "acme/hello", "1.0.0"))
	code, h, body := s.call(t, "GET", "/index/v1/acme/hello", "")
	d := artifact.DigestOf([]byte(body))
	if code != 200 || h.Get("ETag") != `"`+d.Hex()+`"` || !strings.Contains(h.Get("Cache-Control"), "max-age=60") {
		t.Fatalf("%d %v", code, h)
	}
	if code, _, body := s.call(t, "GET", "/index/v1/acme/hello", "", "If-None-Match", h.Get("ETag")); code != 304 || body != "" {
		t.Fatalf("unchanged: %d %q", code, body)
	}
	code, h, twin := s.call(t, "GET", "/index/v1/at/"+d.Hex(), "")
	if code != 200 || twin != body || !strings.Contains(h.Get("Cache-Control"), "immutable") {
		t.Fatalf("twin: %d %v", code, h)
	}
	if code, _, _ := s.call(t, "GET", "/index/v1/at/"+strings.Repeat("0", 64), ""); code != 404 {
		t.Fatalf("unknown digest: %d", code)
	}
	if code, _, body := s.call(t, "GET", registry.RouteDiscovery, ""); code != 200 || !strings.Contains(body, `"protocol":1`) {
		t.Fatalf("discovery: %d %s", code, body)
	}
}

func hostilePublications(t *testing.T, s *Server) {
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	raw := string(readAll(t, p, p.Descriptor))
	manifestType := []string{"Content-Type", artifact.MediaIndex}
	if code, _, body := s.call(t, "PUT", "/v2/acme/hello/manifests/1.0.0", raw, manifestType...); code != 400 || !strings.Contains(body, "MANIFEST_BLOB_UNKNOWN") {
		t.Errorf("children missing: %d %s", code, body)
	}
	s.push(t, p)
	for name, c := range map[string]struct {
		path, body string
		code       int
		want       string
	}{
		"other tag":        {"/v2/acme/hello/manifests/1.0.1", raw, 422, "PLUGIN_INVALID"},
		"no version":       {"/v2/acme/hello/manifests/latest", raw, 422, "PLUGIN_INVALID"},
		"not a plugin":     {"/v2/acme/hello/manifests/2.0.0", `{"schemaVersion":2,"mediaType":"` + artifact.MediaIndex + `","manifests":[]}`, 422, "PLUGIN_INVALID"},
		"edited facts":     {"/v2/acme/hello/manifests/1.0.0", strings.Replace(raw, "acme.dev/greeter", "acme.dev/changed", 1), 422, "PLUGIN_INVALID"},
		"wrong digest":     {"/v2/acme/hello/manifests/sha256:" + strings.Repeat("0", 64), raw, 400, "DIGEST_INVALID"},
		"repeated keys":    {"/v2/acme/hello/manifests/2.0.0", `{"mediaType":"x","mediaType":"y"}`, 400, "MANIFEST_INVALID"},
		"not JSON":         {"/v2/acme/hello/manifests/2.0.0", "hello", 400, "MANIFEST_INVALID"},
		"too large":        {"/v2/acme/hello/manifests/2.0.0", strings.Repeat(" ", artifact.MaxManifest+1), 413, "SIZE_INVALID"},
		"bad tag":          {"/v2/acme/hello/manifests/-x", raw, 400, "MANIFEST_INVALID"},
		"bad name":         {"/v2/Acme/hello/manifests/1.0.0", raw, 400, "NAME_INVALID"},
		"path tricks":      {"/v2/acme/..%2f..%2fetc/manifests/1.0.0", raw, 0, ""},
		"unknown route":    {"/v2/acme/hello/secrets/1", raw, 404, "NAME_UNKNOWN"},
		"method":           {"/v2/acme/hello/tags/list", raw, 405, "UNSUPPORTED"},
		"media type":       {"/v2/acme/hello/manifests/2.0.0", `{"mediaType":"text/html"}`, 400, "MANIFEST_INVALID"},
		"other media type": {"/v2/acme/hello/manifests/2.0.0", `{"mediaType":"` + artifact.MediaManifest + `"}`, 400, "MANIFEST_INVALID"},
	} {
		code, _, body := s.call(t, "PUT", c.path, c.body, manifestType...)
		if c.code != 0 && code != c.code || code < 400 || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	other := plugintest.Pack(t, "acme/other", "1.0.0")
	for _, b := range other.Blobs() {
		r, _ := other.Open(t.Context(), b.Descriptor)
		if err := s.Client().Target("acme/hello").Put(t.Context(), b.Descriptor, r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	if code, _, body := s.call(t, "PUT", "/v2/acme/hello/manifests/1.5.0", string(readAll(t, other, other.Descriptor)), manifestType...); code != 422 {
		t.Errorf("another plugin's artifact: %d %s", code, body)
	}
	if n := len(s.plugin(t, "acme/hello").Releases); n != 1 {
		t.Errorf("%d releases, want 1", n)
	}
}

func uploads(t *testing.T, s *Server) {
	const content = "hello, world"
	d := artifact.DigestOf([]byte(content))
	code, h, _ := s.call(t, "POST", "/v2/acme/x/blobs/uploads/", "")
	at := h.Get("Location")
	if code != 202 || at == "" {
		t.Fatal(code, h)
	}
	if code, _, body := s.call(t, "GET", "/v2/acme/x/tags/list", ""); code != 404 {
		t.Errorf("an upload that was begun makes a repository: %d %s", code, body)
	}
	if code, h, _ := s.call(t, "PATCH", at, content[:5], "Content-Range", "0-4"); code != 202 || h.Get("Range") != "0-4" {
		t.Fatal(code, h)
	}
	if code, _, _ := s.call(t, "PATCH", at, "xx", "Content-Range", "9-10"); code != 416 {
		t.Fatalf("gap: %d", code)
	}
	if code, h, _ := s.call(t, "GET", at, ""); code != 204 || h.Get("Range") != "0-4" {
		t.Fatal(code, h)
	}
	if code, h, _ := s.call(t, "PUT", at+"?digest="+string(d), content[5:]); code != 201 || h.Get("Docker-Content-Digest") != string(d) {
		t.Fatal(code, h)
	}
	if code, _, body := s.call(t, "GET", "/v2/acme/x/blobs/"+string(d), ""); code != 200 || body != content {
		t.Fatal(code, body)
	}
	if code, _, _ := s.call(t, "POST", "/v2/acme/x/blobs/uploads/?digest="+string(d), content); code != 201 {
		t.Fatalf("monolithic: %d", code)
	}
	if code, _, _ := s.call(t, "POST", "/v2/acme/x/blobs/uploads/?digest="+string(d), "other"); code != 400 {
		t.Fatalf("wrong content: %d", code)
	}
	if code, _, _ := s.call(t, "POST", "/v2/acme/y/blobs/uploads/?mount="+string(d)+"&from=acme/x", ""); code != 201 {
		t.Fatalf("mount: %d", code)
	}
	if code, _, _ := s.call(t, "POST", "/v2/acme/y/blobs/uploads/?mount=sha256:"+strings.Repeat("0", 64)+"&from=acme/x", ""); code != 202 {
		t.Fatalf("mount of nothing: %d", code)
	}
	_, h, _ = s.call(t, "POST", "/v2/acme/x/blobs/uploads/", "")
	if code, _, _ := s.call(t, "DELETE", h.Get("Location"), ""); code != 204 {
		t.Fatalf("cancel: %d", code)
	}
	if code, _, _ := s.call(t, "PATCH", h.Get("Location"), "x"); code != 404 {
		t.Fatalf("after cancel: %d", code)
	}
	if code, _, _ := s.call(t, "PATCH", "/v2/acme/x/blobs/uploads/..%2f..%2fpasswd", "x"); code < 400 {
		t.Fatalf("path in an upload name: %d", code)
	}
}

func ranges(t *testing.T, s *Server) {
	const content = "0123456789"
	d := artifact.DigestOf([]byte(content))
	s.call(t, "POST", "/v2/acme/x/blobs/uploads/?digest="+string(d), content)
	for header, want := range map[string]string{"bytes=2-4": "234", "bytes=7-": "789", "bytes=-3": "789"} {
		if code, h, body := s.call(t, "GET", "/v2/acme/x/blobs/"+string(d), "", "Range", header); code != 206 || body != want || h.Get("Accept-Ranges") != "bytes" {
			t.Errorf("%s: %d %q", header, code, body)
		}
	}
	if code, _, _ := s.call(t, "GET", "/v2/acme/x/blobs/"+string(d), "", "Range", "bytes=50-"); code != 416 {
		t.Errorf("beyond the end: %d", code)
	}
	if code, h, body := s.call(t, "HEAD", "/v2/acme/x/blobs/"+string(d), ""); code != 200 || h.Get("Content-Length") != "10" || body != "" {
		t.Errorf("head: %d %v", code, h)
	}
}

func concurrentPublishes(t *testing.T, s *Server) {
	var packed []*artifact.Packed
	for i := range 6 {
		packed = append(packed, plugintest.Pack(t, "acme/hello", fmt.Sprintf("1.%d.0", i)))
	}
	var wg sync.WaitGroup
	for _, p := range packed {
		for range 2 {
			wg.Go(func() {
				if err := put(t, s, p); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if n := len(s.plugin(t, "acme/hello").Releases); n != len(packed) {
		t.Fatalf("%d releases, want %d", n, len(packed))
	}
}

func tagsAndReferrers(t *testing.T, s *Server) {
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	s.push(t, p, plugintest.Pack(t, "acme/hello", "1.1.0"), plugintest.Pack(t, "acme/hello", "1.2.0"))
	for query, want := range map[string]string{"": `["1.0.0","1.1.0","1.2.0"]`, "?n=2": `["1.0.0","1.1.0"]`, "?n=2&last=1.1.0": `["1.2.0"]`, "?n=0": "[]"} {
		if code, _, body := s.call(t, "GET", "/v2/acme/hello/tags/list"+query, ""); code != 200 || !strings.Contains(body, `"tags":`+want) {
			t.Errorf("tags%s: %d %s", query, code, body)
		}
	}
	empty := artifact.Describe(artifact.MediaEmpty, []byte("{}"))
	s.call(t, "POST", "/v2/acme/hello/blobs/uploads/?digest="+string(empty.Digest), "{}")
	ref := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"artifactType":"text/x-note","config":{"mediaType":%q,"digest":%q,"size":2},"layers":[],"subject":{"mediaType":%q,"digest":%q,"size":%d}}`,
		artifact.MediaManifest, artifact.MediaEmpty, empty.Digest, artifact.MediaIndex, p.Digest, p.Size)
	d := artifact.DigestOf([]byte(ref))
	if code, h, body := s.call(t, "PUT", "/v2/acme/hello/manifests/"+string(d), ref, "Content-Type", artifact.MediaManifest); code != 201 || h.Get("OCI-Subject") != string(p.Digest) {
		t.Fatal(code, body)
	}
	for filter, want := range map[string]bool{"": true, "?artifactType=text/x-note": true, "?artifactType=other": false} {
		if code, _, body := s.call(t, "GET", "/v2/acme/hello/referrers/"+string(p.Digest)+filter, ""); code != 200 || strings.Contains(body, string(d)) != want {
			t.Errorf("referrers%s: %d %s", filter, code, body)
		}
	}
}

func notFound(t *testing.T, s *Server) {
	zero := "sha256:" + strings.Repeat("0", 64)
	for _, path := range []string{
		"/v2/acme/none/tags/list", "/v2/acme/none/manifests/1.0.0", "/v2/acme/none/manifests/" + zero, "/v2/acme/none/blobs/" + zero,
		"/v2/acme/none/manifests/.bad", "/index/v1/acme/none", "/v2/acme/none/blobs/uploads/none",
	} {
		if code, _, body := s.call(t, "GET", path, ""); code != 404 {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, _, _ := s.call(t, "GET", "/index/v1/Acme/none", ""); code != 400 {
		t.Errorf("bad name: %d", code)
	}
	if code, _, _ := s.call(t, "GET", "/v2/", ""); code != 200 {
		t.Errorf("ping: %d", code)
	}
}
