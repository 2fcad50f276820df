package install_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/install"
)

// shared opens two applications in one store.
func shared(t *testing.T) (store string, a, b *install.Dir) {
	t.Helper()
	store = t.TempDir()
	a, err := install.OpenIn(store, "editor")
	must(t, err)
	b, err = install.OpenIn(store, "viewer")
	must(t, err)
	return store, a, b
}

func TestSharedStore(t *testing.T) {
	store, a, b := shared(t)
	blobs, both := verified(t, "acme/both")
	one := commit(t, a, blobs, both, "first").Records[0]
	two := commit(t, b, blobs, both, "second").Records[0]
	if one.Tree != two.Tree || a.Store() != store || b.Store() != store || a.Path() == b.Path() || a.Path() != install.PathIn(store, "editor") {
		t.Errorf("%s and %s: %s, %s", a.Path(), b.Path(), one.Tree, two.Tree)
	}
	if list, err := os.ReadDir(filepath.Join(store, "trees")); err != nil || len(list) != 2 { // the files and their record
		t.Errorf("%v, %v", list, err)
	}
	// The private folders are not shared.
	for _, d := range []*install.Dir{a, b} {
		path, err := d.DataDir("acme/both")
		if err != nil || !strings.HasPrefix(path, d.Path()) || !strings.HasPrefix(d.CacheDir(), d.Path()) {
			t.Error(path, d.CacheDir(), err)
		}
	}
	// Neither has the history of the other.
	commit(t, a, blobs, nil, "removed")
	if g, err := b.Active(); err != nil || g.Number != 1 || len(g.Records) != 1 {
		t.Errorf("%+v, %v", g, err)
	}
	// What the other one has stays, and goes when nobody has it.
	if c := collect(t, a, everything); len(c.Trees) != 0 || len(c.Generations) != 1 {
		t.Errorf("%+v", c)
	}
	must(t, b.Verify(t.Context(), two))
	commit(t, b, blobs, nil, "removed")
	if c := collect(t, a, everything); len(c.Trees) != 0 {
		t.Errorf("the other one can go back to it: %+v", c)
	}
	if c := collect(t, b, everything); !slices.Equal(c.Trees, []artifact.Digest{two.Payload}) {
		t.Errorf("%+v", c)
	}
	if b.HasTree(two.Payload) {
		t.Error("it is still there")
	}
}

// TestSharedStoreDamage: a damaged generation of one application is no matter of another, and
// a folder that cannot be read is no reason to remove what it may need.
func TestSharedStoreDamage(t *testing.T) {
	store, a, b := shared(t)
	blobs, list := verified(t, "acme/a")
	commit(t, b, blobs, list, "first")
	must(t, os.WriteFile(filepath.Join(b.Path(), "generations", "00000002.json"), []byte("{"), 0o644))
	must(t, os.WriteFile(filepath.Join(store, "apps", "notes.txt"), []byte("mine"), 0o644))
	if c := collect(t, a, everything); len(c.Trees) != 0 {
		t.Errorf("%+v", c)
	}
	generations := filepath.Join(b.Path(), "generations")
	must(t, os.RemoveAll(generations))
	must(t, os.WriteFile(generations, nil, 0o644)) // no folder
	if c, err := a.Collect(t.Context(), everything); err == nil {
		t.Errorf("it was collected: %+v", c)
	}
	if !b.HasTree(list[0].Package().Payload.Digest) {
		t.Error("the files are gone")
	}
	must(t, os.RemoveAll(b.Path())) // who removes an application leaves the rest to gc
	if c := collect(t, a, everything); len(c.Trees) != 1 {
		t.Errorf("%+v", c)
	}
}

// TestSharedStoreLock: changes of two applications wait for one another; reading does not.
func TestSharedStoreLock(t *testing.T) {
	_, a, b := shared(t)
	blobs, list := verified(t, "acme/a")
	commit(t, b, blobs, list, "first")
	tx, err := a.Begin(t.Context())
	must(t, err)
	x, err := b.Inspect()
	if err != nil || !x.Busy {
		t.Errorf("%+v, %v", x, err)
	}
	use, err := b.Use()
	must(t, err)
	must(t, errors.Join(b.Check(t.Context(), use.Records[0]), use.Release(), tx.Abort()))
	if _, err := tx.Others(); !errors.Is(err, install.ErrDone) {
		t.Error(err)
	}
	// What a killed change of one left is found, and swept, by the other.
	must(t, os.MkdirAll(filepath.Join(b.Store(), "staging", "x"), 0o755))
	must(t, os.WriteFile(filepath.Join(b.Path(), "generations", ".tmp-1"), nil, 0o644))
	for _, d := range []*install.Dir{a, b} {
		x, err := d.Inspect()
		if err != nil || !slices.Contains(x.Leftovers, "staging") || slices.Contains(x.Leftovers, filepath.Join("apps", "viewer", "generations", ".tmp-1")) != (d == b) {
			t.Errorf("%s: %v, %v", d.Path(), x.Leftovers, err)
		}
	}
	tx, err = a.Begin(t.Context())
	must(t, err)
	must(t, tx.Abort())
	if _, err := os.Stat(filepath.Join(b.Store(), "staging")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestOpenInRefuses(t *testing.T) {
	store, a, _ := shared(t)
	blobs, list := verified(t, "acme/a")
	commit(t, a, blobs, list, "first")
	for _, app := range []string{"", "..", "a/b", "Editor", `a\b`, strings.Repeat("a", 300)} {
		if d, err := install.OpenIn(store, app); err == nil {
			t.Errorf("%q: %s", app, d.Path())
		}
	}
	if _, err := install.Open(store); err == nil {
		t.Error("a store is no installation of one application")
	}
	d, _ := history(t, 1)
	if _, err := install.OpenIn(d.Path(), "editor"); err == nil {
		t.Error("an installation of one application is no store")
	}
	if runtime.GOOS != "windows" {
		for _, dir := range []string{store, filepath.Dir(a.Path()), a.Path()} {
			must(t, os.Chmod(dir, 0o777))
			if _, err := install.OpenIn(store, "editor"); !errors.Is(err, install.ErrNotPrivate) {
				t.Errorf("others may write to %s: %v", dir, err)
			}
			must(t, os.Chmod(dir, 0o755))
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o644))
	if _, err := install.OpenIn(file, "editor"); err == nil {
		t.Error("a file is no store")
	}
}
