package install_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/store/mem"
	"github.com/plugstead/plugstead/verify"
	"github.com/plugstead/plugstead/version"
)

// verified packs plugins and takes them through the steps before.
func verified(t *testing.T, ids ...string) (store.Store, []verify.Verified) {
	t.Helper()
	dir, into := t.TempDir(), new(mem.Store)
	d, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := resolve.Problem{Host: resolve.Host{Version: version.MustParse("1.0.0"), Runtimes: []string{"wasm"}}}
	for _, id := range ids {
		plugintest.Push(t, d, plugintest.Pack(t, id, "1.0.0"))
		p.Wishes = append(p.Wishes, resolve.Wish{ID: manifest.ID(id)})
	}
	src, err := fetch.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := resolve.Solve(t.Context(), src, p)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, into, s.Choices, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out []verify.Verified
	for _, f := range got {
		v, err := verify.Fetched(verify.Policy{}, f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return into, out
}

func open(t *testing.T) *install.Dir {
	t.Helper()
	d, err := install.Open(filepath.Join(t.TempDir(), "plugins"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func commit(t *testing.T, d *install.Dir, b artifact.Blobs, list []verify.Verified, why string) *install.Generation {
	t.Helper()
	tx, err := d.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Abort()
	for _, v := range list {
		if _, err := tx.Add(t.Context(), b, v); err != nil {
			t.Fatal(err)
		}
	}
	g, err := tx.Commit(resolve.Lock{}, why)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func active(t *testing.T, d *install.Dir) string {
	t.Helper()
	g, err := d.Active()
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	s.WriteString(fmt.Sprint(g.Number))
	for _, r := range g.Records {
		s.WriteString(" " + string(r.ID))
		if b, err := os.ReadFile(filepath.Join(r.Tree, "m.wasm")); err != nil || !strings.Contains(string(b), string(r.ID)) {
			t.Fatalf("%s: %q, %v", r.ID, b, err)
		}
	}
	return s.String()
}

func TestGenerations(t *testing.T) {
	d := open(t)
	if got := active(t, d); got != "0" {
		t.Fatal(got)
	}
	b, list := verified(t, "acme/a", "acme/b")
	commit(t, d, b, list[:1], "one")
	commit(t, d, b, list, "two")
	if got := active(t, d); got != "2 acme/a acme/b" {
		t.Fatal(got)
	}
	if _, err := d.Rollback(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got := active(t, d); got != "3 acme/a" {
		t.Fatal(got)
	}
	if _, err := d.Rollback(t.Context(), 9); !errors.Is(err, install.ErrNoGeneration) {
		t.Fatal(err)
	}
	if _, err := open(t).Rollback(t.Context(), 0); !errors.Is(err, install.ErrNoGeneration) {
		t.Fatal(err)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	tx, err := d.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Add(t.Context(), b, list[0]); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tx.Abort(), tx.Abort()); err != nil {
		t.Fatal(err)
	}
	if got := active(t, d); got != "0" {
		t.Fatal(got)
	}
	if _, err := tx.Add(t.Context(), b, list[0]); !errors.Is(err, install.ErrDone) {
		t.Fatal(err)
	}
	if _, err := tx.Commit(resolve.Lock{}, ""); !errors.Is(err, install.ErrDone) {
		t.Fatal(err)
	}
}

func TestZeroVerifiedPanics(t *testing.T) {
	tx, err := open(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Abort()
	defer func() {
		if recover() == nil {
			t.Fatal("no panic")
		}
	}()
	tx.Add(t.Context(), new(mem.Store), verify.Verified{})
}

func TestOneChangeAtATime(t *testing.T) {
	d := open(t)
	tx, err := d.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	other, err := install.Open(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Begin(ctx); !errors.Is(err, install.ErrBusy) {
		t.Fatal(err)
	}
	if err := tx.Abort(); err != nil {
		t.Fatal(err)
	}
	tx, err = other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tx.Abort()
}

// TestLeftovers puts down what a kill can leave at each point and changes the set.
func TestLeftovers(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	commit(t, d, b, list, "one")
	hex := list[0].Package().Payload.Digest.Hex()
	write := func(name string) {
		path := filepath.Join(d.Path(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"staging/x/y", "generations/.tmp-1", "trees/.tmp-2"} {
		write(name)
	}
	commit(t, d, b, list, "two")
	if got := active(t, d); got != "2 acme/a" {
		t.Fatal(got)
	}
	for _, name := range []string{"staging", "generations/.tmp-1", "trees/.tmp-2"} {
		if _, err := os.Stat(filepath.Join(d.Path(), name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was not swept: %v", name, err)
		}
	}
	// A tree without its completion record is unpacked again.
	if err := os.Remove(filepath.Join(d.Path(), "trees", hex+".json")); err != nil {
		t.Fatal(err)
	}
	write("trees/" + hex + "/m.wasm")
	commit(t, d, b, list, "three")
	if got := active(t, d); got != "3 acme/a" {
		t.Fatal(got)
	}
}

func TestBrokenGenerations(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	commit(t, d, b, list, "one")
	for i, bad := range []string{"", "{", `{"format":"other"}`, `{"format":"plugstead.generation/1","number":9}`, `{"format":"plugstead.generation/1","number":5,"records":[{"id":"a/b","payload":"../x"}]}`} {
		if err := os.WriteFile(filepath.Join(d.Path(), "generations", fmt.Sprintf("%08d.json", i+2)), []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Generation(i + 2); !errors.Is(err, install.ErrBroken) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if got := active(t, d); got != "1 acme/a" { // the highest valid one
		t.Fatal(got)
	}
	if g := commit(t, d, b, list, "next"); g.Number != 7 { // numbers are never used again
		t.Fatal(g.Number)
	}
	history, err := d.History()
	if err != nil || len(history) != 2 {
		t.Fatal(history, err)
	}
	if err := os.RemoveAll(history[1].Records[0].Tree + ".json"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Rollback(t.Context(), 1); !errors.Is(err, install.ErrBroken) {
		t.Fatal(err)
	}
}

func TestWrongPayloadChangesNothing(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	for name, r := range map[string]string{"truncated": "\x1f\x8b", "other": strings.Repeat("x", 300)} {
		tx, err := d.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Add(t.Context(), plugintest.Replace(b, list[0].Package().Payload.Digest, r), list[0]); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := tx.Abort(); err != nil {
			t.Fatal(err)
		}
		if entries, _ := os.ReadDir(filepath.Join(d.Path(), "trees")); len(entries) != 0 {
			t.Errorf("%s: left %v", name, entries)
		}
	}
}

func TestDataDir(t *testing.T) {
	d := open(t)
	path, err := d.DataDir("acme/a")
	if err != nil || path != filepath.Join(d.Path(), "data", "acme", "a") {
		t.Fatal(path, err)
	}
	if _, err := d.DataDir("../x"); err == nil {
		t.Fatal("path in a name")
	}
}

func FuzzGeneration(f *testing.F) {
	f.Add([]byte(`{"format":"plugstead.generation/1","number":1,"records":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := install.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(d.Path(), "generations"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d.Path(), "generations", "00000001.json"), b, 0o644); err != nil {
			t.Fatal(err)
		}
		g, err := d.Generation(1)
		if err != nil {
			return
		}
		for _, r := range g.Records {
			if !strings.HasPrefix(r.Tree, d.Path()) || strings.Contains(r.Tree, "..") {
				t.Fatalf("tree %s", r.Tree)
			}
		}
	})
}

// TestVector reads the example of docs/spec/installation.md.
func TestVector(t *testing.T) {
	b, err := os.ReadFile("../docs/spec/testdata/installation/00000001.json")
	if err != nil {
		t.Fatal(err)
	}
	d := open(t)
	if err := os.MkdirAll(filepath.Join(d.Path(), "generations"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.Path(), "generations", "00000001.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	g, err := d.Active()
	if err != nil {
		t.Fatal(err)
	}
	r, ok := g.Find("acme/hello")
	l, locked := g.Lock.Find("acme/hello")
	if !ok || !locked || g.Why != "install acme/hello" || r.Runtime != "wasm" || l.Source != "https://plugins.example.org" || l.Packages[0].Payload.Digest != r.Payload {
		t.Fatalf("%+v", g)
	}
}

// TestLostTree removes the files of an installed plugin: the next installation
// brings them back.
func TestLostTree(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	g := commit(t, d, b, list, "first")
	if err := os.RemoveAll(g.Records[0].Tree); err != nil {
		t.Fatal(err)
	}
	if d.HasTree(g.Records[0].Payload) {
		t.Fatal("a tree without files counts as there")
	}
	g = commit(t, d, b, list, "again")
	if _, err := os.Stat(filepath.Join(g.Records[0].Tree, "m.wasm")); err != nil || !d.HasTree(g.Records[0].Payload) {
		t.Fatal(err)
	}
}

func TestStrayFilesAreNoGenerations(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	commit(t, d, b, list, "first")
	for _, name := range []string{"7.json", "+0000009.json", "00000008", "00000008.json.bak", "-0000008.json"} {
		if err := os.WriteFile(filepath.Join(d.Path(), "generations", name), []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if g, err := d.Active(); err != nil || g.Number != 1 {
		t.Fatalf("%+v, %v", g, err)
	}
	if g := commit(t, d, b, list, "second"); g.Number != 2 {
		t.Fatalf("generation %d", g.Number)
	}
}

// TestFolderOfOthers: what others can change is not loaded.
func TestFolderOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("folders inherit who may write")
	}
	d := open(t)
	b, list := verified(t, "acme/a")
	commit(t, d, b, list, "first")
	for mode, good := range map[os.FileMode]bool{0o777: false, 0o757: false, 0o755: true, 0o700: true} {
		if err := os.Chmod(d.Path(), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := install.Open(d.Path()); (err == nil) != good || err != nil && !errors.Is(err, install.ErrNotPrivate) {
			t.Errorf("%o: %v", mode, err)
		}
	}
}
