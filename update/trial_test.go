package update_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/update"
)

// tried is a host that starts a new set of plugins.
type tried struct {
	t    *testing.T
	up   *update.Updater
	set  *supervise.Set
	mu   sync.Mutex
	runs map[string]*fakeInstance // what was started last, by id
	told []update.Returned
}

// newTried installs acme/a and acme/b 1.0.0, which ran well, then acme/a 1.1.0 without
// running it. The folder is returned.
func newTried(t *testing.T) *world {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0")
	w.change(wish(t, "acme/a", "acme/b"))
	h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{})
	h.start()
	h.end()
	if n := w.up.Dir.Proven(); n != 1 {
		t.Fatalf("proven is %d", n)
	}
	w.publish("acme/a", "1.1.0")
	w.change(update.Change{UpdateAll: true})
	return w
}

func host(t *testing.T, up *update.Updater, d fakeDriver) *tried {
	h := &tried{t: t, up: up, runs: map[string]*fakeInstance{}}
	d.image = func(im load.Image, i *fakeInstance) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.runs[string(im.Manifest.ID)] = i
	}
	spec := func(load.Image) (load.Spec, error) { return load.Spec{}, nil }
	h.set = supervise.New([]load.Driver{d}, spec, supervise.Policy{}, supervise.Events{Changed: func(c supervise.Change) { up.Observe(c) }})
	up.Running = func() *supervise.Set { return h.set }
	up.Events.Returned = func(r update.Returned) { h.mu.Lock(); defer h.mu.Unlock(); h.told = append(h.told, r) }
	return h
}

func (h *tried) start() {
	h.t.Helper()
	if _, err := h.up.Start(h.t.Context(), h.set); err != nil {
		h.t.Fatal(err)
	}
}

func (h *tried) end() {
	h.t.Helper()
	if err := errors.Join(h.set.Close(), h.up.Release()); err != nil {
		h.t.Error(err)
	}
}

// crash ends a plugin by itself and waits for what follows.
func (h *tried) crash(id string) {
	h.mu.Lock()
	i := h.runs[id]
	h.mu.Unlock()
	i.Close()
	time.Sleep(10 * time.Second) // in the time of the bubble: longer than any pause
	synctest.Wait()
}

func (h *tried) expect(running string, generation int) *install.Generation {
	h.t.Helper()
	g, err := h.up.Dir.Active()
	if err != nil || g.Number != generation || names(h.set) != running {
		h.t.Fatalf("generation %d, %v, running %s; want %d, %s", g.Number, err, names(h.set), generation, running)
	}
	return g
}

const (
	oldSet = "acme/a 1.0.0, acme/b 1.0.0"
	newSet = "acme/a 1.1.0, acme/b 1.0.0"
)

// TestGoesBack: a new plugin that ends by itself three times on trial is held back, and
// what ran before runs again.
func TestGoesBack(t *testing.T) {
	w := newTried(t)
	synctest.Test(t, func(t *testing.T) {
		h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{})
		h.start()
		h.expect(newSet, 2)
		h.crash("acme/b") // it ended in the set before as well, or could have
		h.crash("acme/b")
		h.crash("acme/b")
		h.crash("acme/a")
		h.crash("acme/a")
		h.expect(newSet, 2)
		h.crash("acme/a")
		g := h.expect(oldSet, 3)
		if !g.Auto || g.From != 1 || len(g.Held) != 1 || g.Held[0].Version.String() != "1.1.0" || !strings.Contains(g.Held[0].Why, "does not keep running") || !strings.Contains(g.Why, "went back to generation 1: acme/a 1.1.0 does not keep running") {
			t.Errorf("%+v", g)
		}
		if len(h.told) != 1 || h.told[0].From != 2 || h.told[0].To != 3 || h.told[0].Like != 1 || h.told[0].Err != nil || len(h.told[0].Held) != 1 || !errors.Is(h.told[0].Why, supervise.ErrEnded) {
			t.Errorf("%+v", h.told)
		}
		for i := range 4 { // nobody goes back twice
			if i == 2 { // with the restarts that there were before its budget is spent
				if err := h.set.Restart(t.Context(), "acme/a"); err != nil {
					t.Fatal(err)
				}
			}
			h.crash("acme/a")
		}
		h.expect(oldSet, 3)
		h.end()
	})
	if w.up.Dir.Proven() != 3 {
		t.Errorf("proven is %d", w.up.Dir.Proven())
	}
	if _, _, err := w.up.Change(t.Context(), update.Change{Frozen: true}); err != nil {
		t.Error(err)
	}
	if p, _, err := w.up.Change(t.Context(), update.Change{UpdateAll: true}); err != nil || !p.Empty() {
		t.Errorf("it is installed again: %v", err)
	}
}

