package static_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/static"
	"github.com/plugstead/plugstead/store"
)

func open(t testing.TB, dir string) *static.Tree {
	t.Helper()
	tree, err := static.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestOpenRefuses(t *testing.T) {
	for name, content := range map[string]string{
		"another protocol": `{"protocol":2}`, "no protocol": `{}`, "no JSON": `<html>`, "twice": `{"protocol":1,"protocol":1}`,
		"too long": `{"protocol":1,"x":"` + strings.Repeat("x", 70_000) + `"}`,
	} {
		dir := t.TempDir()
		write(t, dir, ".well-known/plugstead.json", []byte(content))
		if _, err := static.Open(dir); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "missing")} {
		if _, err := static.Open(dir); !errors.Is(err, static.ErrNotTree) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestNoLinkLeadsOut(t *testing.T) {
	dir := spread(t)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := open(t, dir)
	for _, name := range []string{"index/v1/acme/hello", "available.json", ".well-known/plugstead.json"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tree.Raw(t.Context(), "acme/hello"); err == nil {
		t.Error("a document came from outside")
	}
	if _, err := tree.Plugin(t.Context(), "acme/base"); err == nil {
		t.Error("available.json came from outside")
	}
	if _, err := static.Open(dir); err == nil {
		t.Error("a tree whose marker is elsewhere was opened")
	}
}

func TestFoldersAreNoFiles(t *testing.T) {
	dir := spread(t)
	if err := os.MkdirAll(filepath.Join(dir, "index", "v1", "acme", "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir).Raw(t.Context(), "acme/folder"); err == nil || errors.Is(err, index.ErrNotFound) {
		t.Errorf("a folder in place of a document: %v", err)
	}
}

func TestMissing(t *testing.T) {
	dir := spread(t)
	tree := open(t, dir)
	if _, err := tree.Plugin(t.Context(), "acme/nobody"); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("a plugin: %v", err)
	}
	d := artifact.Describe("text/plain", []byte("nobody has this"))
	if _, err := tree.Blobs("acme/hello").Open(t.Context(), d); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a blob: %v", err)
	}
	d.Digest = "sha256:../../../etc/passwd"
	if _, err := tree.Blobs("acme/hello").Open(t.Context(), d); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("no digest: %v", err)
	}
}

func TestAvailableIsReadAgain(t *testing.T) {
	dir := spread(t)
	tree := open(t, dir)
	yanked := func() bool {
		t.Helper()
		p, err := tree.Plugin(t.Context(), "acme/hello")
		if err != nil {
			t.Fatal(err)
		}
		return p.Releases[0].State.Yanked != nil
	}
	if yanked() {
		t.Error("1.0.0 should be there")
	}
	write(t, dir, "available.json", []byte(`{"v":1,"plugins":[]}`))
	if !yanked() {
		t.Error("the old list was used")
	}
	write(t, dir, "available.json", []byte(`no list`))
	if _, err := tree.Plugin(t.Context(), "acme/hello"); !errors.Is(err, index.ErrAvailable) {
		t.Errorf("a bad list: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "available.json")); err != nil {
		t.Fatal(err)
	}
	if yanked() {
		t.Error("without a list everything is there")
	}
}

func TestSearch(t *testing.T) {
	dir := spread(t)
	write(t, dir, "index/v1/acme/UPPER", nil) // no name of a plugin
	write(t, dir, "index/v1/acme/.tmp-1", nil)
	tree := open(t, dir)
	for q, want := range map[index.Query]string{{}: "acme/base acme/hello", {Text: "hel"}: "acme/hello", {Limit: 1}: "acme/base", {Text: "none"}: "", {Point: "x.dev/p"}: ""} {
		var got []string
		for h, err := range tree.Search(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(h.ID))
			if h.Version.String() != "1.0.0" {
				t.Errorf("%s %s is not there", h.ID, h.Version)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%+v: %v, want %s", q, got, want)
		}
	}
	write(t, dir, "index/v1/acme/bad", []byte("bad"))
	for _, err := range tree.Search(t.Context(), index.Query{}) {
		if errors.Is(err, index.ErrDocument) {
			return
		}
	}
	t.Error("a bad document was no error")
}

func create(t *testing.T, dir string) *static.Writer {
	t.Helper()
	w, err := static.Create(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func TestCreateRefuses(t *testing.T) {
	foreign := t.TempDir()
	write(t, foreign, "thesis.txt", []byte("years of work"))
	if _, err := static.Create(t.Context(), foreign); !errors.Is(err, static.ErrNotTree) {
		t.Errorf("a folder of something else: %v", err)
	}
	whole := spread(t)
	if err := os.Remove(filepath.Join(whole, "available.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := static.Create(t.Context(), whole); !errors.Is(err, static.ErrNotTree) {
		t.Errorf("a tree without a list: %v", err)
	}
	held := spread(t)
	create(t, held)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := static.Create(ctx, held); !errors.Is(err, filelock.ErrHeld) {
		t.Errorf("a second writer: %v", err)
	}
}

func TestWriterStaysInside(t *testing.T) {
	dir, outside := spread(t), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "v2", "evil")); err != nil {
		t.Fatal(err)
	}
	w := create(t, dir)
	b := []byte("bytes")
	d := artifact.Describe("text/plain", b)
	_, err := w.Put(t.Context(), "evil/a", d, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(b))), nil })
	if !errors.Is(err, static.ErrName) {
		t.Errorf("got %v", err)
	}
	if list, _ := os.ReadDir(outside); len(list) != 0 {
		t.Errorf("%v landed outside", list)
	}
}

