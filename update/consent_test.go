package update_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
)

// allow reads grants.
func allow(t testing.TB, list ...string) (out []update.Allow) {
	t.Helper()
	for _, s := range list {
		a, err := update.ParseAllow(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// asks says what an error lists, "" for none.
func asks(err error) string {
	e, ok := errors.AsType[*update.ConsentError](err)
	if !ok {
		return ""
	}
	var out []string
	for _, a := range update.AllowAll(e.Asks) {
		out = append(out, a.String())
	}
	return strings.Join(out, " ")
}

// granted says what the installed plugins were granted, and makes sure that lock and images
// agree.
func (w *world) granted() string {
	w.t.Helper()
	g, err := w.up.Dir.Active()
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, l := range g.Lock.Plugins {
		for _, c := range l.Grants {
			out = append(out, update.Allow{ID: l.ID, Capability: c}.String())
		}
	}
	var started []string
	for _, im := range w.up.Images(g) {
		for _, c := range im.Grants {
			started = append(started, update.Allow{ID: im.Manifest.ID, Capability: c}.String())
		}
	}
	slices.Sort(started)
	if !slices.Equal(out, started) {
		w.t.Fatalf("the lock has %v, the images have %v", out, started)
	}
	return strings.Join(out, " ")
}

// refused makes sure that c lacks grants and changes nothing.
func (w *world) refused(c update.Change, want string) {
	w.t.Helper()
	before, err := w.up.Dir.Active()
	if err != nil {
		w.t.Fatal(err)
	}
	_, _, err = w.up.Change(w.t.Context(), c)
	if asks(err) != want || !errors.Is(err, update.ErrConsent) {
		w.t.Errorf("%v: lacks %q: %v; want %q", c, asks(err), err, want)
	}
	after, err := w.up.Dir.Active()
	if err != nil || after.Number != before.Number {
		w.t.Errorf("%v: generation %d became %d, %v", c, before.Number, after.Number, err)
	}
}

// TestConsent goes through the life of a plugin that asks for more and for less.
func TestConsent(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", `capabilities: ["env:HOME", "net:a.dev:443"]`)
	c := wish(t, "acme/a@^1")
	w.refused(c, "acme/a:env:HOME acme/a:net:a.dev:443")
	c.Allow = allow(t, "env:HOME")
	w.refused(c, "acme/a:net:a.dev:443")
	c.Allow = allow(t, "env:HOME", "net:*.dev:*") // wider is fine, what is granted is what is asked for
	w.change(c)
	if got := w.granted(); got != "acme/a:env:HOME acme/a:net:a.dev:443" {
		t.Errorf("installed: %s", got)
	}
	all := update.Change{UpdateAll: true}
	w.publish("acme/a", "1.1.0", `capabilities: ["net:a.dev:443", "env:HOME"]`) // no more
	w.change(all)
	w.publish("acme/a", "1.2.0", `capabilities: ["env:HOME", "net:a.dev:443", "run:git"]`)
	w.refused(all, "acme/a:run:git")
	all.Allow = allow(t, "acme/b:run:git") // another plugin
	w.refused(all, "acme/a:run:git")
	all.Allow = allow(t, "acme/a:run:git")
	w.change(all)
	w.expect("acme/a 1.2.0")
	all.Allow = nil
	w.publish("acme/a", "1.3.0", `capabilities: ["run:git"]`) // less, and what is not asked for is not granted
	w.change(all)
	if got := w.granted(); got != "acme/a:run:git" {
		t.Errorf("asks for less: %s", got)
	}
	w.publish("acme/a", "1.4.0", `capabilities: ["run:git", "env:HOME"]`)
	w.refused(all, "acme/a:env:HOME")

	// A rollback brings the grants of its generation.
	if _, err := w.up.Rollback(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if got := w.granted(); got != "acme/a:env:HOME acme/a:net:a.dev:443" {
		t.Errorf("rolled back: %s", got)
	}
	w.refused(all, "acme/a:run:git")
}

// TestConsentOfSeveral: a grant without a name is for the one plugin that asks, and one
// change asks for all of them at once.
func TestConsentOfSeveral(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", "requires: { acme/b: ^1 }", `capabilities: ["env:HOME", "env:A"]`)
	w.publish("acme/b", "1.0.0", `capabilities: ["env:HOME"]`)
	w.publish("acme/c", "1.0.0")
	w.change(wish(t, "acme/c"))
	c := wish(t, "acme/a")
	c.Allow = allow(t, "env:HOME", "env:A", "env:HOME")
	w.refused(c, "acme/a:env:HOME acme/b:env:HOME")
	c.Allow = allow(t, "acme/b:env:HOME", "env:HOME", "env:A")
	w.change(c)
	if got := w.granted(); got != "acme/a:env:A acme/a:env:HOME acme/b:env:HOME" {
		t.Error(got)
	}
}

// TestConsentByFunction: who embeds decides with a function, which sees the difference
// only.
func TestConsentByFunction(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", `capabilities: ["env:HOME"]`)
	no := errors.New("the operator says no")
	w.up.Consent = func(context.Context, []update.Ask) error { return no }
	if _, _, err := w.up.Change(t.Context(), wish(t, "acme/a@^1")); !errors.Is(err, no) || asks(err) != "acme/a:env:HOME" {
		t.Errorf("refused: %v", err)
	}
	w.expect("")
	var seen []update.Ask
	w.up.Consent = func(_ context.Context, asks []update.Ask) error {
		seen = append(seen, asks...)
		return nil
	}
	w.change(wish(t, "acme/a@^1"))
	w.publish("acme/a", "1.1.0", `capabilities: ["env:HOME", "env:PATH"]`)
	w.change(update.Change{UpdateAll: true})
	w.change(update.Change{UpdateAll: true})
	if len(seen) != 2 || !seen[0].From.IsZero() || seen[1].From.String() != "1.0.0" || seen[1].Version.String() != "1.1.0" || !slices.Equal(seen[1].Capabilities, []manifest.Capability{"env:PATH"}) {
		t.Errorf("asked: %+v", seen)
	}
	if got := w.granted(); got != "acme/a:env:HOME acme/a:env:PATH" {
		t.Error(got)
	}
}

// TestConsentAndLock: the lock file carries grants; without them a frozen install, which
// learns what plugins ask for when they have come, is refused, and leaves nothing.
func TestConsentAndLock(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", `capabilities: ["env:HOME"]`)
	file := filepath.Join(t.TempDir(), "plugins.lock")
	c := wish(t, "acme/a")
	c.LockFile, c.Allow = file, allow(t, "env:HOME")
	w.change(c)
	l, err := update.ReadLock(file)
	if err != nil || len(l.Plugins) != 1 || !slices.Equal(l.Plugins[0].Grants, []manifest.Capability{"env:HOME"}) {
		t.Fatalf("%+v, %v", l, err)
	}
	frozen := update.Change{Frozen: true, LockFile: file}
	w.up = w.updater(t.TempDir())
	w.change(frozen)
	if got := w.granted(); got != "acme/a:env:HOME" {
		t.Error(got)
	}

	for name, grants := range map[string][]manifest.Capability{"older lock": nil, "other grants": {"env:PATH", "run:git"}} {
		l.Plugins[0].Grants = grants
		if err := update.WriteLock(file, l); err != nil {
			t.Fatal(err)
		}
		w.up = w.updater(t.TempDir())
		w.refused(frozen, "acme/a:env:HOME")
		w.expect("")
		allowed := frozen
		allowed.Allow = allow(t, "acme/a:env:HOME")
		w.change(allowed)
		if got := w.granted(); got != "acme/a:env:HOME" {
			t.Errorf("%s: %s", name, got)
		}
		w.up = w.updater(t.TempDir())
		w.up.Consent = func(context.Context, []update.Ask) error { return nil }
		w.change(frozen)
		if got := w.granted(); got != "acme/a:env:HOME" {
			t.Errorf("%s, by a function: %s", name, got)
		}
	}
}

// TestConsentToPlan: a plan that was kept holds the grants; what it lacks is granted when it
// is carried out.
func TestConsentToPlan(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", `capabilities: ["env:HOME", "env:PATH"]`)
	c := wish(t, "acme/a")
	c.Allow = allow(t, "env:HOME")
	p, err := w.up.Plan(t.Context(), c)
	if err != nil || len(p.Lines) != 1 || !slices.Equal(p.Lines[0].Asks, []string{"env:PATH"}) || !slices.Equal(p.Lines[0].Granted, []string{"env:HOME"}) {
		t.Fatalf("%+v, %v", p, err)
	}
	text, err := p.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = w.up.ReadPlan(text); err != nil {
		t.Fatal(err)
	}
	if _, err := w.up.Apply(t.Context(), p); asks(err) != "acme/a:env:PATH" {
		t.Errorf("%v", err)
	}
	p.Allow(allow(t, "env:PATH")...)
	if _, err := w.up.Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := w.granted(); got != "acme/a:env:HOME acme/a:env:PATH" {
		t.Error(got)
	}
}

// ungrant makes a generation without grants, as before there were any.
func (w *world) ungrant() {
	w.t.Helper()
	tx, err := w.up.Dir.Begin(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer tx.Abort()
	lock := tx.Base.Lock
	lock.Plugins = slices.Clone(lock.Plugins)
	for i := range lock.Plugins {
		lock.Plugins[i].Grants = nil
	}
	for _, r := range tx.Base.Records {
		tx.Keep(r)
	}
	if _, err := tx.Commit(lock, "nothing is granted"); err != nil {
		w.t.Fatal(err)
	}
}

// TestConsentLater: what was installed before somebody was asked keeps nothing else from
// changing, runs without grants, and gets them in a change that names it.
func TestConsentLater(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", `capabilities: ["env:HOME"]`)
	c := wish(t, "acme/a")
	c.Allow = allow(t, "env:HOME")
	w.change(c)
	w.ungrant()
	w.publish("acme/b", "1.0.0")
	w.change(wish(t, "acme/b"))
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
	if got := w.granted(); got != "" {
		t.Error(got)
	}
	p, err := w.up.Plan(t.Context(), c)
	if err != nil || p.Empty() || len(p.Changes()) != 1 || p.Changes()[0].Do != update.Keep {
		t.Fatalf("%+v, %v", p, err)
	}
	w.change(c)
	if got := w.granted(); got != "acme/a:env:HOME" {
		t.Error(got)
	}
	if p, err = w.up.Plan(t.Context(), c); err != nil || !p.Empty() {
		t.Errorf("again: %+v, %v", p.Lines, err)
	}
}

// TestNoMoreThanAsked: a lock that grants more than a plugin asks for, by whatever way it
// came, gives it no more.
func TestNoMoreThanAsked(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", `capabilities: ["fs:ro:assets"]`)
	c := wish(t, "acme/a")
	c.Allow = allow(t, "fs:ro:assets")
	w.change(c)
	g, err := w.up.Dir.Active()
	if err != nil {
		t.Fatal(err)
	}
	h := &install.Generation{Number: g.Number, Records: g.Records, Lock: resolve.Lock{Plugins: slices.Clone(g.Lock.Plugins)}}
	h.Lock.Plugins[0].Grants = []manifest.Capability{"env:SECRET", "fs:rw:assets", "junk"}
	if im := w.up.Images(h); len(im) != 1 || !slices.Equal(im[0].Grants, []manifest.Capability{"fs:ro:assets"}) {
		t.Errorf("%+v", im)
	}
}

func TestParseAllow(t *testing.T) {
	for _, c := range []struct{ text, id, capability, err string }{
		{"env:HOME", "", "env:HOME", ""},
		{"acme/a:env:HOME", "acme/a", "env:HOME", ""},
		{"acme/a:net:[::1]:443", "acme/a", "net:[::1]:443", ""},
		{"fs:ro:a/b", "", "fs:ro:a/b", ""},
		{"host:acme.dev/store", "", "host:acme.dev/store", ""},
		{"acme/a", "", "", "syntax error"},
		{"acme/a:", "", "", "syntax error"},
		{"Acme/a:env:HOME", "", "", "allow \"Acme/a:env:HOME\""},
		{"acme:env:HOME", "", "", "want net:HOST:PORT"},
		{"all", "", "", "want net:HOST:PORT"},
		{"", "", "", "want net:HOST:PORT"},
	} {
		got, err := update.ParseAllow(c.text)
		if string(got.ID) != c.id || string(got.Capability) != c.capability || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
}

// FuzzParseAllow reads back what it wrote.
func FuzzParseAllow(f *testing.F) {
	for _, s := range []string{"env:HOME", "acme/a:env:HOME", "a/b:net:[::1]:*", "a/b:fs:rw:c/d", "host:a.dev/x", "/:", "a/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := update.ParseAllow(s)
		if err != nil {
			return
		}
		if again, err := update.ParseAllow(a.String()); err != nil || again != a || a.String() != s {
			t.Errorf("%q: %+v, again %+v, %v", s, a, again, err)
		}
	})
}

// TestConsentWithoutName: the flags that a refusal proposes are taken, also where it is known
// only when the plugins have come who asks, and where a plugin runs without what it asks for.
func TestConsentWithoutName(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", `capabilities: ["env:HOME"]`)
	w.publish("acme/b", "1.0.0")
	w.publish("acme/c", "1.0.0", `capabilities: ["env:HOME"]`)
	c := wish(t, "acme/a", "acme/b")
	c.LockFile, c.Allow = filepath.Join(t.TempDir(), "plugins.lock"), allow(t, "env:HOME")
	w.change(c)
	l, err := update.ReadLock(c.LockFile)
	if err != nil {
		t.Fatal(err)
	}
	l.Plugins[0].Grants = nil
	if err := update.WriteLock(c.LockFile, l); err != nil {
		t.Fatal(err)
	}
	w.up = w.updater(t.TempDir())
	w.change(update.Change{Frozen: true, LockFile: c.LockFile, Allow: allow(t, "env:HOME")})
	if got := w.granted(); got != "acme/a:env:HOME" {
		t.Errorf("frozen: %s", got)
	}

	w.ungrant()
	other := wish(t, "acme/c")
	w.refused(other, "acme/c:env:HOME")
	other.Allow = allow(t, "env:HOME")
	w.change(other)
	if got := w.granted(); got != "acme/c:env:HOME" {
		t.Errorf("beside one that has nothing: %s", got)
	}
}

// TestConsentWithoutNameOfTwo: nobody gets a grant without a name that two ask for.
func TestConsentWithoutNameOfTwo(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", `capabilities: ["env:HOME"]`)
	w.publish("acme/b", "1.0.0", `capabilities: ["env:HOME"]`)
	c := wish(t, "acme/a", "acme/b")
	c.LockFile = filepath.Join(t.TempDir(), "plugins.lock")
	if _, err := w.up.WriteLock(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c = update.Change{Frozen: true, LockFile: c.LockFile, Allow: allow(t, "env:HOME")}
	w.refused(c, "acme/a:env:HOME acme/b:env:HOME")
	c.Allow = allow(t, "env:HOME", "acme/b:env:HOME")
	w.change(c)
	if got := w.granted(); got != "acme/a:env:HOME acme/b:env:HOME" {
		t.Error(got)
	}
}
