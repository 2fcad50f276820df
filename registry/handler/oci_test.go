package handler_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
)

// withOCI returns an empty registry with the namespace oci of that kind.
func withOCI(t testing.TB) *memory.Registry {
	t.Helper()
	b := memory.New()
	ns := &registry.Namespace{Name: "oci", Kind: registry.KindOCI}
	if _, err := b.Commit(t.Context(), registry.Commit{Namespace: ns}); err != nil {
		t.Fatal(err)
	}
	return b
}

// elsewhere is a backend that has an address for some blobs.
type elsewhere struct {
	registry.Backend
	address string
	ttl     time.Duration
	err     error
}

func (e *elsewhere) BlobURL(ctx context.Context, repo string, d artifact.Digest, ttl time.Duration) (string, error) {
	e.ttl = ttl
	_, err := e.StatBlob(ctx, repo, d)
	return e.address, errors.Join(err, e.err)
}

// TestRedirect sends who gets a blob to another place, and nobody else.
func TestRedirect(t *testing.T) {
	b := &elsewhere{Backend: memory.New(), address: "https://bucket.example/key?signature=secret"}
	var log bytes.Buffer
	o := handler.Options{Access: everybody, Redirect: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
	h := handler.New(b, o)
	d := string(artifact.DigestOf([]byte("hello")))
	at := "/v2/acme/x/blobs/" + d
	want(t, "upload", send(h, "POST", "/v2/acme/x/blobs/uploads/?digest="+d, strings.NewReader("hello")), 201, "")
	w := send(h, "GET", at, nil, "Range", "bytes=1-2")
	if w.Code != 307 || w.Header().Get("Location") != b.address || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("ETag") != "" || w.Body.Len() != 0 || b.ttl <= 0 || b.ttl > time.Minute {
		t.Errorf("%d %v for %s", w.Code, w.Header(), b.ttl)
	}
	if w := send(h, "HEAD", at, nil); w.Code != 200 || w.Header().Get("Content-Length") != "5" || w.Header().Get("Location") != "" {
		t.Errorf("head: %d %v", w.Code, w.Header())
	}
	if w := send(h, "GET", at, nil, "If-None-Match", `"`+d+`"`); w.Code != 304 || w.Header().Get("Location") != "" {
		t.Errorf("known: %d %v", w.Code, w.Header())
	}
	want(t, "not there", send(h, "GET", "/v2/acme/y/blobs/"+d, nil), 404, "BLOB_UNKNOWN")
	want(t, "switched off", send(handler.New(b, handler.Options{}), "GET", at, nil), 200, "hello")
	b.address = ""
	want(t, "no address", send(h, "GET", at, nil), 200, "hello")
	if log.Len() > 0 {
		t.Errorf("log: %s", log.String())
	}
	b.err = errors.New("the bucket is closed")
	want(t, "broken", send(h, "GET", at, nil), 500, "internal error")
}

// TestMountAsksForTheSource: who may not read a blob cannot mount it, and does not learn
// whether it is there.
func TestMountAsksForTheSource(t *testing.T) {
	var asked []handler.Access
	h := handler.New(memory.New(), handler.Options{Access: func(r *http.Request, a handler.Access) (string, error) {
		asked = append(asked, a)
		if a.Repo == "secret/x" && r.Header.Get("Authorization") == "" {
			return "", handler.ErrDenied
		}
		return "tester", nil
	}})
	d := string(artifact.DigestOf([]byte("hello")))
	want(t, "upload", send(h, "POST", "/v2/secret/x/blobs/uploads/?digest="+d, strings.NewReader("hello"), "Authorization", "x"), 201, "")
	asked = nil
	const at = "/v2/acme/x/blobs/uploads/?mount="
	there := send(h, "POST", at+d+"&from=secret/x", nil)
	not := send(h, "POST", at+string(artifact.DigestOf(nil))+"&from=secret/x", nil)
	for what, w := range map[string]*httptest.ResponseRecorder{"there": there, "not there": not} {
		if want(t, what, w, 202, ""); w.Header().Get("Location") == "" || w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %v", what, w.Header())
		}
	}
	if !slices.Contains(asked, handler.Access{Repo: "secret/x", Action: handler.ActionPull}) {
		t.Errorf("asked for %v", asked)
	}
	want(t, "not mounted", send(h, "GET", "/v2/acme/x/blobs/"+d, nil), 404, "")
	want(t, "who may read", send(h, "POST", at+d+"&from=secret/x", nil, "Authorization", "x"), 201, "")
}

