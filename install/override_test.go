package install_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// commitOverrides makes a generation without plugins.
func commitOverrides(t *testing.T, d *install.Dir, list ...install.Override) (*install.Generation, error) {
	t.Helper()
	tx, err := d.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Abort()
	if err := tx.SetOverrides(list); err != nil {
		return nil, err
	}
	return tx.Commit(resolve.Lock{}, "override")
}

// TestOverridesAreKept: they are in the generation, sorted, until another one says
// otherwise, and a rollback brings them back.
func TestOverridesAreKept(t *testing.T) {
	d, err := install.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, b := install.Override{ID: "acme/a", Dir: t.TempDir()}, install.Override{ID: "acme/b", Dir: t.TempDir()}
	if _, err := commitOverrides(t, d, b, a); err != nil {
		t.Fatal(err)
	}
	active := func() []install.Override {
		g, err := d.Active()
		if err != nil {
			t.Fatal(err)
		}
		return g.Overrides
	}
	if got := active(); !slices.Equal(got, []install.Override{a, b}) {
		t.Fatalf("%+v", got)
	}
	tx, err := d.Begin(t.Context())
	if err == nil {
		_, err = tx.Commit(resolve.Lock{}, "something else")
	}
	if got := active(); err != nil || !slices.Equal(got, []install.Override{a, b}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := commitOverrides(t, d); err != nil || len(active()) != 0 {
		t.Fatalf("%+v, %v", active(), err)
	}
	if g, err := d.Rollback(t.Context(), 0); err != nil || !slices.Equal(g.Overrides, []install.Override{a, b}) {
		t.Fatalf("%+v, %v", g, err)
	}
}

// TestBadOverrides are neither written nor read.
func TestBadOverrides(t *testing.T) {
	d, err := install.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	abs := t.TempDir()
	var many []install.Override
	for i := range 101 {
		many = append(many, install.Override{ID: manifest.ID(fmt.Sprintf("acme/a%d", i)), Dir: abs})
	}
	for name, list := range map[string][]install.Override{
		"relative": {{ID: "acme/a", Dir: "relative"}}, "empty": {{ID: "acme/a"}}, "dots": {{ID: "acme/a", Dir: abs + "/../x"}},
		"id": {{ID: "../x", Dir: abs}}, "twice": {{ID: "acme/a", Dir: abs}, {ID: "acme/a", Dir: abs}}, "many": many,
	} {
		if g, err := commitOverrides(t, d, list...); err == nil || g != nil {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
	if _, err := commitOverrides(t, d, install.Override{ID: "acme/a", Dir: abs}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.Path(), "generations", "00000001.json")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"relative": {abs, "relative"}, "dots": {abs, abs + "/.."}, "id": {"acme/a", "acme"}, "key": {`"dir"`, `"dirs"`},
	} {
		text := strings.Replace(string(b), change[0], change[1], 1)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil || text == string(b) {
			t.Fatal(name, err)
		}
		if g, err := d.Generation(1); !errors.Is(err, install.ErrBroken) {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
}

// TestOverrideData: the folder of an override stays as long as a generation has it, and a
// purge removes it.
func TestOverrideData(t *testing.T) {
	d, err := install.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.MakeDevData("../x"); err == nil {
		t.Error("data of a bad name")
	}
	o := install.Override{ID: "acme/a", Dir: t.TempDir()}
	if _, err := commitOverrides(t, d, o); err != nil {
		t.Fatal(err)
	}
	if err := d.MakeDevData("acme/a"); err != nil {
		t.Fatal(err)
	}
	path := d.DevDataPath("acme/a")
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	c, err := d.Collect(t.Context(), install.CollectOptions{Grace: -1, Keep: -1})
	if _, serr := os.Stat(path); err != nil || serr != nil || len(c.Data) != 0 {
		t.Fatalf("%+v, %v, %v", c, err, serr)
	}
	if err := d.Purge(t.Context(), "acme/a"); !errors.Is(err, install.ErrInstalled) {
		t.Errorf("got %v", err)
	}
	use, err := d.Use()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := commitOverrides(t, d); err != nil {
		t.Fatal(err)
	}
	if err := d.Purge(t.Context(), "acme/a"); !errors.Is(err, install.ErrRunning) {
		t.Errorf("a host runs it: %v", err)
	}
	if err := use.Release(); err != nil {
		t.Fatal(err)
	}
	if has, err := d.HasData("acme/a"); err != nil || !has {
		t.Errorf("%v, %v", has, err)
	}
	if err := d.Purge(t.Context(), "acme/a"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
