package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// picky is a backend that fails, like PostgreSQL, on text that is no text.
type picky struct{ registry.Backend }

func clean(list ...string) error {
	for _, s := range list {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) || len(s) > 1<<12 {
			return fmt.Errorf("not a text: %.100q", s)
		}
	}
	return nil
}

func (p picky) Namespace(ctx context.Context, name string) (registry.Namespace, error) {
	ns, err := p.Backend.Namespace(ctx, name)
	return ns, errors.Join(clean(name), err)
}

func (p picky) OpenBlob(ctx context.Context, repo string, d artifact.Digest) (io.ReadSeekCloser, int64, error) {
	if err := clean(repo, string(d)); err != nil {
		return nil, 0, err
	}
	return p.Backend.OpenBlob(ctx, repo, d)
}

func (p picky) StatBlob(ctx context.Context, repo string, d artifact.Digest) (int64, error) {
	n, err := p.Backend.StatBlob(ctx, repo, d)
	return n, errors.Join(clean(repo, string(d)), err)
}

func (p picky) MountBlob(ctx context.Context, repo, from string, d artifact.Digest) error {
	if err := clean(repo, from, string(d)); err != nil {
		panic(err) // the handler hides errors of mounts
	}
	return p.Backend.MountBlob(ctx, repo, from, d)
}

func (p picky) Upload(ctx context.Context, repo, name string) (registry.Upload, error) {
	if err := clean(repo, name); err != nil {
		return nil, err
	}
	return p.Backend.Upload(ctx, repo, name)
}

func (p picky) Manifest(ctx context.Context, repo, ref string) (artifact.Descriptor, []byte, error) {
	d, raw, err := p.Backend.Manifest(ctx, repo, ref)
	return d, raw, errors.Join(clean(repo, ref), err)
}

func (p picky) Tags(ctx context.Context, repo string, page registry.Page) ([]string, error) {
	list, err := p.Backend.Tags(ctx, repo, page)
	return list, errors.Join(clean(repo, page.After), err)
}

func (p picky) Referrers(ctx context.Context, repo string, d artifact.Digest, kind string, page registry.Page) ([]artifact.Descriptor, error) {
	list, err := p.Backend.Referrers(ctx, repo, d, kind, page)
	return list, errors.Join(clean(repo, string(d), kind, page.After), err)
}

func (p picky) Commit(ctx context.Context, c registry.Commit) (registry.Receipt, error) {
	texts := append([]string{c.Repo, c.Actor}, c.Tags...)
	if m := c.Manifest; m != nil {
		texts = append(texts, m.MediaType, m.ArtifactType, string(m.Subject), string(m.Digest))
		for _, child := range m.Children {
			texts = append(texts, string(child.Digest))
		}
	}
	if d := c.Delete; d != nil {
		texts = append(texts, d.Tag, string(d.Manifest), string(d.Blob))
	}
	if err := clean(texts...); err != nil {
		return registry.Receipt{}, err
	}
	return p.Backend.Commit(ctx, c)
}

