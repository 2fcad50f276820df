package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/plugstead/plugstead/index"
)

// tricks change one kind of answer of a registry.
var tricks = map[string]struct {
	path string // the answers whose path has this
	do   func([]byte) []byte
}{
	"truncated-blob":   {"/blobs/", func(b []byte) []byte { return b[:max(0, len(b)-1)] }},
	"other-blob":       {"/blobs/", func(b []byte) []byte { return bytes.Repeat([]byte("x"), len(b)) }},
	"longer-blob":      {"/blobs/", func(b []byte) []byte { return append(b, 'x') }},
	"other-manifest":   {"/manifests/", func(b []byte) []byte { return bytes.ToUpper(b) }},
	"endless-manifest": {"/manifests/", func([]byte) []byte { return make([]byte, 16<<20) }},
	"truncated-index":  {"/index/", func(b []byte) []byte { return b[:len(b)-1] }},
	"oversized-index":  {"/index/", func([]byte) []byte { return make([]byte, index.MaxDocument+1) }},
	"repeated-keys": {"/index/", func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"version":`), []byte(`"version":"9.9.9","version":`), 1)
	}},
	"case-variant-keys": {"/index/", func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"version":`), []byte(`"Version":"9.9.9","version":`), 1)
	}},
	"other-plugin": {"/index/", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("acme/a"), []byte("acme/b")) }},
	"other-record": {"/index/", func(b []byte) []byte { return bytes.Replace(b, []byte(`"minor":0`), []byte(`"minor":1`), 1) }},
	"html":         {"/index/", func([]byte) []byte { return []byte("<html>log in to the network first</html>") }},
}

// hostileRegistry puts a registry that plays one trick in front of the real one.
func hostileRegistry(ts *testscript.TestScript, _ bool, args []string) {
	trick, ok := tricks[args[0]]
	if !ok {
		ts.Fatalf("no trick %s", args[0])
	}
	if ts.Getenv("HONEST_REGISTRY") == "" {
		ts.Setenv("HONEST_REGISTRY", ts.Getenv("PLUGSTEAD_REGISTRY"))
	}
	to, err := url.Parse(ts.Getenv("HONEST_REGISTRY"))
	ts.Check(err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Set("Accept-Encoding", "identity") // the tricks are about the bytes themselves
	}}
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.StatusCode != http.StatusOK && r.StatusCode != http.StatusPartialContent || !strings.Contains(r.Request.URL.Path, trick.path) {
			return nil
		}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		b = trick.do(b)
		r.Body = io.NopCloser(bytes.NewReader(b))
		r.ContentLength = int64(len(b))
		r.Header.Set("Content-Length", strconv.Itoa(len(b)))
		return nil
	}
	s := httptest.NewServer(proxy)
	ts.Defer(s.Close)
	ts.Setenv("PLUGSTEAD_REGISTRY", s.URL)
}
