package static_test

import (
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/mirrortest"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/registry/static"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store/mem"
)

const vector = "../../docs/spec/testdata/static/tree.json"

var update = flag.Bool("update", false, "write the test vector anew")

// spread writes the example of the specification to a folder.
func spread(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(vector)
	if err != nil {
		t.Fatal(err)
	}
	list := map[string][]byte{}
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range list {
		write(t, dir, name, b)
	}
	return dir
}

func write(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestWriteVector makes the example. It has a release that is not in the tree.
func TestWriteVector(t *testing.T) {
	if !*update {
		return
	}
	s := registrytest.New(t)
	for _, p := range []*artifact.Packed{
		plugintest.Pack(t, "acme/base", "1.0.0"), plugintest.Pack(t, "acme/hello", "1.0.0", "requires: { acme/base: ^1 }"),
		plugintest.Pack(t, "acme/hello", "2.0.0"),
	} {
		plugintest.Push(t, s.Client().Target(p.Manifest.ID), p)
	}
	dir := t.TempDir()
	mirrortest.Copy(t, s.Client(), dir, "acme/hello@^1")
	list := map[string][]byte{}
	for name, b := range mirrortest.Files(t, dir) {
		list[name] = []byte(b)
	}
	b, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	write(t, ".", vector, append(b, '\n'))
}

func TestVector(t *testing.T) {
	dir := spread(t)
	tree, err := static.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tree.Plugin(t.Context(), "acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Releases) != 2 || p.Releases[0].State.Yanked != nil || p.Releases[1].State.Yanked.Reason != index.NotMirrored {
		t.Errorf("releases %+v", p.Releases)
	}
	// Every byte is right, and the writer writes the same tree.
	again := t.TempDir()
	mirrortest.Copy(t, tree, again)
	if !maps.Equal(mirrortest.Files(t, dir), mirrortest.Files(t, again)) {
		t.Errorf("a copy of the example has other files")
	}
	r := p.Releases[0]
	got, err := fetch.Fetch(t.Context(), fetch.Sources{Default: tree}, &mem.Store{}, []resolve.Choice{{ID: p.ID, Release: &r, Package: r.Packages[0]}}, fetch.Options{})
	if err != nil || got[0].Image.Manifest.ID != "acme/hello" {
		t.Errorf("%v", err)
	}
}

// TestFileServer runs the client of a registry on files: no header of ours, tags of others.
func TestFileServer(t *testing.T) {
	dir := spread(t)
	tag := ""
	var asked []string
	files := http.FileServer(http.Dir(dir))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tag != "" {
			w.Header().Set("ETag", tag)
		}
		asked = append(asked, r.URL.Path+" "+r.Header.Get("If-None-Match"))
		files.ServeHTTP(w, r)
	}))
	defer s.Close()
	cache := t.TempDir()
	read := func() {
		t.Helper()
		c, err := client.New(s.URL, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		x := fetch.OpenIndex(t.Context(), fetch.Sources{Default: c}, fetch.IndexOptions{Cache: cache})
		defer x.Close()
		if p, err := x.Plugin(t.Context(), "acme/base"); err != nil || len(p.Releases) != 1 {
			t.Fatalf("%v, %v", p, err)
		}
	}
	read()
	read()
	tag = `W/"5f3-6a"`
	read()
	read()
	want := []string{"/index/v1/acme/base ", "/index/v1/acme/base ", "/index/v1/acme/base ", `/index/v1/acme/base W/"5f3-6a"`}
	if len(asked) != len(want) {
		t.Fatalf("asked %q", asked)
	}
	for i := range want {
		if asked[i] != want[i] {
			t.Errorf("request %d: %q, want %q", i, asked[i], want[i])
		}
	}
	c, _ := client.New(s.URL, client.Options{})
	if r, err := c.Revision(t.Context()); err != nil || len(r) != 64 {
		t.Errorf("revision %q, %v", r, err)
	}
}