// TestTrialPasses: what ran for the time of the trial may end by itself.
func TestTrialPasses(t *testing.T) {
	w := newTried(t)
	synctest.Test(t, func(t *testing.T) {
		h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{})
		h.up.Watch = 30 * time.Second
		h.start()
		h.crash("acme/a")
		h.crash("acme/a")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := h.up.Dir.Proven(); n != 2 {
			t.Errorf("proven is %d", n)
		}
		h.crash("acme/a")
		h.expect(newSet, 2)
		h.end()
	})
}

// TestGivesUp: one that may not be started again went for good.
func TestGivesUp(t *testing.T) {
	w := newTried(t)
	synctest.Test(t, func(t *testing.T) {
		broken := false
		h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{hook: func(im load.Image) error {
			if broken && im.Manifest.Version.String() == "1.1.0" {
				return errors.New("no such font")
			}
			return nil
		}})
		h.start()
		broken = true
		h.crash("acme/a")
		if g := h.expect(oldSet, 3); len(g.Held) != 1 {
			t.Errorf("%+v", g.Held)
		}
		h.end()
	})
}

// TestOptionalDoesNotKeepRunning: it is set aside, the set stays.
func TestOptionalDoesNotKeepRunning(t *testing.T) {
	w := newTried(t)
	synctest.Test(t, func(t *testing.T) {
		h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{})
		h.up.Optional = func(id manifest.ID) bool { return id == "acme/a" }
		h.start()
		for range 3 {
			h.crash("acme/a")
		}
		g := h.expect("acme/b 1.0.0", 2)
		if aside := h.up.Aside(g); len(aside) != 1 || aside[0].ID != "acme/a" || !errors.Is(aside[0].Why, supervise.ErrEnded) {
			t.Errorf("%v", aside)
		}
		h.end()
	})
}

// TestOthersChangeStays: another process changed the set while this one tried it.
func TestOthersChangeStays(t *testing.T) {
	w := newTried(t)
	synctest.Test(t, func(t *testing.T) {
		h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{})
		h.start()
		if _, err := w.updater(w.up.Dir.Path()).Disable(t.Context(), "acme/b"); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			h.crash("acme/a")
		}
		h.expect(newSet, 3)
		if len(h.told) != 1 || h.told[0].Err == nil || h.told[0].To != 0 {
			t.Errorf("%+v", h.told)
		}
		h.end()
	})
}

// TestGate: nobody ran what was installed while no host ran; a plugin of it that does not
// start is held back, and the host starts with the set before.
func TestGate(t *testing.T) {
	w := newTried(t)
	cause := errors.New("no such font")
	h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{hook: func(im load.Image) error {
		if im.Manifest.Version.String() == "1.1.0" {
			return cause
		}
		return nil
	}})
	h.start()
	defer h.end()
	g := h.expect(oldSet, 3)
	if len(g.Held) != 1 || !g.Auto || len(h.told) != 1 || !errors.Is(h.told[0].Why, cause) {
		t.Errorf("%+v, %+v", g, h.told)
	}
	if _, err := h.up.Rollback(t.Context(), 0); !errors.Is(err, install.ErrNoGeneration) {
		t.Errorf("there is nothing before generation 1: %v", err)
	}
}

