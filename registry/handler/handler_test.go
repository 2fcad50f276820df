package handler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/registry/registrytest"
)

func everybody(*http.Request, handler.Access) (string, error) { return "tester", nil }

// send makes a request to h. Headers come in pairs.
func send(h http.Handler, method, target string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func want(t *testing.T, what string, w *httptest.ResponseRecorder, status int, text string) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), text) {
		t.Errorf("%s: %d %s, want %d %s", what, w.Code, w.Body, status, text)
	}
}

func TestNobodyWritesByDefault(t *testing.T) {
	h := handler.New(memory.New(), handler.Options{})
	for _, target := range []string{
		"POST /v2/acme/x/blobs/uploads/", "PATCH /v2/acme/x/blobs/uploads/a", "PUT /v2/acme/x/blobs/uploads/a", "DELETE /v2/acme/x/blobs/uploads/a",
		"PUT /v2/acme/x/manifests/1.0.0", "PUT /api/v1/plugins/acme/x/versions/1.0.0/yank", "DELETE /api/v1/plugins/acme/x/versions/1.0.0/yank",
	} {
		method, path, _ := strings.Cut(target, " ")
		w := send(h, method, path, nil)
		want(t, target, w, 401, "UNAUTHORIZED")
		if w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", target)
		}
	}
}

func TestMethods(t *testing.T) {
	h := handler.New(memory.New(), handler.Options{Access: everybody})
	zero := "sha256:" + strings.Repeat("0", 64)
	for _, target := range []string{
		"DELETE /v2/acme/x/manifests/1.0.0", "DELETE /v2/acme/x/blobs/" + zero, "PUT /v2/acme/x/blobs/" + zero, "POST /v2/acme/x/manifests/1.0.0",
		"POST /v2/acme/x/tags/list", "PUT /v2/acme/x/referrers/" + zero, "POST /v2/acme/x/blobs/uploads/a", "PATCH /v2/acme/x/blobs/uploads/", "BREW /v2/acme/x/tags/list",
		"POST /index/v1/acme/x", "POST /api/v1/search", "GET /api/v1/plugins/acme/x/versions/1.0.0/yank",
	} {
		method, path, _ := strings.Cut(target, " ")
		want(t, target, send(h, method, path, nil), 405, "")
	}
}

func TestNames(t *testing.T) {
	h := handler.New(memory.New(), handler.Options{Access: everybody})
	for _, repo := range []string{"Acme/x", "acme//x", "acme/x-", "acme/.x", "acme/x%00", "acme/x%0a", "acme/é", strings.Repeat("a", 256), "acme/x%20y", "acme/..%2fx"} {
		if w := send(h, "GET", "/v2/"+repo+"/tags/list", nil); w.Code < 300 || w.Code >= 500 {
			t.Errorf("%s: %d %s", repo, w.Code, w.Body)
		}
	}
	for _, repo := range []string{"a", "acme/x.y", "acme/x__y", "acme/x--y", "a/b/c", "acme/" + strings.Repeat("a", 250)} {
		want(t, repo, send(h, "POST", "/v2/"+repo+"/blobs/uploads/", nil), 202, "")
	}
}

