package handler

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

func TestParseTarget(t *testing.T) {
	for path, want := range map[string]target{
		"acme/x/blobs/sha256:0":            {"acme/x", "blobs", "sha256:0"},
		"acme/x/blobs/uploads":             {"acme/x", kindUploads, ""},
		"acme/x/blobs/uploads/":            {"acme/x", kindUploads, ""},
		"acme/x/blobs/uploads/ABC":         {"acme/x", kindUpload, "ABC"},
		"acme/x/manifests/1.0.0":           {"acme/x", "manifests", "1.0.0"},
		"acme/x/tags/list":                 {"acme/x", kindTags, ""},
		"acme/x/referrers/sha256:0":        {"acme/x", "referrers", "sha256:0"},
		"x/manifests/1":                    {"x", "manifests", "1"},
		"a/b/c/d/manifests/1":              {"a/b/c/d", "manifests", "1"},
		"acme/blobs/manifests/1.0.0":       {"acme/blobs", "manifests", "1.0.0"},
		"acme/blobs/blobs/sha256:0":        {"acme/blobs", "blobs", "sha256:0"},
		"acme/blobs/blobs/uploads/":        {"acme/blobs", kindUploads, ""},
		"acme/blobs/blobs/uploads/A":       {"acme/blobs", kindUpload, "A"},
		"blobs/uploads/manifests/1":        {"blobs/uploads", "manifests", "1"},
		"blobs/uploads/blobs/uploads/A":    {"blobs/uploads", kindUpload, "A"},
		"acme/manifests/referrers/x":       {"acme/manifests", "referrers", "x"},
		"acme/manifests/manifests/x":       {"acme/manifests", "manifests", "x"},
		"acme/referrers/tags/list":         {"acme/referrers", kindTags, ""},
		"tags/list/tags/list":              {"tags/list", kindTags, ""},
		"acme/blobs/uploads/manifests/1.0": {"acme/blobs/uploads", "manifests", "1.0"},
	} {
		if got, ok := parseTarget(path); !ok || got != want {
			t.Errorf("%s: got %+v %t, want %+v", path, got, ok, want)
		}
	}
	for _, path := range []string{
		"", "/", "x", "acme/x", "acme/x/", "/tags/list", "tags/list", "/manifests/1", "manifests/1", "acme/x/manifests/", "acme/x/blobs/",
		"acme/x/secrets/1", "acme/x/manifests/1/2", "/blobs/uploads/", "/blobs/uploads/x", "_catalog", "acme/x/tags/other",
	} {
		if got, ok := parseTarget(path); ok {
			t.Errorf("%s: got %+v", path, got)
		}
	}
}

// FuzzParseTarget checks that a path which is understood is the one that its parts
// make, and that no reference holds a slash.
func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"acme/x/blobs/sha256:0", "a/blobs/uploads/", "a/blobs/uploads", "a/tags/list", "a/b/manifests/1", "a/referrers/x", "//", "blobs/uploads/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got, ok := parseTarget(path)
		if !ok {
			return
		}
		back := got.repo + "/" + string(got.kind)
		if got.ref != "" {
			back += "/" + got.ref
		}
		if back != path && back != path+"/" || got.repo == "" || got.kind == "" || strings.Contains(got.ref, "/") {
			t.Errorf("%q is %+v", path, got)
		}
	})
}

func TestParseRange(t *testing.T) {
	for s, want := range map[string]int64{"0-99": 0, "100-199": 100, "bytes 5-9": 5, "bytes 5-9/*": 5, "7-6": 7, "0-0": 0, "4611686018427387903-4611686018427387903": 1<<62 - 1} {
		if got, _, ok := parseRange(s); !ok || got != want {
			t.Errorf("%q: %d %t", s, got, ok)
		}
	}
	for _, bad := range []string{"", "-", "5", "5-", "-5", "9-5", "a-b", "0x1-2", "+1-2", "-1-2", "1 -2", "bytes=0-5", "99999999999999999999-99999999999999999999", "4611686018427387904-4611686018427387905", "1-2-3"} {
		if got, _, ok := parseRange(bad); ok {
			t.Errorf("%q: %d", bad, got)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"0-99", "bytes 5-9/*", "-", "18446744073709551615-0", "1-", "bytes "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, n, ok := parseRange(s); ok && (got < 0 || n < 0 || !strings.Contains(s, "-")) {
			t.Errorf("%q: %d", s, got)
		}
	})
}

func TestMatches(t *testing.T) {
	for header, want := range map[string]bool{
		`"a"`: true, `W/"a"`: true, `"b", "a"`: true, `"b" , W/"a"`: true, "*": true, "": false, "a": false, `"b"`: false, `"a`: false, `"a""`: false,
	} {
		if matches(header, `"a"`) != want {
			t.Errorf("%s: want %t", header, want)
		}
	}
}

// FuzzDocument: what is taken as a manifest can be kept and found again, whatever it is.
func FuzzDocument(f *testing.F) {
	d := `{"mediaType":"a/b","digest":"` + string(artifact.DigestOf(nil)) + `","size":0}`
	for _, seed := range []string{
		`{"manifests":[` + d + `]}`, `{"config":` + d + `,"layers":[` + d + `,` + d + `],"subject":` + d + `}`, `{"layers":[{"digest":"blake3:x"}]}`, `{"layers":null}`,
		`{"subject":{"digest":"blake3:x","size":-1}}`, `{"annotations":{"":""}}`, `{"artifactType":"\u0000"}`, `{"Layers":[]}`, `{"schemaVersion":2.0}`, `[]`, ``,
	} {
		f.Add(seed, artifact.MediaManifest)
		f.Add(seed, artifact.MediaIndex+";x=y")
	}
	f.Fuzz(func(t *testing.T, raw, sent string) {
		doc, media, err := parseDocument([]byte(raw), sent)
		if err != nil {
			return
		}
		m := doc.manifest(media, []byte(raw))
		if !registry.IsManifest(m.MediaType) || !isWord(m.ArtifactType) || len(m.Children) > maxChildren {
			t.Errorf("%q: %+v", raw, m)
		}
		seen := map[artifact.Digest]bool{}
		for _, c := range m.Children {
			if _, err := anyDigest(string(c.Digest)); err != nil || seen[c.Digest] {
				t.Errorf("%q: child %+v, %v", raw, c, err)
			}
			if _, err := artifact.ParseAnyDigest(string(c.Digest)); err != nil && !c.Optional {
				t.Errorf("%q: child %+v must be there", raw, c)
			}
			seen[c.Digest] = true
		}
		if _, err := anyDigest(string(m.Subject)); err != nil && m.Subject != "" {
			t.Errorf("%q: subject %q", raw, m.Subject)
		}
	})
}

// reads is a writer that says what it is given to send.
type reads struct {
	*httptest.ResponseRecorder
	file bool
}

func (r *reads) ReadFrom(src io.Reader) (int64, error) {
	l, ok := src.(*io.LimitedReader)
	if ok {
		_, r.file = l.R.(*os.File)
	}
	return io.Copy(r.ResponseRecorder, src)
}

// TestFilesAreSentAsFiles: the kernel can send what the connection gets as a file.
func TestFilesAreSentAsFiles(t *testing.T) {
	f, err := os.Open("parse_test.go")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := &reads{ResponseRecorder: httptest.NewRecorder()}
	http.ServeContent(blobWriter{w}, httptest.NewRequest("GET", "/", nil), "", time.Time{}, f)
	if !w.file || w.Body.Len() == 0 {
		t.Errorf("%d bytes, as a file: %t", w.Body.Len(), w.file)
	}
}
