package update_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
)

// TestDisable: a disabled plugin is stopped and stays so over updates and starts; it is
// installed all the while, and a rollback starts it again.
func TestDisable(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0")
	w.change(wish(t, "acme/a", "acme/b"))
	set := w.run(fakeDriver{})
	if _, err := w.up.Start(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.up.Release() })
	g, err := w.up.Disable(t.Context(), "acme/a")
	if err != nil || names(set) != "acme/b 1.0.0" || !slices.Equal(g.Disabled, []manifest.ID{"acme/a"}) || g.Why != "disable acme/a" {
		t.Fatalf("running %s, %+v, %v", names(set), g, err)
	}
	aside := w.up.Aside(g)
	if len(aside) != 1 || aside[0].ID != "acme/a" || !errors.Is(aside[0].Why, update.ErrDisabled) {
		t.Errorf("%v", aside)
	}
	if again, err := w.up.Disable(t.Context(), "acme/a"); err != nil || again.Number != g.Number {
		t.Errorf("a second time: %+v, %v", again, err)
	}
	w.publish("acme/a", "1.1.0")
	w.change(update.Change{UpdateAll: true})
	w.expect("acme/a 1.1.0, acme/b 1.0.0")
	if got := names(set); got != "acme/b 1.0.0" {
		t.Errorf("an update starts it: %s", got)
	}
	if _, err := w.up.Start(t.Context(), set); err != nil || names(set) != "acme/b 1.0.0" {
		t.Errorf("a start starts it: %s, %v", names(set), err)
	}
	if g, err = w.up.Enable(t.Context(), "acme/a"); err != nil || names(set) != "acme/a 1.1.0, acme/b 1.0.0" || g.Disabled != nil {
		t.Errorf("enabled, and running %s, %v", names(set), err)
	}
	for _, want := range []string{"acme/b 1.0.0", "acme/a 1.1.0, acme/b 1.0.0"} { // back, and back again
		if _, err := w.up.Rollback(t.Context(), 0); err != nil || names(set) != want {
			t.Errorf("rolled back, running %s, want %s, %v", names(set), want, err)
		}
	}
	if _, err := w.up.Disable(t.Context(), "acme/a"); err != nil {
		t.Fatal(err)
	}
	w.change(update.Change{Uninstall: []manifest.ID{"acme/a"}})
	if g = w.change(wish(t, "acme/a")); g.Disabled != nil || names(set) != "acme/a 1.1.0, acme/b 1.0.0" {
		t.Errorf("installed anew, disabled %v, running %s", g.Disabled, names(set))
	}
}

// TestDisableRefused: nobody who runs is left without what it requires.
func TestDisableRefused(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/low", "1.0.0")
	w.publish("acme/one", "1.0.0", "requires: { acme/low: ^1 }")
	w.publish("acme/two", "1.0.0", "requires: { acme/low: ^1 }")
	w.publish("acme/wants", "1.0.0", "requires: { acme/low: { range: ^1, optional: true } }")
	w.publish("acme/x", "1.0.0")
	w.publish("acme/y", "1.0.0")
	w.publish("acme/either", "1.0.0", "any_of: [ { acme/x: ^1, acme/y: ^1 } ]")
	w.change(wish(t, "acme/one", "acme/two", "acme/wants", "acme/either", "acme/x", "acme/y"))
	must := func(g *install.Generation, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(by []manifest.ID, ids ...manifest.ID) {
		t.Helper()
		_, err := w.up.Disable(t.Context(), ids...)
		e, ok := errors.AsType[*update.NeededError](err)
		if !ok || !errors.Is(err, update.ErrNeeded) || !slices.Equal(e.By, by) || !slices.Contains(ids, e.ID) {
			t.Errorf("disable %v: %v", ids, err)
		}
	}
	refused([]manifest.ID{"acme/one", "acme/two"}, "acme/low")
	refused([]manifest.ID{"acme/two"}, "acme/low", "acme/one")
	refused([]manifest.ID{"acme/either"}, "acme/x", "acme/y")
	must(w.up.Disable(t.Context(), "acme/x")) // the other one serves
	refused([]manifest.ID{"acme/either"}, "acme/y")
	must(w.up.Disable(t.Context(), "acme/one", "acme/two", "acme/low"))
	_, err := w.up.Enable(t.Context(), "acme/one")
	if e, ok := errors.AsType[*update.NeedsDisabledError](err); !ok || e.Needs != "acme/low" || !errors.Is(err, update.ErrDisabled) {
		t.Errorf("enable without what it requires: %v", err)
	}
	must(w.up.Enable(t.Context(), "acme/one", "acme/low"))
	for name, do := range map[string]func() (*install.Generation, error){
		"enable":  func() (*install.Generation, error) { return w.up.Enable(t.Context(), "acme/none") },
		"disable": func() (*install.Generation, error) { return w.up.Disable(t.Context(), "acme/x", "acme/none") },
	} {
		if g, err := do(); !errors.Is(err, update.ErrNotInstalled) || g != nil {
			t.Errorf("%s what is not there: %v, %v", name, g, err)
		}
	}
	if g, err := w.up.Dir.Active(); err != nil || g.Number != 4 || !slices.Equal(g.Disabled, []manifest.ID{"acme/two", "acme/x"}) {
		t.Errorf("%+v, %v", g, err)
	}
}
