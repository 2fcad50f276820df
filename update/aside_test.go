package update_test

import (
	"errors"
	"testing"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

// TestAside upgrades the application: plugins that are not for it any more, and those
// that need them, do not start, the others do, and an update brings them back.
func TestAside(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/old", "1.0.0", `host: { acme: ">=2 <3" }`)
	w.publish("acme/any", "1.0.0")
	w.publish("acme/needs", "1.0.0", "requires: { acme/old: ^1 }")
	w.publish("acme/wants", "1.0.0", "requires: { acme/old: { range: ^1, optional: true } }")
	w.publish("acme/chain", "1.0.0", "requires: { acme/needs: ^1 }")
	w.publish("acme/choice", "1.0.0", "requires: { acme/any: ^1 }")
	w.change(wish(t, "acme/old", "acme/any", "acme/needs", "acme/wants", "acme/chain", "acme/choice"))
	start := func(host string) string {
		t.Helper()
		w.up.Host.Version = version.MustParse(host)
		set := w.run(fakeDriver{})
		if _, err := w.up.Start(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		return names(set)
	}
	if got := start("2.0.0"); got != "acme/any 1.0.0, acme/chain 1.0.0, acme/choice 1.0.0, acme/needs 1.0.0, acme/old 1.0.0, acme/wants 1.0.0" {
		t.Errorf("running %s", got)
	}
	if got := start("3.0.0"); got != "acme/any 1.0.0, acme/choice 1.0.0, acme/wants 1.0.0" {
		t.Errorf("after the upgrade %s", got)
	}
	g, err := w.up.Dir.Active()
	if err != nil {
		t.Fatal(err)
	}
	why := map[manifest.ID]error{}
	for _, a := range w.up.Aside(g) {
		why[a.ID] = a.Why
	}
	if _, ok := errors.AsType[*resolve.HostRangeError](why["acme/old"]); !ok || len(why) != 3 || why["acme/needs"] == nil || why["acme/chain"] == nil {
		t.Errorf("%v", why)
	}
	w.publish("acme/old", "1.1.0", `host: { acme: ">=2 <4" }`)
	w.change(update.Change{UpdateAll: true})
	if got := start("3.0.0"); got != "acme/any 1.0.0, acme/chain 1.0.0, acme/choice 1.0.0, acme/needs 1.0.0, acme/old 1.1.0, acme/wants 1.0.0" {
		t.Errorf("after the update %s", got)
	}
	if g, err = w.up.Dir.Active(); err != nil || len(w.up.Aside(g)) > 0 {
		t.Errorf("%v %v", w.up.Aside(g), err)
	}
	// A point that the application offers no more.
	w.up.Host.Points = []manifest.PointRef{{ID: "acme.dev/other", Major: 1}}
	if aside := w.up.Aside(g); len(aside) != 6 {
		t.Errorf("%v", aside)
	}
}

// TestDegraded: an optional plugin that does not start is set aside with those that need
// it, other changes go on without it, and another release of it is tried.
func TestDegraded(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/frail", "1.0.0")
	w.publish("acme/needs", "1.0.0", "requires: { acme/frail: ^1 }")
	w.publish("acme/solid", "1.0.0")
	w.publish("acme/other", "1.0.0")
	w.change(wish(t, "acme/frail", "acme/needs", "acme/solid"))
	cause := errors.New("no such font")
	tries := 0
	set := w.run(fakeDriver{hook: func(im load.Image) error {
		if im.Manifest.ID == "acme/frail" && im.Manifest.Version.String() == "1.0.0" {
			tries++
			return cause
		}
		return nil
	}})
	if _, err := w.up.Start(t.Context(), set); !errors.Is(err, cause) || names(set) != "" {
		t.Fatalf("it is needed: %v, running %q", err, names(set))
	}
	w.up.Optional = func(id manifest.ID) bool { return id != "acme/solid" }
	g, err := w.up.Start(t.Context(), set)
	if err != nil || names(set) != "acme/solid 1.0.0" {
		t.Fatalf("running %q, %v", names(set), err)
	}
	aside := w.up.Aside(g)
	if len(aside) != 2 || aside[0].ID != "acme/frail" || !errors.Is(aside[0].Why, cause) || aside[1].ID != "acme/needs" {
		t.Errorf("%v", aside)
	}
	before := tries
	w.change(wish(t, "acme/other"))
	if got := names(set); got != "acme/other 1.0.0, acme/solid 1.0.0" || tries != before {
		t.Errorf("another change: running %s, %d tries more", got, tries-before)
	}
	w.publish("acme/frail", "1.0.1")
	w.change(update.Change{UpdateAll: true})
	if got := names(set); got != "acme/frail 1.0.1, acme/needs 1.0.0, acme/other 1.0.0, acme/solid 1.0.0" {
		t.Errorf("after the update %s", got)
	}
}
