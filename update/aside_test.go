package update_test

import (
	"errors"
	"testing"

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