// TestNoDelete keeps everything, also what is of kind oci.
func TestNoDelete(t *testing.T) {
	b := withOCI(t)
	h := handler.New(b, handler.Options{Access: everybody, NoDelete: true})
	d := string(artifact.DigestOf([]byte("x")))
	want(t, "blob", send(h, "POST", "/v2/oci/x/blobs/uploads/?digest="+d, strings.NewReader("x")), 201, "")
	want(t, "tag", send(h, "PUT", "/v2/oci/x/manifests/a", strings.NewReader("{}"), "Content-Type", artifact.MediaIndex), 201, "")
	for _, ref := range []string{"blobs/" + d, "manifests/a", "manifests/" + string(artifact.DigestOf([]byte("{}"))), "manifests/none"} {
		w := send(h, "DELETE", "/v2/oci/x/"+ref, nil)
		if want(t, ref, w, 405, "UNSUPPORTED"); w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %v", ref, w.Header())
		}
	}
	up := send(h, "POST", "/v2/oci/x/blobs/uploads/", nil).Header().Get("Location")
	want(t, "an upload can still be given up", send(h, "DELETE", up, nil), 204, "")
	want(t, "still there", send(handler.New(b, handler.Options{Access: everybody}), "DELETE", "/v2/oci/x/manifests/a", nil), 202, "")
}

// TestMinChunk is advice, and nothing but that.
func TestMinChunk(t *testing.T) {
	for _, n := range []int64{0, 5 << 20} {
		h := handler.New(memory.New(), handler.Options{Access: everybody, MinChunk: n})
		w := send(h, "POST", "/v2/oci/x/blobs/uploads/", nil)
		if got := w.Header().Get("OCI-Chunk-Min-Length"); got != map[int64]string{0: "", 5 << 20: "5242880"}[n] {
			t.Errorf("%d: %q", n, got)
		}
		want(t, "a small one", send(h, "PATCH", w.Header().Get("Location"), strings.NewReader("x"), "Content-Range", "0-0"), 202, "")
	}
}

// TestBusy says when to try again.
func TestBusy(t *testing.T) {
	h := handler.New(broken{err: registry.ErrBusy}, handler.Options{Access: everybody})
	w := send(h, "POST", "/v2/acme/x/blobs/uploads/", nil)
	if want(t, "busy", w, 429, "TOOMANYREQUESTS"); w.Header().Get("Retry-After") == "" {
		t.Errorf("%v", w.Header())
	}
}

// TestLargeBodiesAreNotRead: what says how large it is need not be sent.
func TestLargeBodiesAreNotRead(t *testing.T) {
	b := withOCI(t)
	h := handler.New(b, handler.Options{Access: everybody, MaxBlob: 10})
	piece := send(h, "POST", "/v2/oci/x/blobs/uploads/", nil).Header().Get("Location")
	for target, length := range map[string]int64{"PATCH " + piece: 11, "PUT /v2/oci/x/manifests/a": artifact.MaxManifest + 1} {
		method, path, _ := strings.Cut(target, " ")
		var n int64
		r := httptest.NewRequest(method, path, slowBody{&n})
		r.ContentLength = length
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if want(t, target, w, 413, "SIZE_INVALID"); n > 0 {
			t.Errorf("%s: read %d bytes", target, n)
		}
	}
}
