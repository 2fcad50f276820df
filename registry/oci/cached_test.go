package oci

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

const (
	vectors  = "../../docs/spec/testdata/oci-source/"
	document = vectors + "document.jsonl"
	example  = vectors + "manifest.json"
)

var update = flag.Bool("update", false, "write the test vectors anew")

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVector reads the example of the specification. Its document is that of the index, as
// a registry without clocks and yanks has it.
func TestVector(t *testing.T) {
	if *update {
		writeVector(t)
	}
	raw := readFile(t, example)
	layer, err := parseCacheManifest(raw)
	if err != nil {
		t.Fatal(err)
	}
	doc := readFile(t, document)
	if layer.Digest != artifact.DigestOf(doc) || layer.Size != int64(len(doc)) {
		t.Errorf("the layer is %+v", layer)
	}
	if again, err := makeCacheManifest(layer); err != nil || !bytes.Equal(again, raw) {
		t.Errorf("written anew: %s, %v", again, err)
	}
	c, err := parseCached("acme/hello", doc)
	if err != nil {
		t.Fatal(err)
	}
	p := &index.Plugin{Header: c.header}
	want, err := index.Parse("acme/hello", doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range want.Releases {
		p.Releases = append(p.Releases, c.releases[artifact.TagOf(r.Version)])
	}
	if got, err := p.Bytes(); err != nil || !bytes.Equal(got, doc) {
		t.Errorf("what is kept: %s, %v", got, err)
	}
	if len(c.releases) < 2 || c.newest == "" {
		t.Errorf("%d releases, the newest %q", len(c.releases), c.newest)
	}
}

func writeVector(t *testing.T) {
	t.Helper()
	c, err := parseCached("acme/hello", readFile(t, "../../docs/spec/testdata/index/hello.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	p := &index.Plugin{Header: c.header}
	for _, tag := range []string{"1.0.0", "1.1.0", "1.2.0", "2.0.0-rc.1"} {
		if r, ok := c.releases[tag]; ok {
			p.Releases = append(p.Releases, r)
		}
	}
	doc, err := p.Bytes()
	if err != nil || len(p.Releases) != len(c.releases) {
		t.Fatalf("%d of %d releases, %v", len(p.Releases), len(c.releases), err)
	}
	raw, err := makeCacheManifest(artifact.Describe(MediaDocument, doc))
	if err != nil {
		t.Fatal(err)
	}
	for path, b := range map[string][]byte{document: doc, example: raw} {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzCache reads any manifest and any document of a cache. What is taken of them is of the
// plugin that was asked for, is a release that a document may have, and has no state.
func FuzzCache(f *testing.F) {
	raw, doc := readFile(f, example), readFile(f, document)
	f.Add(raw, doc)
	f.Add(raw, readFile(f, "../../docs/spec/testdata/index/hello.jsonl"))
	f.Add(raw, readFile(f, "../../docs/spec/testdata/index/offered.jsonl"))
	f.Add([]byte(`{"schemaVersion":2,"layers":[{}]}`), bytes.ReplaceAll(doc, []byte(`"s":{}`), []byte(`"s":{"yanked":{}}`)))
	f.Add(bytes.Replace(raw, []byte(`"size":`), []byte(`"size":-`), 1), []byte("{}\n"))
	const id = manifest.ID("acme/hello")
	f.Fuzz(func(t *testing.T, raw, doc []byte) {
		if layer, err := parseCacheManifest(raw); err == nil {
			if layer.Check() != nil || layer.Size > index.MaxDocument {
				t.Errorf("layer %+v", layer)
			}
			again, err := makeCacheManifest(layer)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := parseCacheManifest(again); err != nil || back.Digest != layer.Digest {
				t.Errorf("written anew: %+v, %v", back, err)
			}
		}
		c, err := parseCached(id, doc)
		if err != nil {
			return
		}
		if (c.newest == "") != (len(c.releases) == 0) || len(c.header.Providers) > 0 {
			t.Errorf("newest %q of %d, providers %q", c.newest, len(c.releases), c.header.Providers)
		}
		for tag, r := range c.releases {
			if r.ID != id || artifact.TagOf(r.Version) != tag || r.State != (index.State{}) || !r.Time.IsZero() {
				t.Errorf("tag %s: %+v", tag, r)
			}
			b, err := (&index.Plugin{Header: c.header, Releases: []index.Release{r}}).Bytes()
			if err != nil {
				return // longer than it came in: the reader of the document refuses it
			}
			if _, err := index.Parse(id, b); err != nil {
				t.Errorf("tag %s: %v", tag, err)
			}
		}
	})
}

func TestVersionOf(t *testing.T) {
	for tag, want := range map[string]string{
		"1.0.0": "1.0.0", "1.0.0_a.b": "1.0.0+a.b", "1.0.0-rc.1_b": "1.0.0-rc.1+b",
		"latest": "", "_index": "", "v1.0.0": "", "1.0": "", "01.0.0": "", "1.0.0_a_b": "", "1.0.0+a": "", "1.0.0_": "", "": "",
	} {
		v, ok := versionOf(tag)
		if ok != (want != "") || ok && v.String() != want {
			t.Errorf("%s: %s, %t", tag, v, ok)
		}
	}
}
