package index_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// hello is the example of the specification.
func hello(t testing.TB) *index.Plugin {
	t.Helper()
	b, err := os.ReadFile("../docs/spec/testdata/index/hello.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	p, err := index.Parse("acme/hello", b)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Releases) < 2 {
		t.Fatal("the example has too few releases for this test")
	}
	return p
}

func TestNarrow(t *testing.T) {
	p := hello(t)
	first, other := p.Releases[0], p.Releases[1]
	before, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var a index.Available
	a.Add(p.ID, first.Version, first.Packages[0])
	n := a.Narrow(p)
	got, _ := n.Find(first.Version)
	if got.State.Yanked != nil != (first.State.Yanked != nil) || len(got.Packages) != 1 || got.Packages[0] != first.Packages[0] {
		t.Errorf("what is there became %+v", got)
	}
	got, _ = n.Find(other.Version)
	if got.State.Yanked == nil || got.State.Yanked.Reason != index.NotMirrored && other.State.Yanked == nil {
		t.Errorf("what is not there has the state %+v", got.State)
	}
	if len(got.Packages) != len(other.Packages) {
		t.Error("what is not there lost its packages: who has it installed could not keep it")
	}
	if n.Document != p.Document {
		t.Error("the narrowed document has another digest")
	}
	if after, err := p.Bytes(); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the document itself changed, %v", err)
	}
}

func TestNarrowLeavesOutPackages(t *testing.T) {
	p := hello(t)
	r := &p.Releases[0]
	var a index.Available
	a.Add(p.ID, r.Version)
	if got := a.Packages(r); len(got) != 0 {
		t.Errorf("packages %v, want none", got)
	}
	a.Add(p.ID, r.Version, r.Packages...)
	if got := a.Packages(r); !slices.Equal(got, r.Packages) {
		t.Errorf("packages %v, want all", got)
	}
	if other := p.Releases[1].Version; a.Has(p.ID, other) || a.Has("acme/other", r.Version) {
		t.Error("something is there that was never added")
	}
}

func TestNoListTakesNothingAway(t *testing.T) {
	var a *index.Available
	p := hello(t)
	if a.Narrow(p) != p || !a.Has("x/y", version.MustParse("1.0.0")) || len(a.Packages(&p.Releases[0])) != len(p.Releases[0].Packages) {
		t.Error("no list at all takes something away")
	}
}

func TestAvailableRoundTrip(t *testing.T) {
	const want = `{"v":1,"plugins":[{"id":"acme/a","releases":[{"version":"0.0.0","packages":[]},{"version":"1.0.0-RC","packages":["process linux/amd64","wasm wasip1/wasm"]},{"version":"1.0.0-rc","packages":["wasm wasip1/wasm"]}]},{"id":"acme/b","releases":[]}]}` + "\n"
	for _, in := range []string{want, strings.Replace(want, `"process linux/amd64","wasm wasip1/wasm"`, `"wasm wasip1/wasm","process linux/amd64"`, 1)} {
		a, err := index.ParseAvailable([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if names := a.Names(); !slices.Equal(names, []manifest.ID{"acme/a", "acme/b"}) {
			t.Errorf("names %v", names)
		}
		var sum index.Available
		sum.Merge(a)
		sum.Merge(a)
		b, err := a.Bytes()
		if err != nil || string(b) != want {
			t.Errorf("got %s, %v", b, err)
		}
		if b, _ := sum.Bytes(); !strings.Contains(string(b), `"1.0.0-RC","packages":["process linux/amd64","wasm wasip1/wasm"]`) {
			t.Errorf("merged: %s", b)
		}
	}
}

func TestParseAvailableRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":           ``,
		"another version":   `{"v":2,"plugins":[]}`,
		"an unknown key":    `{"v":1,"plugins":[],"more":1}`,
		"a bad name":        `{"v":1,"plugins":[{"id":"../a","releases":[]}]}`,
		"a plugin twice":    `{"v":1,"plugins":[{"id":"a/b","releases":[]},{"id":"a/b","releases":[]}]}`,
		"a version twice":   `{"v":1,"plugins":[{"id":"a/b","releases":[{"version":"1.0.0","packages":[]},{"version":"1.0.0","packages":[]}]}]}`,
		"no version":        `{"v":1,"plugins":[{"id":"a/b","releases":[{"packages":[]}]}]}`,
		"half a version":    `{"v":1,"plugins":[{"id":"a/b","releases":[{"version":"1.0","packages":[]}]}]}`,
		"a bad runtime":     `{"v":1,"plugins":[{"id":"a/b","releases":[{"version":"1.0.0","packages":["Wasm wasip1/wasm"]}]}]}`,
		"a bad platform":    `{"v":1,"plugins":[{"id":"a/b","releases":[{"version":"1.0.0","packages":["wasm"]}]}]}`,
		"null":              `{"v":1,"plugins":null}`,
		"a repeated key":    `{"v":1,"v":1,"plugins":[]}`,
		"something behind":  `{"v":1,"plugins":[]}{}`,
		"a case variant":    `{"v":1,"Plugins":[]}`,
		"two line feeds in": "{\"v\":1,\"plugins\":[]}\n\n x",
	} {
		if _, err := index.ParseAvailable([]byte(in)); !errors.Is(err, index.ErrAvailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseAvailable(f *testing.F) {
	f.Add([]byte(`{"v":1,"plugins":[]}`))
	f.Add([]byte(`{"v":1,"plugins":[{"id":"a/b","releases":[{"version":"1.0.0","packages":["wasm wasip1/wasm"]}]}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		a, err := index.ParseAvailable(in)
		if err != nil {
			if a != nil || !errors.Is(err, index.ErrAvailable) {
				t.Fatalf("%v with %v", a, err)
			}
			return
		}
		once, err := a.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		b, err := index.ParseAvailable(once)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if twice, err := b.Bytes(); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s, %v", once, twice, err)
		}
	})
}
