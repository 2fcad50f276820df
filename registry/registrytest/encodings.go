package registrytest

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
)

// decode undoes a content coding with the memory that docs/spec/index.md promises is enough.
func decode(t *testing.T, coding, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	switch coding {
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		r = z
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	case "":
	default:
		t.Fatalf("coding %q", coding)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// encodings: every coding carries the same document under an ETag of its own.
func encodings(t *testing.T, s *Server) {
	s.push(t, plugintest.Pack(t, "acme/hello", "1.0.0"), plugintest.Pack(t, "acme/hello", "1.0.1"), plugintest.Pack(t, "acme/hello", "1.0.2"))
	_, _, plain := s.call(t, "GET", "/index/v1/acme/hello", "")
	d := artifact.DigestOf([]byte(plain))
	tags := map[string]string{}
	for _, path := range []string{"/index/v1/acme/hello", "/index/v1/at/" + d.Hex()} {
		for accept, coding := range map[string]string{
			"identity": "", "gzip": "gzip", "zstd": "zstd", "gzip, zstd": "zstd", "gzip;q=1, zstd;q=0.5": "gzip", "*": "zstd",
			"zstd;q=0, *": "gzip", "br": "", "gzip;q=0": "", "GZIP": "gzip", "x-gzip": "gzip", "gzip;q=x": "", "gzip;q=2": "", ",,;": "", "*;q=0": "",
		} {
			code, h, body := s.call(t, "GET", path, "", "Accept-Encoding", accept)
			if code != 200 || h.Get("Content-Encoding") != coding || h.Get("Vary") != "Accept-Encoding" {
				t.Fatalf("%s %q: %d %v", path, accept, code, h)
			}
			if decode(t, coding, body) != plain {
				t.Errorf("%s %q: another document", path, accept)
			}
			tag := h.Get("ETag")
			if old := tags[coding]; old != "" && old != tag {
				t.Errorf("%s %q: ETag %s, before %s", path, accept, tag, old)
			}
			tags[coding] = tag
			if code, h, body := s.call(t, "GET", path, "", "Accept-Encoding", accept, "If-None-Match", tag); code != 304 || body != "" || h.Get("ETag") != tag || h.Get("Vary") == "" {
				t.Errorf("%s %q unchanged: %d %v", path, accept, code, h)
			}
			if code, h, body := s.call(t, "HEAD", path, "", "Accept-Encoding", accept); code != 200 || body != "" || h.Get("ETag") != tag {
				t.Errorf("HEAD %s %q: %d %v", path, accept, code, h)
			}
		}
	}
	if len(tags) != 3 || tags[""] != `"`+d.Hex()+`"` || tags["gzip"] == tags["zstd"] {
		t.Errorf("tags %v", tags)
	}
	if code, _, _ := s.call(t, "GET", "/index/v1/acme/hello", "", "Accept-Encoding", "gzip", "If-None-Match", tags["zstd"]); code != 200 {
		t.Errorf("a tag of other bytes counts: %d", code)
	}
}

// nameList: the list has every plugin with a release, and changes with the index.
func nameList(t *testing.T, s *Server) {
	list := func(header ...string) (tag, text string) {
		t.Helper()
		code, h, body := s.call(t, "GET", registry.RouteNames, "", header...)
		if code != 200 || h.Get("Cache-Control") != "max-age=3600" || h.Get("Vary") != "Accept-Encoding" {
			t.Fatalf("%d %v", code, h)
		}
		return h.Get("ETag"), decode(t, h.Get("Content-Encoding"), body)
	}
	first, text := list()
	if text != "" {
		t.Errorf("empty: %q", text)
	}
	s.push(t, plugintest.Pack(t, "acme/hello", "1.0.0", "offers: { acme/greeting: 1.0.0 }"), plugintest.Pack(t, "acme/a-b", "1.0.0"), plugintest.Pack(t, "zeta/x", "1.0.0-rc.1"))
	s.yankOnly(t, "acme/a-b")
	const want = "acme/a-b\nacme/hello\nzeta/x\n" // a name that is offered only has no release
	for _, coding := range []string{"identity", "gzip", "zstd"} {
		tag, text := list("Accept-Encoding", coding)
		if text != want || tag == first {
			t.Errorf("%s: %q, tag %s", coding, text, tag)
		}
		if code, _, body := s.call(t, "GET", registry.RouteNames, "", "Accept-Encoding", coding, "If-None-Match", tag); code != 304 || body != "" {
			t.Errorf("%s unchanged: %d %q", coding, code, body)
		}
	}
	got, err := s.ClientWith("").Names(t.Context())
	if err != nil || len(got) != 3 || got[2] != "zeta/x" {
		t.Errorf("client: %v %v", got, err)
	}
	var pages bytes.Buffer
	for after, page := got[:0], got[:1]; len(page) > 0; after = page {
		if page, err = s.Backend.Names(t.Context(), last(after), 2); err != nil {
			t.Fatal(err)
		}
		for _, id := range page {
			pages.WriteString(string(id) + "\n")
		}
	}
	if pages.String() != want {
		t.Errorf("pages of two: %q", pages.String())
	}
}
