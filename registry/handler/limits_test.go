package handler_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// published returns the handler of a registry with acme/hello 1.0.0.
func published(t *testing.T) (http.Handler, *memory.Registry, *artifact.Packed) {
	t.Helper()
	b := memory.New()
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, registrytest.Serve(t, b).Client().Target("acme/hello"), p)
	return handler.New(b, handler.Options{Access: everybody}), b, p
}

// TestBadDigests are refused before anything is looked up.
func TestBadDigests(t *testing.T) {
	h, _, p := published(t)
	hex := p.Digest.Hex()
	for name, d := range map[string]string{
		"short": "sha256:" + hex[:63], "long": "sha256:" + hex + "0", "upper": "sha256:" + strings.ToUpper(hex), "other": "sha512:" + hex,
		"none": "sha256:", "bare": hex, "letters": "sha256:" + strings.Repeat("z", 64), "space": "sha256:" + hex[:63] + "%20", "null": "sha256:" + hex[:63] + "%00",
	} {
		want(t, name+" blob", send(h, "GET", "/v2/acme/hello/blobs/"+d, nil), 400, "DIGEST_INVALID")
		want(t, name+" head", send(h, "HEAD", "/v2/acme/hello/blobs/"+d, nil), 400, "")
		want(t, name+" referrers", send(h, "GET", "/v2/acme/hello/referrers/"+d, nil), 400, "DIGEST_INVALID")
		want(t, name+" upload", send(h, "POST", "/v2/acme/hello/blobs/uploads/?digest="+d, strings.NewReader("x")), 400, "DIGEST_INVALID")
		if w := send(h, "GET", "/v2/acme/hello/manifests/"+d, nil); w.Code != 404 {
			t.Errorf("%s manifest: %d %s", name, w.Code, w.Body)
		}
		if w := send(h, "GET", "/index/v1/at/"+strings.TrimPrefix(d, "sha256:"), nil); w.Code != 404 && w.Code != 400 && strings.TrimPrefix(d, "sha256:") != hex {
			t.Errorf("%s document: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestRanges serves parts of a blob: a broken download goes on where it stopped, and
// a range that makes no sense is no way to get wrong bytes.
func TestRanges(t *testing.T) {
	h := handler.New(memory.New(), handler.Options{Access: everybody})
	const content = "0123456789"
	at := "/v2/acme/x/blobs/" + string(artifact.DigestOf([]byte(content)))
	want(t, "upload", send(h, "POST", "/v2/acme/x/blobs/uploads/?digest="+string(artifact.DigestOf([]byte(content))), strings.NewReader(content)), 201, "")
	for header, c := range map[string]struct {
		code        int
		body, about string
	}{
		"bytes=0-0":                       {206, "0", "bytes 0-0/10"},
		"bytes=9-9":                       {206, "9", "bytes 9-9/10"},
		"bytes=5-":                        {206, "56789", "bytes 5-9/10"},
		"bytes=-1":                        {206, "9", "bytes 9-9/10"},
		"bytes=-99":                       {206, content, "bytes 0-9/10"},
		"bytes=3-99":                      {206, "3456789", "bytes 3-9/10"},
		"bytes=10-":                       {416, "", "bytes */10"},
		"bytes=99-100":                    {416, "", "bytes */10"},
		"bytes=5-3":                       {416, "", ""},
		"bytes=a-b":                       {416, "", ""},
		"bytes":                           {416, "", ""},
		"bytes=9223372036854775807-":      {416, "", "bytes */10"},
		"bytes=-9223372036854775808":      {416, "", ""},
		"bytes=18446744073709551616-":     {416, "", ""},
		"bytes=0-18446744073709551616":    {416, "", ""},
		"lines=0-1":                       {416, "", ""},
		"":                                {200, content, ""},
		"bytes=0-9":                       {206, content, "bytes 0-9/10"},
		"bytes= 2-3":                      {206, "23", "bytes 2-3/10"},
		"bytes=" + strings.Repeat("0", 9): {416, "", ""},
	} {
		w := send(h, "GET", at, nil, "Range", header)
		if w.Code != c.code || c.code < 400 && w.Body.String() != c.body || c.about != "" && w.Header().Get("Content-Range") != c.about {
			t.Errorf("%s: %d %q %q, want %+v", header, w.Code, w.Header().Get("Content-Range"), w.Body, c)
		}
		if w.Code == 416 && strings.Contains(w.Body.String(), content) {
			t.Errorf("%s: bytes with a refusal", header)
		}
	}
	// If-Range with another digest gives the whole blob, not a part of something else.
	if w := send(h, "GET", at, nil, "Range", "bytes=2-3", "If-Range", `"sha256:other"`); w.Code != 200 || w.Body.String() != content {
		t.Errorf("if-range: %d %s", w.Code, w.Body)
	}
	if w := send(h, "GET", at, nil, "If-None-Match", `"`+strings.TrimPrefix(at, "/v2/acme/x/blobs/")+`"`); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("if-none-match: %d %s", w.Code, w.Body)
	}
	if w := send(h, "GET", at, nil, "Range", "bytes=0-1,8-9"); w.Code != 206 || !strings.HasPrefix(w.Header().Get("Content-Type"), "multipart/byteranges") {
		t.Errorf("two ranges: %d %v", w.Code, w.Header())
	}
}

// TestTagNames has names that OCI forbids: none of them may become a version.
func TestTagNames(t *testing.T) {
	h, b, p := published(t)
	raw, err := artifact.ReadBlob(t.Context(), p, p.Descriptor, p.Size)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"-1.0.0", ".1.0.0", "1.0.0+x", "1.0.0%2Bx", "1.0%200", "1.0.0%00", "1.0.0%0a", "%E2%80%AE1", strings.Repeat("1", 129), "1.0.0@x", "1,0"} {
		want(t, tag, send(h, "PUT", "/v2/acme/hello/manifests/"+tag, bytes.NewReader(raw), "Content-Type", artifact.MediaIndex), 400, "MANIFEST_INVALID")
	}
	// These are tags, and still not the version.
	for _, tag := range []string{"v1.0.0", "1.0", "1.0.0_x", "01.0.0", "latest", "1.0.0-", "_", strings.Repeat("1", 128)} {
		want(t, tag, send(h, "PUT", "/v2/acme/hello/manifests/"+tag, bytes.NewReader(raw), "Content-Type", artifact.MediaIndex), 422, "PLUGIN_INVALID")
	}
	if tags, err := b.Tags(t.Context(), "acme/hello", registry.Page{}); err != nil || fmt.Sprint(tags) != "[1.0.0]" {
		t.Errorf("tags %v, %v", tags, err)
	}
	want(t, "the version itself, again", send(h, "PUT", "/v2/acme/hello/manifests/1.0.0", bytes.NewReader(raw), "Content-Type", artifact.MediaIndex), 201, "")
}

// TestBuildMetadata publishes 1.0.0+b.1, whose tag has an underscore.
func TestBuildMetadata(t *testing.T) {
	b := memory.New()
	s := registrytest.Serve(t, b)
	p := plugintest.Pack(t, "acme/hello", "1.0.0+b.1")
	plugintest.Push(t, s.Client().Target("acme/hello"), p)
	h := handler.New(b, handler.Options{Access: everybody})
	want(t, "tags", send(h, "GET", "/v2/acme/hello/tags/list", nil), 200, `["1.0.0_b.1"]`)
	for _, v := range []string{"1.0.0+b.1", "1.0.0%2Bb.1"} {
		want(t, v, send(h, "PUT", "/api/v1/plugins/acme/hello/versions/"+v+"/yank", strings.NewReader(`{"reason":"`+v+`"}`)), 200, `"changed":true`)
	}
	want(t, "other metadata", send(h, "PUT", "/api/v1/plugins/acme/hello/versions/1.0.0/yank", nil), 404, "RELEASE_UNKNOWN")
	if doc, err := s.Client().Plugin(t.Context(), "acme/hello"); err != nil || doc.Releases[0].State.Yanked == nil {
		t.Errorf("%+v, %v", doc, err)
	}
}

// TestMediaTypes sends manifests that say one thing and are sent as another.
func TestMediaTypes(t *testing.T) {
	h := handler.New(memory.New(), handler.Options{Access: everybody})
	put := func(body, contentType string) *httptest.ResponseRecorder {
		return send(h, "PUT", "/v2/acme/x/manifests/"+string(artifact.DigestOf([]byte(body))), strings.NewReader(body), "Content-Type", contentType)
	}
	for name, c := range map[string]struct {
		says, sent string
		code       int
	}{
		"same":           {artifact.MediaIndex, artifact.MediaIndex, 201},
		"parameters":     {artifact.MediaIndex, artifact.MediaIndex + "; charset=utf-8", 201},
		"nothing sent":   {artifact.MediaIndex, "", 201},
		"octets":         {artifact.MediaIndex, "application/octet-stream", 201},
		"something else": {artifact.MediaIndex, "application/x-www-form-urlencoded", 400},
		"nothing said":   {"", artifact.MediaIndex, 201},
		"docker":         {"application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json", 201},
		"differ":         {artifact.MediaIndex, artifact.MediaManifest, 400},
		"neither":        {"", "", 400},
		"html":           {"text/html", "text/html", 400},
		"says html":      {"text/html", artifact.MediaIndex, 400},
		"case":           {"APPLICATION/VND.OCI.IMAGE.INDEX.V1+JSON", artifact.MediaIndex, 400},
		"with a newline": {artifact.MediaIndex + `\n`, artifact.MediaIndex, 400},
		"broken header":  {artifact.MediaIndex, ";;;", 201},
	} {
		body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","manifests":[]}`, c.says)
		if c.says == "" {
			body = `{"schemaVersion":2,"manifests":[],"name":"` + name + `"}`
		}
		w := put(body, c.sent)
		want(t, name, w, c.code, "")
		if c.code != 201 {
			want(t, name, w, 400, "MANIFEST_INVALID")
			continue
		}
		got := send(h, "GET", "/v2/acme/x/manifests/"+string(artifact.DigestOf([]byte(body))), nil)
		if media, _, _ := strings.Cut(c.sent, ";"); got.Body.String() != body || got.Header().Get("Content-Type") != c.says && got.Header().Get("Content-Type") != media {
			t.Errorf("%s: %s %q", name, got.Header().Get("Content-Type"), got.Body)
		}
		if got.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: a browser may guess", name)
		}
	}
}

// TestUploadStates walks through an upload in every order that makes no sense.
func TestUploadStates(t *testing.T) {
	h := handler.New(memory.New(), handler.Options{Access: everybody})
	const at = "/v2/acme/x/blobs/uploads/"
	d := "?digest=" + string(artifact.DigestOf([]byte("hello")))
	begin := func() string { return send(h, "POST", at, nil).Header().Get("Location") }
	unknown := at + "00000000-0000-0000-0000-000000000000"
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		want(t, method+" unknown", send(h, method, unknown, nil), 404, "BLOB_UPLOAD_UNKNOWN")
	}
	want(t, "PUT unknown", send(h, "PUT", unknown+d, strings.NewReader("hello")), 404, "BLOB_UPLOAD_UNKNOWN")

	one := begin()
	want(t, "status of nothing", send(h, "GET", one, nil), 204, "")
	want(t, "empty piece", send(h, "PATCH", one, nil), 202, "")
	want(t, "end without bytes", send(h, "PUT", one+d, nil), 400, "DIGEST_INVALID")
	want(t, "it is gone", send(h, "GET", one, nil), 404, "BLOB_UPLOAD_UNKNOWN")

	two := begin()
	want(t, "first", send(h, "PATCH", two, strings.NewReader("hel"), "Content-Range", "0-2"), 202, "")
	want(t, "again", send(h, "PATCH", two, strings.NewReader("hel"), "Content-Range", "0-2"), 416, "the next byte of this upload is 3")
	want(t, "gap", send(h, "PATCH", two, strings.NewReader("o"), "Content-Range", "4-4"), 416, "the next byte of this upload is 3")
	want(t, "end with a gap", send(h, "PUT", two+d, strings.NewReader("o"), "Content-Range", "4-4"), 416, "the next byte")
	if w := send(h, "GET", two, nil); w.Header().Get("Range") != "0-2" || w.Header().Get("Location") != two {
		t.Errorf("after refusals: %v", w.Header())
	}
	want(t, "end", send(h, "PUT", two+d, strings.NewReader("lo"), "Content-Range", "3-4"), 201, "")
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		want(t, method+" after the end", send(h, method, two, nil), 404, "BLOB_UPLOAD_UNKNOWN")
	}

	three := begin()
	want(t, "cancel", send(h, "DELETE", three, nil), 204, "")
	want(t, "cancel twice", send(h, "DELETE", three, nil), 404, "BLOB_UPLOAD_UNKNOWN")
	if a, b := begin(), begin(); a == b || !strings.HasPrefix(a, at) {
		t.Errorf("uploads %s and %s", a, b)
	}
	want(t, "uploads without a name", send(h, "PATCH", at, strings.NewReader("x")), 405, "")
	want(t, "mount of a bad digest", send(h, "POST", at+"?mount=sha256:0&from=acme/y", nil), 202, "")
	want(t, "mount from nowhere", send(h, "POST", at+"?mount="+strings.TrimPrefix(d, "?digest="), nil), 202, "")
	want(t, "mount from a bad name", send(h, "POST", at+"?mount="+strings.TrimPrefix(d, "?digest=")+"&from=../x", nil), 202, "")
	want(t, "mount", send(h, "POST", "/v2/acme/y/blobs/uploads/?mount="+strings.TrimPrefix(d, "?digest=")+"&from=acme/x", nil), 201, "")
}