// TestNamesOfRoutes publishes plugins whose names are words of the protocol.
func TestNamesOfRoutes(t *testing.T) {
	s := registrytest.New(t)
	for _, id := range []string{"acme/blobs", "acme/manifests", "acme/referrers", "blobs/uploads", "tags/list", "at/acme"} {
		p := plugintest.Pack(t, id, "1.0.0")
		plugintest.Push(t, s.Client().Target(p.Manifest.ID), p)
		doc, err := s.Client().Plugin(t.Context(), p.Manifest.ID)
		if err != nil || len(doc.Releases) != 1 {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if _, err := artifact.Read(t.Context(), s.Client().Blobs(doc.ID), doc.Releases[0].Image()); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestUploadLimits(t *testing.T) {
	b := memory.New()
	h := handler.New(b, handler.Options{Access: everybody, MaxBlob: 10})
	digest := func(s string) string { return string(artifact.DigestOf([]byte(s))) }
	const at = "/v2/acme/x/blobs/uploads/"
	want(t, "at the limit", send(h, "POST", at+"?digest="+digest("0123456789"), strings.NewReader("0123456789")), 201, "")
	want(t, "above it", send(h, "POST", at+"?digest="+digest("0123456789a"), strings.NewReader("0123456789a")), 413, "SIZE_INVALID")

	piece := send(h, "POST", at, nil).Header().Get("Location")
	want(t, "first piece", send(h, "PATCH", piece, strings.NewReader("01234")), 202, "")
	want(t, "too much in pieces", send(h, "PATCH", piece, strings.NewReader("567890")), 413, "SIZE_INVALID")
	want(t, "after that", send(h, "GET", piece, nil), 404, "BLOB_UPLOAD_UNKNOWN")

	piece = send(h, "POST", at, nil).Header().Get("Location")
	for _, bad := range []string{"1-4", "x", "5", "-0", "bytes=0-4"} {
		want(t, "range "+bad, send(h, "PATCH", piece, strings.NewReader("01234"), "Content-Range", bad), 416, "the next byte of this upload is 0")
	}
	want(t, "broken body", send(h, "PATCH", piece, io.MultiReader(strings.NewReader("012"), iotest.ErrReader(io.ErrUnexpectedEOF))), 416, "ended early")
	w := send(h, "GET", piece, nil)
	want(t, "what arrived stays", w, 204, "")
	if got := w.Header().Get("Range"); got != "0-2" {
		t.Errorf("range %s", got)
	}
	want(t, "no digest", send(h, "PUT", piece, nil), 400, "DIGEST_INVALID")
	want(t, "bad digest", send(h, "PUT", piece+"?digest=md5:0", nil), 400, "DIGEST_INVALID")
	want(t, "the rest", send(h, "PUT", piece+"?digest="+digest("01234"), strings.NewReader("34")), 201, "")
	want(t, "over", send(h, "PUT", piece+"?digest="+digest("01234"), nil), 404, "BLOB_UPLOAD_UNKNOWN")
	want(t, "of another repository", send(h, "PATCH", strings.Replace(send(h, "POST", at, nil).Header().Get("Location"), "acme/x", "acme/y", 1), nil), 404, "BLOB_UPLOAD_UNKNOWN")
}

// counting is a backend that counts open uploads.
type counting struct {
	registry.Backend
	names map[string]string
}

func (c counting) NewUpload(ctx context.Context, repo string, a artifact.Algorithm) (string, error) {
	name, err := c.Backend.NewUpload(ctx, repo, a)
	c.names[name] = repo
	return name, err
}

// TestFailedUploadsAreGone sends blobs in one request: nobody could go on with what is left
// of them.
func TestFailedUploadsAreGone(t *testing.T) {
	b := counting{memory.New(), map[string]string{}}
	h := handler.New(b, handler.Options{Access: everybody, MaxBlob: 10})
	d := string(artifact.DigestOf([]byte("hello")))
	const at = "/v2/acme/x/blobs/uploads/?digest="
	want(t, "other bytes", send(h, "POST", at+d, strings.NewReader("hullo")), 400, "DIGEST_INVALID")
	want(t, "broken", send(h, "POST", at+d, iotest.ErrReader(io.ErrUnexpectedEOF)), 416, "BLOB_UPLOAD_INVALID")
	want(t, "too large", send(h, "POST", at+d, strings.NewReader("hello, world")), 413, "SIZE_INVALID")
	want(t, "bad range", send(h, "POST", at+d, strings.NewReader("hello"), "Content-Range", "5-9"), 416, "BLOB_UPLOAD_INVALID")
	want(t, "bad digest", send(h, "POST", at+"sha256:0", strings.NewReader("hello")), 400, "DIGEST_INVALID")
	if len(b.names) != 0 {
		t.Errorf("%d uploads were begun", len(b.names))
	}
	if _, err := b.StatBlob(t.Context(), "acme/x", artifact.Digest(d)); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("the blob: %v", err)
	}
}

func TestManifestsThatLie(t *testing.T) {
	b := memory.New()
	h := handler.New(b, handler.Options{Access: everybody})
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	s := registrytest.Serve(t, b)
	plugintest.Push(t, s.Client().Target("acme/hello"), p)
	blob := artifact.Describe(artifact.MediaEmpty, []byte("{}"))
	want(t, "blob", send(h, "POST", "/v2/acme/hello/blobs/uploads/?digest="+string(blob.Digest), strings.NewReader("{}")), 201, "")
	index := func(digest string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, artifact.MediaIndex, artifact.MediaIndex, digest, p.Size)
	}
	image := func(size int, more string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]%s}`, artifact.MediaManifest, artifact.MediaEmpty, blob.Digest, size, more)
	}
	for name, c := range map[string]struct {
		body string
		code int
		want string
	}{
		"index":               {index(string(p.Digest)), 201, ""},
		"tag for a digest":    {index("1.0.0"), 400, "MANIFEST_INVALID"},
		"no digest":           {index(""), 400, "MANIFEST_INVALID"},
		"unknown child":       {index("sha256:" + strings.Repeat("0", 64)), 400, "MANIFEST_BLOB_UNKNOWN"},
		"image":               {image(2, ""), 201, ""},
		"size of a blob":      {image(3, ""), 400, "MANIFEST_INVALID"},
		"negative size":       {image(-1, ""), 400, "MANIFEST_INVALID"},
		"subject not there":   {image(2, fmt.Sprintf(`,"subject":{"mediaType":"x","digest":%q,"size":1}`, "sha256:"+strings.Repeat("1", 64))), 201, ""},
		"subject is nonsense": {image(2, `,"subject":{"mediaType":"x","digest":"a\r\nSet-Cookie: x","size":1}`), 400, "MANIFEST_INVALID"},
		"not an object":       {`[]`, 400, "MANIFEST_INVALID"},
		"deep":                {strings.Repeat("[", 1000), 400, "MANIFEST_INVALID"},
	} {
		d := artifact.DigestOf([]byte(c.body))
		w := send(h, "PUT", "/v2/acme/hello/manifests/"+string(d), strings.NewReader(c.body))
		want(t, name, w, c.code, c.want)
		if _, _, err := b.Manifest(t.Context(), "acme/hello", string(d)); (err == nil) != (c.code == 201) {
			t.Errorf("%s: kept: %t", name, err == nil)
		}
	}
	want(t, "broken body", send(h, "PUT", "/v2/acme/hello/manifests/2.0.0", iotest.ErrReader(io.ErrUnexpectedEOF)), 400, "MANIFEST_INVALID")
}

func TestTagsPages(t *testing.T) {
	b := memory.New()
	h := handler.New(b, handler.Options{})
	s := registrytest.Serve(t, b)
	for _, v := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		plugintest.Push(t, s.Client().Target("acme/hello"), plugintest.Pack(t, "acme/hello", v))
	}
	var got []string
	next := "/v2/acme/hello/tags/list?n=2"
	for next != "" {
		w := send(h, "GET", next, nil)
		got = append(got, strings.TrimSpace(w.Body.String()))
		next, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
	}
	if all := strings.Join(got, " "); all != `{"name":"acme/hello","tags":["1.0.0","1.1.0"]} {"name":"acme/hello","tags":["1.2.0"]}` {
		t.Error(all)
	}
	for query, tags := range map[string]string{"last=1.0.5": `["1.1.0","1.2.0"]`, "last=zzz": "[]", "n=99": `["1.0.0","1.1.0","1.2.0"]`} {
		want(t, query, send(h, "GET", "/v2/acme/hello/tags/list?"+query, nil), 200, `"tags":`+tags)
	}
	for _, n := range []string{"-1", "x", "1e9", "99999999999999999999"} {
		want(t, n, send(h, "GET", "/v2/acme/hello/tags/list?n="+n, nil), 400, "QUERY_INVALID")
	}
}

func TestConditionalManifest(t *testing.T) {
	b := memory.New()
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, registrytest.Serve(t, b).Client().Target("acme/hello"), p)
	h := handler.New(b, handler.Options{})
	const at = "/v2/acme/hello/manifests/1.0.0"
	head := send(h, "HEAD", at, nil)
	if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Docker-Content-Digest") != string(p.Digest) || head.Header().Get("Content-Length") != fmt.Sprint(p.Size) {
		t.Errorf("%d %v", head.Code, head.Header())
	}
	if w := send(h, "GET", at, nil, "If-None-Match", head.Header().Get("ETag")); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("unchanged: %d %s", w.Code, w.Body)
	}
	want(t, "changed", send(h, "GET", at, nil, "If-None-Match", `"x"`), 200, string(p.Packages[0].Digest))
}

func TestYankReasons(t *testing.T) {
	b := memory.New()
	plugintest.Push(t, registrytest.Serve(t, b).Client().Target("acme/hello"), plugintest.Pack(t, "acme/hello", "1.0.0"))
	h := handler.New(b, handler.Options{Access: everybody})
	const at = "/api/v1/plugins/acme/hello/versions/"
	for name, c := range map[string]struct {
		path, body string
		code       int
		want       string
	}{
		"two lines":       {at + "1.0.0/yank", `{"reason":"a\nb"}`, 400, "QUERY_INVALID"},
		"steers":          {at + "1.0.0/yank", `{"reason":"a\u009b31m"}`, 400, "QUERY_INVALID"},
		"long":            {at + "1.0.0/yank", `{"reason":"` + strings.Repeat("é", 201) + `"}`, 400, "QUERY_INVALID"},
		"huge":            {at + "1.0.0/yank", `{"reason":"` + strings.Repeat("x", 1<<17) + `"}`, 400, "QUERY_INVALID"},
		"not JSON":        {at + "1.0.0/yank", `reason`, 400, "QUERY_INVALID"},
		"number":          {at + "1.0.0/yank", `{"reason":1}`, 400, "QUERY_INVALID"},
		"no version":      {at + "latest/yank", ``, 404, "RELEASE_UNKNOWN"},
		"unknown version": {at + "9.0.0/yank", ``, 404, "RELEASE_UNKNOWN"},
		"unknown plugin":  {"/api/v1/plugins/acme/none/versions/1.0.0/yank", ``, 404, "RELEASE_UNKNOWN"},
		"bad id":          {"/api/v1/plugins/Acme/x/versions/1.0.0/yank", ``, 400, "NAME_INVALID"},
	} {
		w := send(h, "PUT", c.path, strings.NewReader(c.body))
		want(t, name, w, c.code, c.want)
		if w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s", name, w.Header().Get("Content-Type"))
		}
	}
	want(t, "no reason", send(h, "PUT", at+"1.0.0/yank", nil), 200, `"changed":true`)
	want(t, "longest", send(h, "PUT", at+"1.0.0/yank", strings.NewReader(`{"reason":"`+strings.Repeat("é", 200)+`"}`)), 200, `"changed":true`)
}

func TestClockOfPublications(t *testing.T) {
	b := memory.New()
	now := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	s := httptest.NewServer(handler.New(b, handler.Options{Access: everybody, Now: func() time.Time { return now }}))
	defer s.Close()
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	c, err := client.New(s.URL, client.Options{Token: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := publish.Push(t.Context(), c.Target("acme/hello"), p, publish.Options{}); err != nil {
		t.Fatal(err)
	}
	doc, err := c.Plugin(t.Context(), "acme/hello")
	if err != nil || !doc.Releases[0].Time.Equal(now) {
		t.Errorf("%+v %v", doc, err)
	}
}

// broken is a backend whose every method fails with err.
type broken struct {
	registry.Backend
	err error
}

func (b broken) Namespace(_ context.Context, name string) (registry.Namespace, error) {
	if name == "oci" {
		return registry.Namespace{Name: name, Kind: registry.KindOCI}, nil
	}
	return registry.Namespace{}, registry.ErrNotFound
}

func (b broken) StatBlob(context.Context, string, artifact.Digest) (int64, error) { return 0, b.err }

func (b broken) Revision(context.Context) (string, error) { return "0", b.err }
func (b broken) Document(context.Context, manifest.ID) ([]byte, artifact.Digest, error) {
	return nil, "", b.err
}
func (b broken) DocumentAt(context.Context, artifact.Digest) ([]byte, error) { return nil, b.err }
func (b broken) Search(context.Context, index.Query) iter.Seq2[index.Hit, error] {
	return func(yield func(index.Hit, error) bool) { yield(index.Hit{}, b.err) }
}

func (b broken) OpenBlob(context.Context, string, artifact.Digest) (io.ReadSeekCloser, int64, error) {
	return nil, 0, b.err
}

func (b broken) NewUpload(context.Context, string, artifact.Algorithm) (string, error) {
	return "", b.err
}

func (b broken) Upload(context.Context, string, string) (registry.Upload, error) {
	return full{b.err}, nil
}

func (b broken) Manifest(context.Context, string, string) (artifact.Descriptor, []byte, error) {
	return artifact.Descriptor{}, nil, b.err
}
func (b broken) Tags(context.Context, string, registry.Page) ([]string, error) { return nil, b.err }
func (b broken) Referrers(context.Context, string, artifact.Digest, string, registry.Page) ([]artifact.Descriptor, error) {
	return nil, b.err
}

func (b broken) Commit(context.Context, registry.Commit) (registry.Receipt, error) {
	return registry.Receipt{}, b.err
}

// full is an upload to a full disk.
type full struct{ err error }

func (f full) Size() int64                                              { return 0 }
func (f full) Append(context.Context, io.Reader) error                  { return f.err }
func (f full) Commit(context.Context, io.Reader, artifact.Digest) error { return f.err }
func (f full) Cancel(context.Context) error                             { return nil }
func (f full) Close() error                                             { return nil }

func TestBrokenBackend(t *testing.T) {
	zero := strings.Repeat("0", 64)
	empty := string(artifact.DigestOf([]byte("{}")))
	requests := []string{
		"GET /index/v1/acme/x", "GET " + registry.RouteRevision, "GET /index/v1/at/" + zero, "GET /api/v1/search", "PUT /api/v1/plugins/acme/x/versions/1.0.0/yank",
		"GET /v2/acme/x/blobs/sha256:" + zero, "HEAD /v2/acme/x/blobs/sha256:" + zero, "DELETE /v2/oci/x/blobs/sha256:" + zero, "POST /v2/acme/x/blobs/uploads/", "PATCH /v2/acme/x/blobs/uploads/a",
		"PUT /v2/acme/x/blobs/uploads/a?digest=sha256:" + zero, "GET /v2/acme/x/manifests/1.0.0", "GET /v2/acme/x/tags/list",
		"GET /v2/acme/x/referrers/sha256:" + zero, "PUT /v2/acme/x/manifests/" + empty,
	}
	for _, c := range []struct {
		err  error
		code int
	}{{errors.New("disk /var/secret is full"), 500}, {registry.ErrBusy, 429}} {
		var log bytes.Buffer
		h := handler.New(broken{err: c.err}, handler.Options{Access: everybody, Log: slog.New(slog.NewTextHandler(&log, nil))})
		for _, request := range requests {
			method, path, _ := strings.Cut(request, " ")
			log.Reset()
			var body io.Reader
			if strings.Contains(path, "manifests") {
				body = strings.NewReader("{}")
			}
			w := send(h, method, path, body, "Content-Type", artifact.MediaIndex)
			want(t, request, w, c.code, "")
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%s tells strangers %s", request, w.Body)
			}
			if logged := strings.Contains(log.String(), "secret"); logged != (c.code == 500) {
				t.Errorf("%s: log %q", request, log.String())
			}
		}
	}
}
