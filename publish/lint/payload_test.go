package lint

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
)

func archive(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, name := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(name))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadPayload(t *testing.T) {
	list, err := readPayload(bytes.NewReader(archive(t, "a", "b/c")))
	if err != nil || len(list) != 2 || list[1].path != "b/c" || string(list[1].head) != "b/c" {
		t.Error(list, err)
	}
	many := make([]string, maxFiles+2)
	for i := range many {
		many[i] = "x"
	}
	for name, b := range map[string][]byte{"too many": archive(t, many...), "text": []byte("text"), "cut": archive(t, "a")[:20], "nothing": nil} {
		if _, err := readPayload(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzReadPayload(f *testing.F) {
	f.Add(archive(f, "a", "b/c"))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := readPayload(bytes.NewReader(b))
		if err != nil && list != nil {
			t.Error("files and an error")
		}
		for _, x := range list {
			if len(x.head) > maxHead {
				t.Error("a head is too long")
			}
		}
	})
}

func FuzzFormat(f *testing.F) {
	f.Add([]byte("MZ" + strings.Repeat("\xff", 62)))
	f.Add([]byte("\x7fELF"))
	f.Add([]byte("\xcf\xfa\xed\xfe"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if os, arch := formatOf(b); os == "" && arch != "" {
			t.Error(os, arch)
		}
	})
}

func TestSize(t *testing.T) {
	s := &subject{payloads: []payload{{size: largePayload}, {platform: manifest.WasmPlatform, size: largePayload + 1<<20}}}
	if got := size(s); len(got) != 1 || got[0] != "the payload for wasip1/wasm has 65 MiB" {
		t.Error(got)
	}
}

func TestCheckSchema(t *testing.T) {
	for in, want := range map[string]string{
		`{}`: "", `{"type":"object"}`: "", `[]`: "not a JSON schema", `null`: "not a JSON schema", `{`: "not a JSON schema", "": "not a JSON schema",
		`"` + strings.Repeat("x", artifact.MaxDocument) + `"`: "limit",
	} {
		err := CheckSchema([]byte(in))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", in, err)
		}
		s := &subject{Image: &artifact.Image{Manifest: &manifest.Manifest{Config: "c.json"}}, documents: map[string][]byte{"c.json": []byte(in)}}
		if got := schema(s); (len(got) == 0) != (want == "") {
			t.Errorf("%.20q: %v", in, got)
		}
	}
}
