package update_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/update"
)

// devFolder makes a plugin folder under development.
func devFolder(t *testing.T, id, version string, more ...string) string {
	t.Helper()
	return plugintest.Folder(t, map[string]string{"plugin.yaml": plugintest.YAML(id, version, more...), "m.wasm": "\x00asm dev"})
}

// rewrite changes a file of a plugin folder, so that its time changes as well.
func rewrite(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	st, err := os.Stat(path)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err == nil {
		err = os.Chtimes(path, time.Time{}, st.ModTime().Add(time.Second))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) override(dirs ...string) *install.Generation {
	w.t.Helper()
	g, err := w.up.Override(w.t.Context(), 0, dirs...)
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

// TestOverride: a folder runs in place of what is installed, which stays as it is, and a
// rollback or a removal brings it back.
func TestOverride(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0", "requires: { acme/a: ^1 }")
	base := w.change(wish(t, "acme/b"))
	set := w.run(fakeDriver{})
	if _, err := w.up.Start(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.up.Release() })
	dir, extra := devFolder(t, "acme/a", "1.5.0-dev"), devFolder(t, "acme/c", "0.1.0", "requires: { acme/b: ^1 }")
	g := w.override(dir, extra)
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
	if names(set) != "acme/a 1.5.0-dev, acme/b 1.0.0, acme/c 0.1.0" || len(w.up.Aside(g)) != 0 {
		t.Fatalf("running %s, aside %v", names(set), w.up.Aside(g))
	}
	if !strings.HasPrefix(g.Why, "override acme/a by path:"+dir) || string(g.Lock.Text()) != string(base.Lock.Text()) {
		t.Errorf("%s\n%s", g.Why, g.Lock.Text())
	}
	var order []string
	for _, im := range w.up.Images(g) {
		order = append(order, string(im.Manifest.ID))
	}
	if !slices.Equal(order, []string{"acme/a", "acme/b", "acme/c"}) {
		t.Errorf("start order %v", order)
	}
	if again := w.override(dir, extra); again.Number != g.Number {
		t.Errorf("generation %d for the same", again.Number)
	}
	w.publish("acme/a", "1.1.0")
	g = w.change(update.Change{UpdateAll: true})
	w.expect("acme/a 1.1.0, acme/b 1.0.0")
	if len(g.Overrides) != 2 || !strings.HasPrefix(names(set), "acme/a 1.5.0-dev, ") {
		t.Errorf("after an update %+v, running %s", g.Overrides, names(set))
	}
	g, err := w.up.RemoveOverrides(t.Context(), 0, "acme/a", "path:"+extra)
	if err != nil || names(set) != "acme/a 1.1.0, acme/b 1.0.0" || len(g.Overrides) != 0 || g.Why != "end override of acme/a acme/c" {
		t.Errorf("running %s, %+v, %v", names(set), g, err)
	}
	for _, want := range []string{"acme/a 1.5.0-dev, acme/b 1.0.0, acme/c 0.1.0", "acme/a 1.1.0, acme/b 1.0.0"} {
		if _, err := w.up.Rollback(t.Context(), 0); err != nil || names(set) != want {
			t.Errorf("rolled back, running %s, want %s, %v", names(set), want, err)
		}
	}
	if _, err := w.up.RemoveOverrides(t.Context(), 0, "acme/a"); !errors.Is(err, update.ErrNotInstalled) {
		t.Errorf("removed twice: %v", err)
	}
}

// TestOverrideFollowsItsFolder: what changed is taken at the next change, and what did not
// is not started again.
func TestOverrideFollowsItsFolder(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/x", "1.0.0")
	starts := 0
	set := w.run(fakeDriver{image: func(im load.Image, _ *fakeInstance) {
		if im.Manifest.ID == "acme/a" {
			starts++
		}
	}})
	dir := devFolder(t, "acme/a", "1.0.0")
	w.override(dir)
	w.change(wish(t, "acme/x"))
	if names(set) != "acme/a 1.0.0, acme/x 1.0.0" || starts != 1 {
		t.Fatalf("running %s, %d starts", names(set), starts)
	}
	rewrite(t, dir, "m.wasm", "\x00asm other")
	w.change(update.Change{Uninstall: []manifest.ID{"acme/x"}})
	if names(set) != "acme/a 1.0.0" || starts != 2 {
		t.Fatalf("running %s, %d starts", names(set), starts)
	}
	rewrite(t, dir, "plugin.yaml", plugintest.YAML("acme/a", "1.1.0"))
	w.change(wish(t, "acme/x"))
	if names(set) != "acme/a 1.1.0, acme/x 1.0.0" {
		t.Fatalf("running %s", names(set))
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	g := w.change(update.Change{Uninstall: []manifest.ID{"acme/x"}})
	list := w.up.Overrides(g)
	if names(set) != "" || len(list) != 1 || !errors.Is(list[0].Err, update.ErrOverrideFolder) || list[0].Manifest != nil {
		t.Fatalf("running %s, %+v", names(set), list)
	}
}

// TestOverrideUnmet: an override that does not fit does not start, says why, and leaves
// those that need it without.
func TestOverrideUnmet(t *testing.T) {
	as := func(target any) func(error) bool { return func(err error) bool { return errors.As(err, target) } }
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	for name, c := range map[string]struct {
		id, version string
		more        []string
		change      func(dir string) error // after the override was made
		want        func(error) bool
		says, runs  string
	}{
		"missing":   {"acme/n", "1.0.0", []string{"requires: { acme/none: ^2 }"}, nil, as(new(*update.UnmetError)), "acme/n 1.0.0 requires acme/none@^2, which is not installed", "acme/a 1.0.0, acme/b 1.0.0"},
		"range":     {"acme/n", "1.0.0", []string{"requires: { acme/a: ^2 }"}, nil, as(new(*update.UnmetError)), "requires acme/a@^2, and there is 1.0.0", "acme/a 1.0.0, acme/b 1.0.0"},
		"any of":    {"acme/n", "1.0.0", []string{"any_of: [ { acme/x: ^1, acme/y: ^1 } ]"}, nil, as(new(*update.UnmetError)), "requires acme/x@^1, which is not installed", "acme/a 1.0.0, acme/b 1.0.0"},
		"optional":  {"acme/n", "1.0.0", []string{"requires: { acme/none: { range: ^2, optional: true } }"}, nil, nil, "", "acme/a 1.0.0, acme/b 1.0.0, acme/n 1.0.0"},
		"host":      {"acme/n", "1.0.0", []string{"host: { acme: ^3 }"}, nil, as(new(*resolve.HostRangeError)), "needs acme ^3, this is 2.0.0", "acme/a 1.0.0, acme/b 1.0.0"},
		"conflict":  {"acme/n", "1.0.0", []string{"conflicts: { acme/b: ^1 }"}, nil, as(new(*resolve.ClashError)), "conflicts with acme/b", "acme/a 1.0.0, acme/b 1.0.0"},
		"itself":    {"acme/a", "1.1.0", []string{"requires: { acme/b: { range: ^1, init: true } }"}, nil, as(new(*resolve.CycleError)), "wait for each other", ""},
		"dependent": {"acme/a", "2.0.0", nil, nil, nil, "", "acme/a 2.0.0"},
		"point": {"acme/n", "1.0.0", nil, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte("id: acme/n\nversion: 1.0.0\nprovides: { acme.dev/greeter: \"2.0\" }\nruntimes: { wasm: { module: m.wasm } }\n"), 0o644)
		}, as(new(*resolve.PointError)), "provides acme.dev/greeter", "acme/a 1.0.0, acme/b 1.0.0"},
		"platform": {"acme/n", "1.0.0", nil, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte("id: acme/n\nversion: 1.0.0\nruntimes: { process: { platforms: { plan9/arm: m.wasm } } }\n"), 0o644)
		}, as(new(*resolve.PlatformError)), "it has process on plan9/arm", "acme/a 1.0.0, acme/b 1.0.0"},
		"entry": {"acme/n", "1.0.0", nil, func(dir string) error { return os.Remove(filepath.Join(dir, "m.wasm")) }, is(update.ErrOverrideFolder), "m.wasm", "acme/a 1.0.0, acme/b 1.0.0"},
		"link": {"acme/n", "1.0.0", nil, func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "m.wasm")), os.Symlink("/bin/sh", filepath.Join(dir, "m.wasm")))
		}, is(update.ErrOverrideFolder), "not a regular file", "acme/a 1.0.0, acme/b 1.0.0"},
		"manifest": {"acme/a", "1.0.0", nil, func(dir string) error { return os.Remove(filepath.Join(dir, "plugin.yaml")) }, is(publish.ErrNoManifest), "no plugin.yaml", ""},
		"broken": {"acme/n", "1.0.0", nil, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte("id: acme/n\nid: x\n"), 0o644)
		}, as(new(manifest.Errors)), "plugin.yaml", "acme/a 1.0.0, acme/b 1.0.0"},
		"another": {"acme/n", "1.0.0", nil, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte(plugintest.YAML("acme/m", "1.0.0")), 0o644)
		}, is(update.ErrOverrideFolder), "it holds acme/m now", "acme/a 1.0.0, acme/b 1.0.0"},
		"gone":      {"acme/a", "1.0.0", nil, os.RemoveAll, is(update.ErrOverrideFolder), "no such file", ""},
		"pre needs": {"acme/n", "1.0.0", []string{"requires: { acme/b: ^1 }"}, nil, nil, "", "acme/a 1.0.0, acme/b 1.0.0, acme/n 1.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("acme/a", "1.0.0")
			w.publish("acme/b", "1.0.0", "requires: { acme/a: { range: ^1, init: true } }")
			w.change(wish(t, "acme/b"))
			dir := devFolder(t, c.id, c.version, c.more...)
			g := w.override(dir)
			if c.change != nil {
				if err := c.change(dir); err != nil {
					t.Fatal(err)
				}
			}
			set := w.run(fakeDriver{})
			if _, err := w.up.Start(t.Context(), set); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { w.up.Release() })
			if names(set) != c.runs {
				t.Errorf("running %s, want %s; %v", names(set), c.runs, w.up.Aside(g))
			}
			list := w.up.Overrides(g)
			if len(list) != 1 || list[0].Dir != dir {
				t.Fatalf("%+v", list)
			}
			err := list[0].Err
			if c.want == nil {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			e, ok := errors.AsType[*update.OverrideError](err)
			if !ok || e.Dir != dir || string(e.ID) != c.id || !c.want(err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if !slices.ContainsFunc(w.up.Aside(g), func(a update.Aside) bool { return string(a.ID) == c.id }) {
				t.Errorf("aside %v", w.up.Aside(g))
			}
		})
	}
}

