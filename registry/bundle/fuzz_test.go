package bundle

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"testing"
)

// compare compares the reader with that of the standard library: what it accepts has the
// same entries there, with the same bytes, and is what the writer would have written.
func compare(t *testing.T, in []byte) (accepted bool) {
	t.Helper()
	var b Bundle
	if b.parse(bytes.NewReader(in), int64(len(in))) != nil {
		return false
	}
	r := tar.NewReader(bytes.NewReader(in))
	var out bytes.Buffer
	n := 0
	for ; ; n++ {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.small(bytes.NewReader(in), h.Name)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %d bytes, %v, want %d", h.Name, len(got), err, len(want))
		}
		if err := entry(&out, h.Name, h.Size, bytes.NewReader(want)); err != nil {
			t.Fatal(err)
		}
	}
	out.Write(make([]byte, 2*block))
	if n != len(b.entries) || !bytes.Equal(out.Bytes(), in) {
		t.Fatalf("accepted with %d entries, and not what is written", n)
	}
	return true
}

func TestVectorAsTar(t *testing.T) {
	b, err := os.ReadFile("../../docs/spec/testdata/bundle/hello.plugstead")
	if err != nil {
		t.Fatal(err)
	}
	if !compare(t, b) {
		t.Error("the example of the specification is refused")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(small(f, layoutName, indexName, availableName))
	f.Add(small(f, layoutName, indexName, availableName, documents+"acme/a"))
	f.Add(small(f, layoutName, availableName, indexName))
	f.Fuzz(func(t *testing.T, in []byte) { compare(t, in) })
}

// small writes a bundle of tiny entries.
func small(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, name := range names {
		content := map[string]string{layoutName: layout, indexName: "{}", availableName: `{"v":1,"plugins":[]}`}[name]
		if err := entry(&b, name, int64(len(content)), bytes.NewReader([]byte(content))); err != nil {
			t.Fatal(err)
		}
	}
	b.Write(make([]byte, 2*block))
	return b.Bytes()
}
