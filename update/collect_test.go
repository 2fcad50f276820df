package update_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
)

// TestCollect removes what older sets left: blobs, files and generations, but not what
// the active one leads to, nor what a host runs.
func TestCollect(t *testing.T) {
	w := newWorld(t)
	w.up.Index.Cache = filepath.Join(t.TempDir(), "cache")
	w.publish("acme/a", "1.0.0")
	w.publish("acme/a", "1.1.0")
	w.publish("acme/b", "1.0.0")
	all := install.CollectOptions{Keep: -1, Grace: -1}
	if c, err := w.up.Collect(t.Context(), all); err != nil || c.Blobs+len(c.Trees)+len(c.Generations) > 0 {
		t.Fatalf("of nothing: %+v %v", c, err)
	}
	w.change(wish(t, "acme/a@1.0.0", "acme/b"))
	w.change(update.Change{Uninstall: []manifest.ID{"acme/b"}})
	set := w.run(fakeDriver{})
	if _, err := w.up.Start(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	w.change(wish(t, "acme/a@1.1.0")) // now this runs, and the one before does not
	blobs := func() int {
		list, err := os.ReadDir(filepath.Join(w.up.Blobs, "blobs", "sha256"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := blobs()
	dry := all
	dry.DryRun = true
	said, err := w.up.Collect(t.Context(), dry)
	if err != nil || blobs() != before {
		t.Fatal(blobs(), err)
	}
	did, err := w.up.Collect(t.Context(), all)
	if err != nil || did.Blobs != said.Blobs || did.Blobs != before-blobs() || did.BlobBytes == 0 || len(did.Generations) != 2 || len(did.Trees) != 2 {
		t.Errorf("said %+v, did %+v, %d of %d blobs are left, %v", said, did, blobs(), before, err)
	}
	w.expect("acme/a 1.1.0")
	if f, err := w.up.Verify(t.Context()); err != nil || f[0].Err != nil {
		t.Error(f, err)
	}
	c := update.Change{Uninstall: []manifest.ID{"acme/a"}}
	w.change(c)
	c = wish(t, "acme/a")
	c.Offline = true
	w.change(c) // what is kept is enough
	w.expect("acme/a 1.1.0")
	if err := errors.Join(w.up.Release(), w.up.Release()); err != nil {
		t.Error(err)
	}
}

// TestCollectLeavesWhatRuns: a host that runs an older set keeps it, until it ends.
func TestCollectLeavesWhatRuns(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/a", "1.1.0")
	g := w.change(wish(t, "acme/a@1.0.0"))
	set := w.run(fakeDriver{})
	if _, err := w.up.Start(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	other := w.updater(w.up.Dir.Path()) // another program
	if _, _, err := other.Change(t.Context(), wish(t, "acme/a@1.1.0")); err != nil {
		t.Fatal(err)
	}
	all := install.CollectOptions{Keep: -1, Grace: -1}
	if c, err := other.Collect(t.Context(), all); err != nil || len(c.Generations) > 0 || len(c.Trees) > 0 {
		t.Errorf("%+v %v", c, err)
	}
	if err := w.up.Dir.Check(t.Context(), g.Records[0]); err != nil {
		t.Error(err)
	}
	if err := w.up.Release(); err != nil {
		t.Fatal(err)
	}
	if c, err := other.Collect(t.Context(), all); err != nil || len(c.Generations) != 1 || len(c.Trees) != 1 {
		t.Errorf("%+v %v", c, err)
	}
}