// TestGateBlamesTheNew: a plugin that ran before and does not now is not the fault of a
// change.
func TestGateBlamesTheNew(t *testing.T) {
	w := newTried(t)
	cause := errors.New("no such font")
	h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{hook: func(im load.Image) error {
		if im.Manifest.ID == "acme/b" {
			return cause
		}
		return nil
	}})
	defer h.end()
	if _, err := h.up.Start(t.Context(), h.set); !errors.Is(err, cause) {
		t.Error(err)
	}
	h.expect("", 2)
}

const envDie = "PLUGSTEAD_TEST_DIE" // DIR

// die starts what is installed in dir and ends when acme/a 1.1.0 starts.
func die(dir string) {
	d, err := install.Open(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	up := &update.Updater{Dir: d, Host: facts}
	spec := func(load.Image) (load.Spec, error) { return load.Spec{}, nil }
	set := supervise.New([]load.Driver{fakeDriver{hook: func(im load.Image) error {
		if im.Manifest.Version.String() == "1.1.0" {
			os.Exit(3)
		}
		return nil
	}}}, spec, supervise.Policy{}, supervise.Events{})
	_, err = up.Start(context.Background(), set)
	fmt.Println(names(set), err, set.Close(), up.Release())
	os.Exit(0)
}

// TestHostIsKilled: a plugin that takes the host with it. After three hosts that ended on
// trial the next one starts with what ran before.
func TestHostIsKilled(t *testing.T) {
	w := newTried(t)
	run := func() (string, int) {
		t.Helper()
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), envDie+"="+w.up.Dir.Path())
		out, err := c.CombinedOutput()
		if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			t.Fatal(err)
		}
		return string(out), c.ProcessState.ExitCode()
	}
	for i := range 3 {
		if out, code := run(); code != 3 {
			t.Fatalf("run %d: %s, exit %d", i, out, code)
		}
		if n, err := w.up.Dir.UncleanEnds(t.Context(), 2); err != nil || n != i+1 {
			t.Fatalf("after %d: %d, %v", i+1, n, err)
		}
	}
	if out, code := run(); code != 0 || out != oldSet+" <nil> <nil> <nil>\n" {
		t.Fatalf("%s, exit %d", out, code)
	}
	g, err := w.up.Dir.Active()
	if err != nil || g.Number != 3 || g.From != 1 || len(g.Held) != 1 || g.Held[0].ID != "acme/a" || !strings.Contains(g.Why, "ended 3 times within 1m0s") {
		t.Errorf("%+v, %v", g, err)
	}
	if left, err := filepath.Glob(filepath.Join(w.up.Dir.Path(), "trials", "0*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestGoodEndForgets: a host that ends in good order forgets those that did not.
func TestGoodEndForgets(t *testing.T) {
	w := newTried(t)
	trials := filepath.Join(w.up.Dir.Path(), "trials")
	for _, name := range []string{"00000002-A", "00000002-B", "00000001-C", "00000002", "x-y", "99999999999-D", ".tmp-1"} {
		if err := os.WriteFile(filepath.Join(trials, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	running, err := w.up.Dir.BeginTrial(t.Context(), 2) // another host that runs well
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.up.Dir.UncleanEnds(t.Context(), 2); err != nil || n != 2 {
		t.Errorf("%d ended, %v", n, err)
	}
	h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{})
	h.start()
	h.expect(newSet, 2)
	h.end()
	if n, err := w.up.Dir.UncleanEnds(t.Context(), 2); err != nil || n != 0 || w.up.Dir.Proven() != 2 {
		t.Errorf("%d ended, %v, proven is %d", n, err, w.up.Dir.Proven())
	}
	if err := errors.Join(running.End(t.Context()), running.End(t.Context())); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "no", "-1", "100000000", strings.Repeat("1", 30)} {
		if err := os.WriteFile(filepath.Join(trials, "proven"), []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if n := w.up.Dir.Proven(); n != 0 {
			t.Errorf("proven %q is %d", bad, n)
		}
	}
}

// TestNotWatched: a host may do without all of it.
func TestNotWatched(t *testing.T) {
	w := newTried(t)
	synctest.Test(t, func(t *testing.T) {
		h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{})
		h.up.Watch = -1
		h.start()
		for range 4 {
			h.crash("acme/a")
		}
		h.expect(newSet, 2)
		h.end()
	})
	if n := w.up.Dir.Proven(); n != 1 {
		t.Errorf("proven is %d", n)
	}
}

// bad does not start acme/a 1.1.0.
var bad = fakeDriver{hook: func(im load.Image) error {
	if im.Manifest.ID == "acme/a" && im.Manifest.Version.String() == "1.1.0" {
		return errors.New("no such font")
	}
	return nil
}}

// TestGoingBackTurnsNothingOn: a host that goes back by itself starts nothing that somebody
// disabled or uninstalled since, nor what only that needed, and takes no configuration back
// of a plugin that was not on trial.
func TestGoingBackTurnsNothingOn(t *testing.T) {
	for name, c := range map[string]struct {
		do      func(*world) error
		running string
		off     []manifest.ID
	}{
		"disabled": {func(w *world) error {
			_, err := w.up.Disable(t.Context(), "acme/b")
			return err
		}, "acme/a 1.0.0, acme/c 1.0.0", []manifest.ID{"acme/b"}},
		"uninstalled": {func(w *world) error {
			_, _, err := w.up.Change(t.Context(), update.Change{Uninstall: []manifest.ID{"acme/b"}})
			return err
		}, "acme/a 1.0.0", []manifest.ID{"acme/b", "acme/c"}},
		"configured": {func(w *world) error {
			_, err := w.up.Configure(t.Context(), "acme/b", `{"safe":true}`)
			return err
		}, "acme/a 1.0.0, acme/b 1.0.0, acme/c 1.0.0", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("acme/a", "1.0.0")
			w.publish("acme/b", "1.0.0", `capabilities: ["env:HOME"]`, `requires: { acme/c: ^1 }`)
			w.publish("acme/c", "1.0.0", `capabilities: ["env:HOME"]`)
			first := wish(t, "acme/a", "acme/b")
			first.Allow = allow(t, "acme/b:env:HOME", "acme/c:env:HOME")
			w.change(first)
			h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{})
			h.start()
			h.end()
			w.publish("acme/a", "1.1.0")
			w.change(update.Change{UpdateAll: true})
			if err := c.do(w); err != nil {
				t.Fatal(err)
			}
			now, err := w.up.Dir.Active()
			if err != nil {
				t.Fatal(err)
			}
			h = host(t, w.updater(w.up.Dir.Path()), bad)
			h.start()
			g := h.expect(c.running, 4)
			if !g.Auto || g.From != 1 || !slices.Equal(g.Disabled, c.off) || g.Config("acme/b") != now.Config("acme/b") {
				t.Errorf("%+v", g)
			}
			for _, l := range g.Lock.Plugins {
				if gone := slices.Contains(c.off, l.ID) && name == "uninstalled"; gone != (len(l.Grants) == 0) && l.ID != "acme/a" {
					t.Errorf("%s is granted %v", l.ID, l.Grants)
				}
			}
			h.end()
		})
	}
}

// TestGoingBackTakesWhatIsNeeded: what the set before needs comes back with it.
func TestGoingBackTakesWhatIsNeeded(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", `requires: { acme/b: ^1, acme/d: ^1 }`)
	w.publish("acme/b", "1.0.0")
	w.publish("acme/d", "1.0.0")
	w.change(wish(t, "acme/a", "acme/b"))
	h := host(t, w.updater(w.up.Dir.Path()), fakeDriver{})
	h.start()
	h.end()
	w.publish("acme/a", "1.1.0")
	w.change(update.Change{UpdateAll: true})
	w.change(update.Change{Uninstall: []manifest.ID{"acme/b"}})
	w.expect("acme/a 1.1.0")
	h = host(t, w.updater(w.up.Dir.Path()), bad)
	h.start()
	if g := h.expect("acme/a 1.0.0, acme/b 1.0.0, acme/d 1.0.0", 4); len(g.Disabled) > 0 {
		t.Errorf("%v", g.Disabled)
	}
	h.end()
}
