package update_test

import (
	"errors"
	"testing"

	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/update"
)

// TestReload: a folder is read again and swapped in; what cannot run leaves what runs.
func TestReload(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0")
	w.change(wish(t, "acme/a", "acme/b"))
	var bad error
	set := w.run(fakeDriver{hook: func(im load.Image) error {
		if im.Stamp != "" {
			return bad
		}
		return nil
	}})
	if _, err := w.up.Start(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	if err := w.up.Reload(t.Context(), "acme/a"); !errors.Is(err, update.ErrNotInstalled) {
		t.Errorf("what is not overridden: %v", err)
	}
	dir := devFolder(t, "acme/a", "1.1.0")
	before := w.override(dir)
	for _, step := range []struct {
		name, version, runs string
		bad                 error
	}{
		{name: "newer", version: "1.2.0", runs: "acme/a 1.2.0, acme/b 1.0.0"},
		{name: "does not start", version: "1.3.0", bad: errors.New("panic: mine"), runs: "acme/a 1.2.0, acme/b 1.0.0"},
		{name: "mended", version: "1.4.0", runs: "acme/a 1.4.0, acme/b 1.0.0"},
	} {
		bad = step.bad
		rewrite(t, dir, "plugin.yaml", plugintest.YAML("acme/a", step.version))
		err := w.up.Reload(t.Context(), "acme/a")
		if _, ok := errors.AsType[*supervise.StartError](err); ok != (step.bad != nil) || (err != nil) != ok {
			t.Errorf("%s: %v", step.name, err)
		}
		if got := names(set); got != step.runs {
			t.Errorf("%s: running %s, want %s", step.name, got, step.runs)
		}
	}
	for name, text := range map[string]string{
		"mistakes":       "id: acme/a\nversion: x\n",
		"another plugin": plugintest.YAML("acme/z", "1.0.0"),
		"needs others":   plugintest.YAML("acme/a", "1.5.0", "requires: { acme/none: ^1 }"),
		"another app":    plugintest.YAML("acme/a", "1.5.0", "host: { other: ^1 }"),
	} {
		rewrite(t, dir, "plugin.yaml", text)
		if err := w.up.Reload(t.Context(), "acme/a"); err == nil || names(set) != "acme/a 1.4.0, acme/b 1.0.0" {
			t.Errorf("%s: %v, running %s", name, err, names(set))
		} else if _, ok := errors.AsType[*update.OverrideError](err); !ok {
			t.Errorf("%s: %v is no OverrideError", name, err)
		}
	}
	if p := set.Plugin(manifest.ID("acme/a")); p.Stats().Swaps != 3 {
		t.Errorf("%d swaps, want 3", p.Stats().Swaps)
	}
	if g, err := w.up.Dir.Active(); err != nil || g.Number != before.Number {
		t.Errorf("a reload made generation %d, %v", g.Number, err)
	}
}

// TestReloadOfNothing: without running plugins the folder is looked at, and nothing starts.
func TestReloadOfNothing(t *testing.T) {
	w := newWorld(t)
	dir := devFolder(t, "acme/a", "1.1.0")
	w.override(dir)
	if err := w.up.Reload(t.Context(), "acme/a"); err != nil {
		t.Error(err)
	}
	rewrite(t, dir, "plugin.yaml", "id: x")
	if err := w.up.Reload(t.Context(), "acme/a"); err == nil {
		t.Error("a folder with mistakes")
	}
}