// TestOverrideRefused: a folder that is no plugin changes nothing.
func TestOverrideRefused(t *testing.T) {
	w := newWorld(t)
	w.up.Host.Linked = []manifest.ID{"acme/linked"}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	one, two := devFolder(t, "acme/a", "1.0.0"), devFolder(t, "acme/a", "1.0.0")
	for name, c := range map[string]struct {
		dirs []string
		want error
	}{
		"missing": {[]string{filepath.Join(t.TempDir(), "none")}, update.ErrOverrideFolder},
		"file":    {[]string{file}, update.ErrOverrideFolder},
		"empty":   {[]string{t.TempDir()}, publish.ErrNoManifest},
		"linked":  {[]string{devFolder(t, "acme/linked", "1.0.0")}, resolve.ErrLinked},
		"twice":   {[]string{one, two}, update.ErrOverrideFolder},
		"second":  {[]string{one, t.TempDir()}, publish.ErrNoManifest},
	} {
		if g, err := w.up.Override(t.Context(), 0, c.dirs...); !errors.Is(err, c.want) || g != nil {
			t.Errorf("%s: %v, %v", name, g, err)
		}
	}
	if g, err := w.up.Dir.Active(); err != nil || g.Number != 0 {
		t.Errorf("%+v, %v", g, err)
	}
	w.override(one)
	if g := w.override(two); len(g.Overrides) != 1 || g.Overrides[0].Dir != two {
		t.Errorf("a second folder for one plugin: %+v", g.Overrides)
	}
}