// TestSearchQueries has every parameter at and beyond its limit.
func TestSearchQueries(t *testing.T) {
	h, _, _ := published(t)
	for query, code := range map[string]int{
		"": 200, "q=hello": 200, "q=" + strings.Repeat("x", 200): 200, "q=" + strings.Repeat("x", 201): 400, "q=%ff": 400, "q=%00": 200,
		"limit=1": 200, "limit=200": 200, "limit=201": 400, "limit=0": 400, "limit=-1": 400, "limit=1.5": 400, "limit=%201": 400, "limit=99999999999999999999": 400,
		"point=acme.dev/greeter": 200, "point=NONSENSE": 400, "point=a/%1b": 400, "runtime=wasm": 200, "runtime=" + strings.Repeat("w", 41): 400,
		"unknown=1": 200, "q=a&q=b": 200,
	} {
		w := send(h, "GET", "/api/v1/search?"+query, nil)
		if w.Code != code {
			t.Errorf("%.40s: %d %s", query, w.Code, w.Body)
		}
		if code == 400 && (!strings.Contains(w.Body.String(), "QUERY_INVALID") || w.Header().Get("Cache-Control") != "no-store") {
			t.Errorf("%.40s: %s %v", query, w.Body, w.Header())
		}
		var x struct{ Hits []index.Hit }
		if err := json.Unmarshal(w.Body.Bytes(), &x); code == 200 && (err != nil || x.Hits == nil) {
			t.Errorf("%.40s: %s", query, w.Body)
		}
	}
}

