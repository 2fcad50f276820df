package plugstead_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

func notCI(o *plugstead.Options) { o.CI = func() bool { return false } }

// devFolder makes a plugin folder under development.
func devFolder(t *testing.T, id, v string, more ...string) string {
	t.Helper()
	return plugintest.Folder(t, map[string]string{"plugin.yaml": plugintest.YAML(id, v, more...), "m.wasm": "\x00asm dev"})
}

// TestOverrideInAHost: a folder runs in place of what is installed, until it is uninstalled.
func TestOverrideInAHost(t *testing.T) {
	s := registrytest.New(t)
	publishTo(t, s, "acme/a", "1.0.0")
	r := new(recorder)
	h := hostOf(t, s, r, notCI)
	if err := errors.Join(h.Install(t.Context(), "acme/a"), h.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	dir, extra := devFolder(t, "acme/a", "1.1.0-dev"), devFolder(t, "acme/b", "0.1.0")
	if err := h.Override(t.Context(), dir, extra); err != nil || runs(h) != "acme/a 1.1.0-dev, acme/b 0.1.0" {
		t.Fatalf("runs %s, %v", runs(h), err)
	}
	if got, want := r.specs["acme/a"].DataDir, filepath.Join(h.Dir(), "data", "acme", "a"); got != want {
		t.Errorf("data in %s, want %s", got, want)
	}
	if list, err := h.Overrides(); err != nil || len(list) != 2 || list[0].Dir != dir || list[0].Err != nil || list[0].Manifest.Version.String() != "1.1.0-dev" {
		t.Errorf("%+v, %v", list, err)
	}
	publishTo(t, s, "acme/x", "1.0.0")
	if err := h.Install(t.Context(), "acme/x"); err != nil {
		t.Fatal(err)
	}
	if err := h.Uninstall(t.Context(), "acme/a", "acme/x"); !errors.Is(err, plugstead.ErrMixed) || runs(h) != "acme/a 1.1.0-dev, acme/b 0.1.0, acme/x 1.0.0" {
		t.Errorf("runs %s, %v", runs(h), err)
	}
	if err := h.Uninstall(t.Context(), "acme/a", "path:"+extra); err != nil || runs(h) != "acme/a 1.0.0, acme/x 1.0.0" {
		t.Errorf("runs %s, %v", runs(h), err)
	}
	if err := h.Uninstall(t.Context(), "path:"+extra); !errors.Is(err, update.ErrNotInstalled) {
		t.Errorf("twice: %v", err)
	}
	if err := h.Uninstall(t.Context(), "acme/a"); err != nil || runs(h) != "acme/x 1.0.0" {
		t.Errorf("runs %s, %v", runs(h), err)
	}
}

// TestOverrideAndWhatOthersGet: a frozen change is refused while there is an override, and
// so are installs and updates under continuous integration.
func TestOverrideAndWhatOthersGet(t *testing.T) {
	s := registrytest.New(t)
	publishTo(t, s, "acme/a", "1.0.0")
	ci := false
	h := hostOf(t, s, new(recorder), func(o *plugstead.Options) { o.CI = func() bool { return ci } })
	dir := devFolder(t, "acme/dev", "1.0.0")
	if err := errors.Join(h.Install(t.Context(), "acme/a"), h.Override(t.Context(), dir)); err != nil {
		t.Fatal(err)
	}
	wish := resolve.Wish{ID: "acme/a", Range: version.Any}
	for name, c := range map[string]struct {
		change   plugstead.Change
		here, ci bool // whether it is refused
	}{
		"frozen":    {plugstead.Change{Frozen: true}, true, true},
		"install":   {plugstead.Change{Install: []resolve.Wish{wish}}, false, true},
		"update":    {plugstead.Change{Update: []manifest.ID{"acme/a"}}, false, true},
		"all":       {plugstead.Change{UpdateAll: true}, false, true},
		"lock":      {plugstead.Change{LockFile: filepath.Join(t.TempDir(), "none")}, false, true},
		"uninstall": {plugstead.Change{Uninstall: []manifest.ID{"acme/a"}}, false, false},
		"pin":       {plugstead.Change{Pin: []resolve.Pin{{ID: "acme/a", Version: version.MustParse("1.0.0")}}}, false, false},
	} {
		for _, ci = range []bool{false, true} {
			want := c.here
			if ci {
				want = c.ci
			}
			_, err := h.Plan(t.Context(), c.change)
			e, is := errors.AsType[*update.OverriddenError](err)
			if is != want || is != errors.Is(err, update.ErrOverridden) || is && (len(e.Are) != 1 || !strings.Contains(err.Error(), "overridden is acme/dev by path:"+dir)) || !is && err != nil {
				t.Errorf("%s, CI %v: %v", name, ci, err)
			}
		}
	}
	ci = true
	for name, err := range map[string]error{
		"install": h.Install(t.Context(), "acme/a"), "update": h.Update(t.Context()), "override": h.Override(t.Context(), dir),
		"within": h.OverrideWithin(t.Context(), time.Second, dir),
	} {
		if !errors.Is(err, update.ErrOverridden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := errors.Join(h.Uninstall(t.Context(), "acme/dev"), h.Install(t.Context(), "acme/a"), h.Update(t.Context())); err != nil {
		t.Errorf("without the override: %v", err)
	}
	if _, err := h.Plan(t.Context(), plugstead.Change{Frozen: true}); err != nil {
		t.Error(err)
	}
}

// TestCIOfTheEnvironment: the variable counts if nobody says otherwise.
func TestCIOfTheEnvironment(t *testing.T) {
	h := hostOf(t, registrytest.New(t), new(recorder), nil)
	dir := devFolder(t, "acme/dev", "1.0.0")
	for value, refused := range map[string]bool{"": false, "0": false, "false": false, "true": true, "1": true, "yes": true} {
		t.Setenv(plugstead.EnvCI, value)
		if err := h.Override(t.Context(), dir); errors.Is(err, update.ErrOverridden) != refused || !refused && err != nil {
			t.Errorf("%q: %v", value, err)
		}
	}
}
