package update_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/internal/hostile"
	"github.com/plugstead/plugstead/internal/plugintest"
)

// TestHostileArchives installs plugins whose payloads may not be unpacked, from a
// registry that has them: what is installed stays, nothing outside the installation is
// touched, nothing half-done remains, and the next change works.
func TestHostileArchives(t *testing.T) {
	list, err := hostile.Archives()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	parent := t.TempDir()
	w.up = w.updater(filepath.Join(parent, "plugins"))
	w.publish("acme/a", "1.0.0")
	w.change(wish(t, "acme/a"))
	for i, a := range list {
		id := fmt.Sprintf("acme/hostile-%d", i)
		p := plugintest.Pack(t, id, "1.0.0")
		to := plugintest.OtherPayload(w.reg.Client().Target(p.Manifest.ID), a.Bytes)
		plugintest.Push(t, to, p)
		before := snapshot(t, filepath.Join(w.up.Dir.Path(), "generations"))
		if _, _, err := w.up.Change(t.Context(), wish(t, id)); err == nil {
			t.Errorf("%s: installed", a.Name)
		}
		if after := snapshot(t, filepath.Join(w.up.Dir.Path(), "generations")); after != before {
			t.Errorf("%s: the set changed:\n%s\nbefore:\n%s", a.Name, after, before)
		}
		if left, err := os.ReadDir(filepath.Join(w.up.Dir.Path(), "staging")); err == nil && len(left) > 0 {
			t.Errorf("%s: left %v", a.Name, left)
		}
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
			t.Errorf("%s: wrote outside: %v, %v", a.Name, entries, err)
		}
	}
	w.publish("acme/b", "1.0.0")
	w.change(wish(t, "acme/b"))
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
}