func TestPut(t *testing.T) {
	w := create(t, t.TempDir())
	big := strings.Repeat("large", artifact.MaxManifest)
	for _, content := range []string{"small", big} {
		d := artifact.Describe("text/plain", []byte(content))
		give := func(s string) func() (io.ReadCloser, error) {
			return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
		}
		for _, wrong := range []string{"", content[1:], content + "x", "x" + content[1:]} {
			if _, err := w.Put(t.Context(), "acme/a", d, give(wrong)); !errors.Is(err, artifact.ErrDigest) {
				t.Errorf("wrong bytes: %v", err)
			}
			if _, err := w.Blobs("acme/a").Open(t.Context(), d); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("wrong bytes were kept: %v", err)
			}
		}
		for _, want := range []bool{true, false} {
			if added, err := w.Put(t.Context(), "acme/a", d, give(content)); err != nil || added != want {
				t.Errorf("added %v, %v, want %v", added, err, want)
			}
		}
	}
	if _, err := w.Put(t.Context(), "acme/a", artifact.Descriptor{Digest: "sha256:x"}, nil); err == nil {
		t.Error("no digest was put")
	}
}

func TestDocumentsThatFollowEachOther(t *testing.T) {
	newer, err := open(t, spread(t)).Raw(t.Context(), "acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(newer), "\n")
	older, other := lines[0]+lines[1], lines[0]+lines[2]
	changed := lines[0] + strings.Replace(lines[1], `"s":{}`, `"s":{"yanked":{}}`, 1)
	w := create(t, t.TempDir())
	for _, c := range []struct {
		name, document string
		changed        bool
		err            error
	}{
		{"the first", older, true, nil},
		{"the same", older, false, nil},
		{"another state", changed, true, nil},
		{"another release", other, false, static.ErrForeign},
		{"more releases", string(newer), true, nil},
		{"fewer releases", older, false, nil},
		{"no document", "html", false, index.ErrDocument},
	} {
		if err := w.Check(t.Context(), "acme/hello", []byte(c.document)); !errors.Is(err, c.err) {
			t.Errorf("check of %s: %v", c.name, err)
		}
		got, err := w.Commit(t.Context(), map[manifest.ID][]byte{"acme/hello": []byte(c.document)}, &index.Available{})
		if !errors.Is(err, c.err) || got != c.changed {
			t.Errorf("%s: changed %v, %v", c.name, got, err)
		}
	}
	if err := w.Check(t.Context(), "revision/a", []byte(`{"v":1,"id":"revision/a"}`+"\n")); !errors.Is(err, static.ErrName) {
		t.Errorf("a namespace that cannot be: %v", err)
	}
}
