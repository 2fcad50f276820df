package update_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
)

// TestConfigure: a configuration belongs to a generation, stays over updates, goes with the
// plugin, and comes back with a rollback.
func TestConfigure(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0")
	first := w.change(wish(t, "acme/a", "acme/b"))
	configure := func(text string) *install.Generation {
		t.Helper()
		g, err := w.up.Configure(t.Context(), "acme/a", text)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := configure(` {"n": 1, "key": {"$secret": "env:KEY"}} `)
	if want := `{"key":{"$secret":"env:KEY"},"n":1}`; g.Config("acme/a") != want || g.Config("acme/b") != "" || g.Number != first.Number+1 || g.Why != "configure acme/a" {
		t.Errorf("%+v", g.Configs)
	}
	if again := configure(`{"key":{"$secret":"env:KEY"},"n":1}`); again.Number != g.Number {
		t.Errorf("the same made generation %d", again.Number)
	}
	for _, im := range w.up.Images(g) {
		if (im.Config != "") != (im.Manifest.ID == "acme/a") {
			t.Errorf("%s starts with %q", im.Manifest.ID, im.Config)
		}
	}
	w.publish("acme/a", "1.1.0")
	if g = w.change(update.Change{UpdateAll: true}); g.Config("acme/a") == "" {
		t.Error("an update loses it")
	}
	configure(`{"n":2}`)
	if g, err := w.up.Rollback(t.Context(), 0); err != nil || !strings.Contains(g.Config("acme/a"), `"n":1`) {
		t.Errorf("rolled back to %+v, %v", g.Configs, err)
	}
	if g = configure(""); g.Configs != nil {
		t.Errorf("%+v", g.Configs)
	}
	configure(`{"n":3}`)
	w.change(update.Change{Uninstall: []manifest.ID{"acme/a"}})
	if g = w.change(wish(t, "acme/a")); g.Configs != nil {
		t.Errorf("installed anew with %+v", g.Configs)
	}
}

func TestConfigureErrors(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	g := w.change(wish(t, "acme/a"))
	refused := errors.New("does not fit")
	w.up.CheckConfig = func(m *manifest.Manifest, text string) error {
		if m.ID != "acme/a" || text == "" {
			t.Errorf("asked about %s, %q", m.ID, text)
		}
		return refused
	}
	for text, want := range map[string]error{"[]": config.ErrForm, `{"a":1,"a":2}`: config.ErrForm, `{"a":{"$secret":"x"}}`: config.ErrForm, `{"a":1}`: refused} {
		if _, err := w.up.Configure(t.Context(), "acme/a", text); !errors.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := w.up.Configure(t.Context(), "acme/none", "{}"); !errors.Is(err, update.ErrNotInstalled) {
		t.Error(err)
	}
	if now, err := w.up.Dir.Active(); err != nil || now.Number != g.Number {
		t.Errorf("%+v, %v", now, err)
	}
}

// TestConfigureRunning: what a running plugin refuses is not kept.
func TestConfigureRunning(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.change(wish(t, "acme/a"))
	refused := errors.New("no such host")
	set := w.run(fakeDriver{hook: func(im load.Image) error {
		if strings.Contains(im.Config, "bad") {
			return refused
		}
		return nil
	}})
	if _, err := w.up.Start(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.up.Release() })
	good, err := w.up.Configure(t.Context(), "acme/a", `{"host":"good"}`)
	if err != nil || set.Plugin("acme/a").Stats().Swaps != 1 {
		t.Fatalf("%v, %+v", err, set.Plugin("acme/a").Stats())
	}
	if _, err := w.up.Configure(t.Context(), "acme/a", `{"host":"bad"}`); !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	now, err := w.up.Dir.Active()
	if err != nil || now.Config("acme/a") != good.Config("acme/a") || len(now.Held) != 0 {
		t.Errorf("%+v, held %+v, %v", now.Configs, now.Held, err)
	}
	if got := names(set); got != "acme/a 1.0.0" || set.Plugin("acme/a").Stats().Swaps != 1 {
		t.Errorf("running %s, %+v", got, set.Plugin("acme/a").Stats())
	}
}

// TestConfigureByPlan: a plan that was kept gives plugins what it was made to give them.
func TestConfigureByPlan(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	c := wish(t, "acme/a")
	c.Config = map[manifest.ID]string{"acme/a": ` {"n": 1, "key": {"$secret": "env:KEY"}} `}
	p, err := w.up.Plan(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string]string{
		`"id":"acme/a","config":"{`: `"id":"acme/none","config":"{`,
		`"config":"{`:               `"config":"[`,
	} {
		if !strings.Contains(string(text), what) {
			t.Fatalf("%s is not in %s", what, text)
		}
		if _, err := w.up.ReadPlan([]byte(strings.Replace(string(text), what, bad, 1))); !errors.Is(err, update.ErrNotInstalled) && !errors.Is(err, config.ErrForm) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if p, err = w.up.ReadPlan(text); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("does not fit")
	p.CheckConfig = func(*manifest.Manifest, string) error { return refused }
	if _, err := w.up.Apply(t.Context(), p); !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	p.CheckConfig = nil
	g, err := w.up.Apply(t.Context(), p)
	if err != nil || g.Config("acme/a") != `{"key":{"$secret":"env:KEY"},"n":1}` {
		t.Errorf("%+v, %v", g, err)
	}
	p, err = w.up.Plan(t.Context(), wish(t, "acme/a"))
	if text, _ := p.MarshalJSON(); err != nil || strings.Contains(string(text), "configs") {
		t.Errorf("%s, %v", text, err)
	}
}
