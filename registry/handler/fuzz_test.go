package handler_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// FuzzRequest sends requests that strangers make up, with the right to write: the
// registry neither panics nor finds a fault with itself, and what was published
// stays as it is.
func FuzzRequest(f *testing.F) {
	p := plugintest.Pack(f, "acme/hello", "1.0.0")
	digest := string(p.Digest)
	raw, err := artifact.ReadBlob(f.Context(), p, p.Descriptor, p.Size)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][3]string{
		{"GET", "/v2/", ""},
		{"GET", "/v2/acme/hello/manifests/1.0.0", ""},
		{"HEAD", "/v2/acme/hello/blobs/" + digest, ""},
		{"PUT", "/v2/acme/hello/manifests/1.0.0", string(raw)},
		{"PUT", "/v2/acme/hello/manifests/" + digest, string(raw)},
		{"PUT", "/v2/acme/hello/manifests/2.0.0", `{"mediaType":"` + artifact.MediaIndex + `","manifests":[{"digest":"1.0.0"}],"annotations":{"a":"b"}}`},
		{"PUT", "/v2/acme/hello/manifests/2.0.0", `{"config":null,"layers":[{}],"subject":{}}`},
		{"POST", "/v2/acme/hello/blobs/uploads/?digest=" + string(artifact.DigestOf([]byte("x"))), "x"},
		{"POST", "/v2/acme/hello/blobs/uploads/?mount=" + digest + "&from=acme/hello", ""},
		{"PATCH", "/v2/acme/hello/blobs/uploads/x", "x"},
		{"GET", "/v2/acme/hello/tags/list?n=1&last=0", ""},
		{"GET", "/v2/acme/hello/referrers/" + digest + "?artifactType=x", ""},
		{"GET", "/index/v1/acme/hello", ""},
		{"GET", "/index/v1/at/" + strings.Repeat("0", 64), ""},
		{"GET", "/api/v1/search?q=hello&limit=5&point=a/b", ""},
		{"PUT", "/api/v1/plugins/acme/none/versions/1.0.0/yank", `{"reason":"x"}`},
		{"GET", "/v2/..%2f..%2f/blobs/%00", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], "0-4")
	}
	b := memory.New()
	plugintest.Push(f, registrytest.Serve(f, b).Client().Target("acme/hello"), p)
	h := handler.New(b, handler.Options{Access: everybody, MaxBlob: 1 << 20})
	f.Fuzz(func(t *testing.T, method, target, body, contentRange string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Path == "" {
			return
		}
		r := &http.Request{Method: method, URL: u, Host: "registry.example", Header: http.Header{
			"Content-Type": {artifact.MediaIndex}, "Content-Range": {contentRange}, "Range": {contentRange}, "If-None-Match": {contentRange},
		}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(t.Context()))
		if w.Code < 200 || w.Code >= 500 {
			t.Errorf("%s %q: %d %s", method, target, w.Code, w.Body)
		}
		if d, _, err := b.Manifest(t.Context(), "acme/hello", "1.0.0"); err != nil || d.Digest != p.Digest {
			t.Errorf("%s %q moved a tag: %v", method, target, err)
		}
	})
}
