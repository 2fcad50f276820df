package update_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

// TestLockFile starts from a file, writes it last, and freezes.
func TestLockFile(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", "requires: { acme/b: ^1 }")
	w.publish("acme/b", "1.0.0")
	file := filepath.Join(t.TempDir(), "plugins.lock")

	c := wish(t, "acme/a")
	c.LockFile = file
	if _, err := w.up.WriteLock(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	w.expect("")
	w.publish("acme/b", "1.1.0")
	w.change(update.Change{LockFile: file, Frozen: true})
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
	if differs, err := w.up.Differs(file); err != nil || differs {
		t.Fatal(differs, err)
	}
	w.change(update.Change{UpdateAll: true}) // without the file
	w.expect("acme/a 1.0.0, acme/b 1.1.0")
	if differs, err := w.up.Differs(file); err != nil || !differs {
		t.Fatal(differs, err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w.change(update.Change{LockFile: file, Frozen: true})
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
	if after, _ := os.ReadFile(file); string(after) != string(before) {
		t.Error("a frozen change wrote the file")
	}
	c = update.Change{UpdateAll: true, LockFile: file}
	w.change(c)
	if l, err := update.ReadLock(file); err != nil || l.Plugins[1].Version.String() != "1.1.0" {
		t.Fatalf("%+v, %v", l, err)
	}

	c.Frozen, c.Install = true, wish(t, "acme/c").Install
	if _, err := w.up.Plan(t.Context(), c); !is[*resolve.DriftError](err) {
		t.Error(err)
	}
	host := w.up.Host
	w.up.Host.Runtimes = []string{manifest.RuntimeProcess}
	if _, err := w.up.Plan(t.Context(), update.Change{LockFile: file, Frozen: true}); !is[*resolve.PlatformError](err) {
		t.Error(err)
	}
	w.up.Host = host
	if err := os.WriteFile(file, []byte("lock = 1\nwhat = 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.up.Plan(t.Context(), update.Change{LockFile: file, UpdateAll: true}); !is[*resolve.LockError](err) {
		t.Error(err)
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// TestMergeLock keeps what both sides of a merge asked for.
func TestMergeLock(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/c", "1.0.0")
	dir := t.TempDir()
	text := map[string]string{}
	for _, name := range []string{"acme/a", "acme/c"} {
		c := wish(t, name)
		c.LockFile = filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
		if _, err := w.up.WriteLock(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(c.LockFile)
		if err != nil {
			t.Fatal(err)
		}
		text[name] = string(b)
	}
	file := filepath.Join(dir, "plugins.lock")
	conflict := "<<<<<<< ours\n" + text["acme/a"] + "=======\n" + text["acme/c"] + ">>>>>>> theirs\n"
	if err := os.WriteFile(file, []byte(conflict), 0o600); err != nil {
		t.Fatal(err)
	}
	c := update.Change{LockFile: file}
	if _, err := w.up.Plan(t.Context(), c); !errors.Is(err, resolve.ErrConflictMarkers) {
		t.Error(err)
	}
	if _, err := w.up.MergeLock(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	w.expect("") // nothing is installed by that
	w.change(update.Change{LockFile: file, Frozen: true})
	w.expect("acme/a 1.0.0, acme/c 1.0.0")
}

// TestPlanFile carries out exactly what was planned.
func TestPlanFile(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	p, err := w.up.Plan(t.Context(), wish(t, "acme/a"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	w.publish("acme/a", "1.1.0")
	q, err := w.up.ReadPlan(b)
	if err != nil || len(q.Changes()) != 1 || q.Changes()[0].To.String() != "1.0.0" {
		t.Fatalf("%+v, %v", q, err)
	}
	if _, err := w.up.Apply(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	w.expect("acme/a 1.0.0")
	if _, err := w.up.ReadPlan(b); !errors.Is(err, update.ErrStale) {
		t.Error(err)
	}
	for _, bad := range []string{"", "{}", `{"format":"plugstead-plan/2"}`, strings.Replace(string(b), `"base"`, `"Base"`, 1), strings.Replace(string(b), "lock = 1", "lock = 2", 1)} {
		if _, err := w.up.ReadPlan([]byte(bad)); err == nil {
			t.Errorf("%.60s: no error", bad)
		}
	}
}

func FuzzReadPlan(f *testing.F) {
	f.Add([]byte(`{"format":"plugstead-plan/1","app":"acme","base":0,"why":"x","lines":[],"lock":"lock = 1\n"}`))
	f.Add([]byte(`{"format":"plugstead-plan/1","base":0,"lines":[{"id":"a/b","do":"install"}],"lock":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := newWorld(t)
		if p, err := w.up.ReadPlan(b); err == nil && len(p.Lock.Plugins) > 0 && len(p.Lines) == 0 {
			t.Fatal("a plan with plugins and without lines")
		}
	})
}

// TestQuestions asks what people ask of one set.
func TestQuestions(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", "requires: { acme/b: ^1 }")
	w.publish("acme/b", "1.0.0")
	w.change(wish(t, "acme/a@^1"))
	w.publish("acme/b", "1.1.0")
	w.publish("acme/b", "2.0.0")
	w.publish("acme/a", "2.0.0", "host: { acme: '>=3' }")

	w.change(update.Change{Pin: []resolve.Pin{{ID: "acme/b", Version: version.MustParse("1.0.0")}}})
	w.change(update.Change{UpdateAll: true})
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
	g, err := w.up.Dir.Active()
	if err != nil {
		t.Fatal(err)
	}
	paths, err := update.Why(&g.Lock, "acme/b")
	if err != nil || len(paths) != 1 || len(paths[0]) != 2 || paths[0][0] != "acme/a" {
		t.Errorf("%v, %v", paths, err)
	}
	if _, err := update.Why(&g.Lock, "acme/x"); !errors.Is(err, update.ErrNotInstalled) {
		t.Error(err)
	}
	_, f, err := w.up.WhyNot(t.Context(), update.Change{}, wish(t, "acme/b@1.1.0").Install[0])
	if err != nil || f == nil || f.Kind != resolve.Pinned {
		t.Errorf("%v, %v", f, err)
	}
	w.change(update.Change{Unpin: []manifest.ID{"acme/b"}})
	p, f, err := w.up.WhyNot(t.Context(), update.Change{}, wish(t, "acme/b@1.1.0").Install[0])
	if err != nil || f != nil || len(p.Changes()) != 1 {
		t.Errorf("%v, %v, %v", p, f, err)
	}
	if p, err := w.up.WhatIf(t.Context(), update.Change{UpdateAll: true, Latest: true}, version.MustParse("3.0.0")); err != nil || p.Requests[0].String() != "acme/a@^2.0.0" {
		t.Errorf("%+v, %v", p, err)
	}
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
	if _, err := w.up.Plan(t.Context(), update.Change{Pin: []resolve.Pin{{ID: "acme/x"}}}); !errors.Is(err, update.ErrNotInstalled) {
		t.Error(err)
	}
}

// TestMergeLockSides merges two locks in which both sides changed the same things, in both
// orders: the same versions come out, the newer ones that fit.
func TestMergeLockSides(t *testing.T) {
	w := newWorld(t)
	for _, v := range []string{"1.0.0", "1.1.0", "1.2.0", "2.0.0"} {
		w.publish("acme/a", v, "requires: { acme/b: '>=1' }")
		w.publish("acme/b", v)
		w.publish("acme/c", v)
	}
	dir := t.TempDir()
	text := func(name string, c update.Change) string {
		c.LockFile = filepath.Join(dir, name)
		if _, err := w.up.WriteLock(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(c.LockFile)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := wish(t, "acme/a@<1.2.0", "acme/c@^1")
	second := wish(t, "acme/a@>=1.1", "acme/b@=1.2.0", "acme/c@^2")
	a, b := text("first", first), text("second", second)
	if !strings.Contains(a, `"2.0.0"`) || !strings.Contains(b, `"2.0.0"`) {
		t.Fatalf("the sides are too much alike:\n%s\n%s", a, b)
	}
	var merged []string
	for _, c := range []string{"<<<<<<< ours\n" + a + "=======\n" + b + ">>>>>>> theirs\n", "<<<<<<< ours\n" + b + "=======\n" + a + ">>>>>>> theirs\n"} {
		file := filepath.Join(dir, "plugins.lock")
		if err := os.WriteFile(file, []byte(c), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := w.up.MergeLock(t.Context(), update.Change{LockFile: file}); err != nil {
			t.Fatal(err)
		}
		l, err := update.ReadLock(file)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range l.Plugins {
			got = append(got, p.Name())
		}
		if s := strings.Join(got, ", "); s != "acme/a 1.1.0, acme/b 1.2.0, acme/c 2.0.0" {
			t.Errorf("merged to %s", s)
		}
		merged = append(merged, string(l.Text()))
	}
	if merged[0] != merged[1] {
		t.Errorf("the sides count:\n%s\n%s", merged[0], merged[1])
	}
}