// seeds are requests with methods, targets, bodies and content types.
func seeds(p *artifact.Packed, raw string) [][4]string {
	digest, x := string(p.Digest), string(artifact.DigestOf([]byte("x")))
	image := `{"schemaVersion":2,"mediaType":"` + artifact.MediaManifest + `","config":{"mediaType":"a/b","digest":"` + x + `","size":1},"layers":[],"subject":{"digest":"` + digest + `","size":1},"annotations":{"a":"b"}}`
	list := [][4]string{
		{"GET", "/v2/"},
		{"GET", "/v2/acme/hello/manifests/1.0.0"},
		{"HEAD", "/v2/acme/hello/blobs/" + digest},
		{"PUT", "/v2/acme/hello/manifests/1.0.0", raw, artifact.MediaIndex},
		{"PUT", "/v2/acme/hello/manifests/" + digest, raw},
		{"PUT", "/v2/acme/hello/manifests/" + digest + "?tag=1.0.0&tag=x", raw},
		{"DELETE", "/v2/acme/hello/manifests/1.0.0"},
		{"PUT", "/v2/acme/hello/manifests/2.0.0", `{"mediaType":"` + artifact.MediaIndex + `","manifests":[{"digest":"1.0.0"}],"annotations":{"a":"b"}}`},
		{"PUT", "/v2/oci/x/manifests/a", `{"config":null,"layers":[{}],"subject":{}}`, artifact.MediaManifest},
		{"PUT", "/v2/oci/x/manifests/" + string(artifact.DigestOf([]byte(image))) + "?tag=a&tag=b", image, artifact.MediaManifest},
		{"PUT", "/v2/oci/x/manifests/a", `{"artifactType":"a\u0000","manifests":[]}`, artifact.MediaIndex},
		{"PUT", "/v2/oci/x/manifests/a", image, artifact.MediaManifest + "; charset=utf-8"},
		{"PUT", "/v2/oci/x/manifests/%ff", image},
		{"DELETE", "/v2/oci/x/manifests/a"},
		{"DELETE", "/v2/oci/x/blobs/" + x},
		{"GET", "/v2/oci/x/blobs/" + x},
		{"POST", "/v2/oci/x/blobs/uploads/?digest=" + x, "x"},
		{"POST", "/v2/oci/x/blobs/uploads/?digest-algorithm=sha512"},
		{"POST", "/v2/oci/x/blobs/uploads/?mount=" + digest + "&from=acme/hello"},
		{"POST", "/v2/oci/x/blobs/uploads/?mount=" + digest + "&from=%00"},
		{"PATCH", "/v2/oci/x/blobs/uploads/here", "hello"},
		{"PUT", "/v2/oci/x/blobs/uploads/here?digest=" + x, "x"},
		{"GET", "/v2/oci/x/blobs/uploads/%00"},
		{"GET", "/v2/oci/x/tags/list?n=1&last=0"},
		{"GET", "/v2/oci/x/tags/list?n=0&last=%ff"},
		{"GET", "/v2/oci/x/tags/list?n=9223372036854775807"},
		{"GET", "/v2/oci/x/referrers/" + digest + "?artifactType=x&last=" + digest},
		{"GET", "/v2/oci/x/referrers/blake3:x?artifactType=%00"},
		{"GET", "/index/v1/acme/hello"},
		{"GET", "/index/v1/at/" + strings.Repeat("0", 64)},
		{"GET", "/api/v1/search?q=hello&limit=5&point=a/b"},
		{"PUT", "/api/v1/plugins/acme/none/versions/1.0.0/yank", `{"reason":"x"}`},
		{"GET", "/v2/..%2f..%2f/blobs/%00"},
		{"GTET", "/v2%2f./..%2f..%2f/blobs/%00"},
	}
	return list
}

// FuzzRequest sends requests that strangers make up, with the right to do everything: the
// registry neither panics nor finds a fault with itself, what was published stays as it is,
// and every answer of more than one page leads to the next.
func FuzzRequest(f *testing.F) {
	p := plugintest.Pack(f, "acme/hello", "1.0.0")
	raw, err := artifact.ReadBlob(f.Context(), p, p.Descriptor, p.Size)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range seeds(p, string(raw)) {
		f.Add(s[0], s[1], s[2], "0-4", s[3])
	}
	f.Add("PATCH", "/v2/oci/x/blobs/uploads/here", "hello", "bytes 0-4/*", "")
	f.Add("GET", "/v2/oci/x/blobs/"+string(p.Digest), "", "bytes=-3,0-1", "*/*")
	b := withOCI(f)
	plugintest.Push(f, registrytest.Serve(f, b).Client().Target("acme/hello"), p)
	h := handler.New(picky{b}, handler.Options{Access: everybody, MaxBlob: 1 << 20})
	f.Fuzz(func(t *testing.T, method, target, body, contentRange, contentType string) {
		begun := send(h, "POST", "/v2/oci/x/blobs/uploads/", nil).Header().Get("Location")
		target = strings.Replace(target, "/v2/oci/x/blobs/uploads/here", begun, 1)
		defer send(h, "DELETE", begun, nil)
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Path == "" {
			return
		}
		r := &http.Request{Method: method, URL: u, Host: "registry.example", Header: http.Header{
			"Content-Type": {contentType}, "Content-Range": {contentRange}, "Range": {contentRange}, "If-None-Match": {contentRange}, "If-Range": {contentType}, "Accept": {contentType},
		}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(t.Context()))
		if w.Code < 200 || w.Code >= 500 {
			t.Errorf("%s %q: %d %s", method, target, w.Code, w.Body)
		}
		if w.Code >= 400 && strings.HasPrefix(path.Clean(u.EscapedPath()), "/v2/") && w.Code != 416 && method != "HEAD" && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: %d %s", method, target, w.Code, w.Body)
		}
		for name, values := range w.Header() {
			if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") {
				t.Errorf("%s %q: header %s: %q", method, target, name, values)
			}
		}
		if d, _, err := b.Manifest(t.Context(), "acme/hello", "1.0.0"); err != nil || d.Digest != p.Digest {
			t.Errorf("%s %q moved a tag: %v", method, target, err)
		}
	})
}