// TestOverrideFails: one that does not start is set aside, in a running host and at a
// start; the host goes nowhere. In other bytes it is tried again.
func TestOverrideFails(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0")
	w.change(wish(t, "acme/a", "acme/b"))
	bad := true
	driver := fakeDriver{hook: func(im load.Image) error {
		if im.Stamp != "" && bad {
			return errors.New("panic: mine")
		}
		return nil
	}}
	set := w.run(driver)
	if _, err := w.up.Start(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	dir := devFolder(t, "acme/a", "1.1.0")
	g := w.override(dir)
	list := w.up.Overrides(g)
	if _, ok := errors.AsType[*supervise.StartError](list[0].Err); !ok || names(set) != "acme/b 1.0.0" {
		t.Fatalf("running %s, %v", names(set), list[0].Err)
	}
	bad = false
	w.publish("acme/x", "1.0.0")
	if w.change(wish(t, "acme/x")); names(set) != "acme/b 1.0.0, acme/x 1.0.0" {
		t.Errorf("the same bytes are tried again: running %s", names(set))
	}
	rewrite(t, dir, "m.wasm", "\x00asm mended")
	g = w.change(update.Change{Uninstall: []manifest.ID{"acme/x"}})
	if names(set) != "acme/a 1.1.0, acme/b 1.0.0" || len(w.up.Aside(g)) != 0 {
		t.Errorf("running %s, %v", names(set), w.up.Aside(g))
	}
	bad = true
	other := w.updater(w.up.Dir.Path())
	h := host(t, other, driver)
	h.start()
	h.expect("acme/b 1.0.0", g.Number)
	h.end()
	if err := errors.Join(w.up.Release()); err != nil || len(g.Held) != 0 {
		t.Errorf("%v, held %v", err, g.Held)
	}
}

// TestOverrideCrashes: an override that ends by itself again and again is failed, and that
// is all, also when the set below it is on trial.
func TestOverrideCrashes(t *testing.T) {
	w := newTried(t) // acme/a 1.1.0 is new
	dir := devFolder(t, "acme/a", "1.2.0")
	w.override(dir)
	synctest.Test(t, func(t *testing.T) {
		h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{})
		h.start()
		h.expect("acme/a 1.2.0, acme/b 1.0.0", 3)
		for range 6 { // more than its restarts
			h.crash("acme/a")
		}
		h.expect("acme/b 1.0.0", 3)
		if state, err := h.set.Plugin("acme/a").State(); state != supervise.Failed || len(h.told) != 0 {
			t.Errorf("%s, %v, %+v", state, err, h.told)
		}
		h.end()
	})
}

