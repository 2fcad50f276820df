package update_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
)

// TestOverrideOfFiles: a folder of files is an override as well, and its files count: one
// that is added is another state, and without the folder it does not run.
func TestOverrideOfFiles(t *testing.T) {
	w := newWorld(t)
	w.up.Host.Runtimes = manifest.PackageRuntimes()
	dir := plugintest.Folder(t, map[string]string{
		"plugin.yaml":  "id: acme/dark\nversion: 1.0.0\nprovides: { acme.dev/greeter: \"1.0\" }\nruntimes: { files: { folder: theme } }\n",
		"theme/a.html": "a",
	})
	at := func() update.Override {
		g, err := w.up.Dir.Active()
		if err != nil {
			t.Fatal(err)
		}
		list := w.up.Overrides(g)
		if len(list) != 1 {
			t.Fatalf("%+v", list)
		}
		return list[0]
	}
	w.override(dir)
	if o := at(); o.Err != nil || o.Runtime != manifest.RuntimeFiles {
		t.Fatalf("%+v", o)
	}
	theme := filepath.Join(dir, "theme")
	if err := errors.Join(os.RemoveAll(theme), os.WriteFile(theme, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if o := at(); !errors.Is(o.Err, update.ErrOverrideFolder) {
		t.Errorf("a file in place of the folder: %v", o.Err)
	}
	if err := os.Remove(theme); err != nil {
		t.Fatal(err)
	}
	if o := at(); !errors.Is(o.Err, update.ErrOverrideFolder) {
		t.Errorf("no folder: %v", o.Err)
	}
}
