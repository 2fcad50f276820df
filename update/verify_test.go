package update_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/update"
)

// TestVerifyAndRepair damages files and completion records: both are found and mended,
// in the versions that were installed.
func TestVerifyAndRepair(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"acme/a", "acme/b", "acme/c"} {
		w.publish(id, "1.0.0")
	}
	w.change(wish(t, "acme/a", "acme/b", "acme/c"))
	w.publish("acme/a", "1.1.0")
	check := func(want map[string]error) []update.Finding {
		t.Helper()
		list, err := w.up.Verify(t.Context())
		if err != nil || len(list) != 3 {
			t.Fatal(list, err)
		}
		for _, f := range list {
			if e := want[string(f.ID)]; !errors.Is(f.Err, e) || (f.Err == nil) != (e == nil) {
				t.Errorf("%s: %v, want %v", f.ID, f.Err, e)
			}
		}
		return list
	}
	check(nil)
	g, err := w.up.Dir.Active()
	if err != nil {
		t.Fatal(err)
	}
	a, _ := g.Find("acme/a")
	b, _ := g.Find("acme/b")
	if err := errors.Join(os.WriteFile(filepath.Join(a.Tree, "m.wasm"), []byte("bad"), 0o644), os.Remove(b.Tree+".json")); err != nil {
		t.Fatal(err)
	}
	found := check(map[string]error{"acme/a": install.ErrTampered, "acme/b": install.ErrBroken})
	if _, g, err = w.up.Repair(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	check(nil)
	w.expect("acme/a 1.0.0, acme/b 1.0.0, acme/c 1.0.0")
	if _, again, err := w.up.Repair(t.Context(), check(nil)); err != nil || again.Number != g.Number {
		t.Errorf("nothing to repair: generation %d after %d, %v", again.Number, g.Number, err)
	}
	if _, err := w.up.Verify(t.Context(), "acme/none"); !errors.Is(err, update.ErrNotInstalled) {
		t.Error(err)
	}
	if list, err := w.up.Verify(t.Context(), "acme/c"); err != nil || len(list) != 1 || list[0].ID != "acme/c" {
		t.Error(list, err)
	}
}