// TestOverrideSurvivesGoingBack: what is new beside an override meets its gate, and the
// override stays.
func TestOverrideSurvivesGoingBack(t *testing.T) {
	w := newTried(t)
	w.override(devFolder(t, "acme/c", "0.1.0"))
	synctest.Test(t, func(t *testing.T) {
		h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{})
		h.start()
		h.expect("acme/a 1.1.0, acme/b 1.0.0, acme/c 0.1.0", 3)
		for range 3 {
			h.crash("acme/a")
		}
		g := h.expect("acme/a 1.0.0, acme/b 1.0.0, acme/c 0.1.0", 4)
		if len(g.Overrides) != 1 || g.From != 1 || len(g.Held) != 1 {
			t.Errorf("%+v", g)
		}
		h.end()
	})
}

// TestOverrideData: an override has the data of the installed plugin as long as both say
// the same state.version, otherwise a folder of its own.
func TestOverrideData(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", "state: { version: 1 }")
	g := w.change(wish(t, "acme/a"))
	r, _ := g.Find("acme/a")
	for name, c := range map[string]struct {
		dir  string
		want string
	}{
		"same":  {devFolder(t, "acme/a", "1.1.0", "state: { version: 1 }"), w.up.Dir.DataPath(r)},
		"other": {devFolder(t, "acme/a", "1.1.0", "state: { version: 2 }"), w.up.Dir.DevDataPath("acme/a")},
		"new":   {devFolder(t, "acme/n", "1.1.0"), w.up.Dir.DevDataPath("acme/n")},
	} {
		g := w.override(c.dir)
		images := w.up.Images(g)
		im := images[slices.IndexFunc(images, func(im load.Image) bool { return im.Stamp != "" && im.Tree == c.dir })]
		if err := im.MakeData(context.Background()); err != nil || im.Data != c.want || im.Digest != "" || im.Check != nil {
			t.Errorf("%s: %+v, %v", name, im, err)
		}
		if st, err := os.Stat(c.want); err != nil || !st.IsDir() || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", name, st, err)
		}
	}
	if err := w.up.Purge(t.Context(), "acme/n"); !errors.Is(err, install.ErrInstalled) {
		t.Errorf("the data of an override was purged: %v", err)
	}
	if _, err := w.up.RemoveOverrides(t.Context(), 0, "acme/n"); err != nil {
		t.Fatal(err)
	}
	if err := w.up.Purge(t.Context(), "acme/n"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(w.up.Dir.DevDataPath("acme/n")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there after a purge: %v", err)
	}
}