// TestProblemForm reads an error outside /v2 as a program would.
func TestProblemForm(t *testing.T) {
	h, _, _ := published(t)
	for target, code := range map[string]registry.Code{
		"GET /index/v1/acme/none": registry.CodePluginUnknown, "GET /index/v1/Acme/x": registry.CodeNameInvalid,
		"GET /api/v1/search?limit=x": registry.CodeQueryInvalid, "PUT /api/v1/plugins/acme/hello/versions/9.9.9/yank": registry.CodeReleaseUnknown,
		"DELETE /api/v1/plugins/acme/hello/versions/9.9.9/yank": registry.CodeReleaseUnknown,
	} {
		method, path, _ := strings.Cut(target, " ")
		w := send(h, method, path, nil)
		var x struct {
			Type, Title, Detail string
			Status              int
			Code                registry.Code
		}
		if err := json.Unmarshal(w.Body.Bytes(), &x); err != nil || x.Code != code || x.Status != w.Code || w.Code != code.Status() || x.Detail == "" || x.Title != http.StatusText(w.Code) || x.Type != "urn:plugstead:error:"+string(code) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

// TestIndexHeaders are what a cache in front of the registry lives on.
func TestIndexHeaders(t *testing.T) {
	h, b, _ := published(t)
	raw, d, err := b.Document(t.Context(), "acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	for path, cache := range map[string]string{"/index/v1/acme/hello": "max-age=60, stale-while-revalidate=600, stale-if-error=86400", "/index/v1/at/" + d.Hex(): "max-age=31536000, immutable"} {
		w := send(h, "GET", path, nil)
		if w.Code != 200 || w.Body.String() != string(raw) || w.Header().Get("Cache-Control") != cache || w.Header().Get("ETag") != `"`+d.Hex()+`"` || w.Header().Get("Content-Length") != fmt.Sprint(len(raw)) {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		for match, code := range map[string]int{`"` + d.Hex() + `"`: 304, `W/"` + d.Hex() + `"`: 304, "*": 304, `"x", "` + d.Hex() + `"`: 304, `"x"`: 200, d.Hex(): 200} {
			w := send(h, "GET", path, nil, "If-None-Match", match)
			if w.Code != code || code == 304 && (w.Body.Len() != 0 || w.Header().Get("ETag") == "" || w.Header().Get("Cache-Control") != cache) {
				t.Errorf("%s if %s: %d %v", path, match, w.Code, w.Header())
			}
		}
	}
	if w := send(h, "GET", "/v2/acme/hello/manifests/1.0.0", nil); strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("a tag is cached for good: %v", w.Header())
	}
	want(t, "discovery", send(h, "GET", registry.RouteDiscovery, nil), 200, `"oci":"/v2/"`)
	want(t, "discovery by POST", send(h, "POST", registry.RouteDiscovery, nil), 405, "")
	want(t, "elsewhere", send(h, "GET", "/etc/passwd", nil), 404, "")
}

// slowBody counts what is read of a body that has no end.
type slowBody struct{ n *int64 }

func (s slowBody) Read(p []byte) (int, error) {
	*s.n += int64(len(p))
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestEndlessBodies stop at the limit: nobody fills the memory of a registry.
func TestEndlessBodies(t *testing.T) {
	h := handler.New(memory.New(), handler.Options{Access: everybody, MaxBlob: 1 << 20})
	for target, c := range map[string]struct {
		limit int64
		code  int
		want  string
	}{
		"PUT /v2/acme/x/manifests/1.0.0":                                          {artifact.MaxManifest + 1<<20, 413, "SIZE_INVALID"},
		"PUT /api/v1/plugins/acme/x/versions/1.0.0/yank":                          {1 << 20, 400, "QUERY_INVALID"},
		"POST /v2/acme/x/blobs/uploads/?digest=" + string(artifact.DigestOf(nil)): {2 << 20, 413, "SIZE_INVALID"},
	} {
		method, path, _ := strings.Cut(target, " ")
		var n int64
		w := send(h, method, path, io.NopCloser(slowBody{&n}), "Content-Type", artifact.MediaIndex)
		want(t, target, w, c.code, c.want)
		if n > c.limit {
			t.Errorf("%s: read %d bytes", target, n)
		}
	}
}
