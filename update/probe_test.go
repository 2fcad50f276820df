package update_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/update"
)

// TestProbe: a release that does not start is never switched to. What ran goes on, and
// the release is held back with its reason.
func TestProbe(t *testing.T) {
	p := newPicky(t)
	var steps []string
	p.up.Events.Step = func(s string) { steps = append(steps, s) }
	before := p.active()
	_, _, err := p.up.Change(t.Context(), update.Change{UpdateAll: true})
	if e, ok := errors.AsType[*supervise.StartError](err); !ok || e.Image.Manifest.ID != "acme/a" || !strings.Contains(err.Error(), "nothing was changed") || !errors.Is(err, p.cause) {
		t.Fatal(err)
	}
	if got := strings.Join(steps, " "); got != "resolve fetch install probe" {
		t.Errorf("steps %s", got)
	}
	g := p.active()
	if g.Number != before.Number+1 || !g.Auto || g.From != before.Number || len(g.Held) != 1 || !strings.HasPrefix(g.Why, "held back acme/a 1.1.0: no such font") {
		t.Errorf("%+v", g)
	}
	if !slices.Equal(g.Lock.Text(), before.Lock.Text()) {
		t.Error("the lock is another one")
	}
	p.expect("acme/a 1.0.0")
	// Nobody asked for that generation: a rollback goes back before the last change.
	if _, err := p.up.Rollback(t.Context(), 0); !errors.Is(err, install.ErrNoGeneration) {
		t.Errorf("rolled back: %v", err)
	}
}

// TestProbeIsThrownAway: what is probed gets a private folder that is empty and goes, is
// stopped before the switch, and meets what it requires.
func TestProbeIsThrownAway(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/low", "1.0.0")
	w.publish("acme/high", "1.0.0", "requires: { acme/low: ^1 }")
	var starts []string
	var folder string
	set := w.run(fakeDriver{spec: func(im load.Image, s load.Spec) {
		kind := "run"
		if rel, err := filepath.Rel(filepath.Join(w.up.Dir.Path(), "staging"), s.DataDir); err == nil && filepath.IsLocal(rel) {
			kind, folder = "probe", s.DataDir
			if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
				t.Errorf("%v, %v", entries, err)
			}
		}
		starts = append(starts, kind+" "+string(im.Manifest.ID)+" "+im.Manifest.Version.String())
	}})
	w.change(wish(t, "acme/high"))
	want := []string{"probe acme/low 1.0.0", "probe acme/high 1.0.0", "run acme/low 1.0.0", "run acme/high 1.0.0"}
	if !slices.Equal(starts, want) {
		t.Errorf("starts %v", starts)
	}
	if _, err := os.Stat(folder); folder == "" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", folder, err)
	}
	if got := names(set); got != "acme/high 1.0.0, acme/low 1.0.0" {
		t.Errorf("running %s", got)
	}
	starts = nil
	w.publish("acme/high", "1.1.0", "requires: { acme/low: ^1 }")
	w.change(update.Change{UpdateAll: true})
	if want = []string{"probe acme/high 1.1.0", "run acme/high 1.1.0"}; !slices.Equal(starts, want) {
		t.Errorf("starts of an update %v", starts)
	}
	if _, err := w.up.Disable(t.Context(), "acme/high"); err != nil {
		t.Fatal(err)
	}
	starts = nil
	w.publish("acme/high", "1.2.0", "requires: { acme/low: ^1 }")
	w.change(update.Change{UpdateAll: true})
	if len(starts) > 0 {
		t.Errorf("a disabled plugin is started: %v", starts)
	}
}

// TestNothingRunsNothing: a change of the folder alone runs no code of a plugin.
func TestNothingRunsNothing(t *testing.T) {
	w := newWorld(t)
	w.run(fakeDriver{hook: func(load.Image) error { t.Error("started"); return nil }})
	w.up.Running = func() *supervise.Set { return nil }
	w.publish("acme/a", "1.0.0")
	w.change(wish(t, "acme/a"))
	w.publish("acme/a", "1.1.0")
	w.change(update.Change{UpdateAll: true})
	for _, do := range []func(context.Context, ...manifest.ID) (*install.Generation, error){w.up.Disable, w.up.Enable} {
		if _, err := do(t.Context(), "acme/a"); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.up.Rollback(t.Context(), 1); err != nil {
		t.Error(err)
	}
	w.expect("acme/a 1.0.0")
}

// TestProbeOfAnOptionalPlugin sets it aside, with those that need it; the rest of the
// change is made.
func TestProbeOfAnOptionalPlugin(t *testing.T) {
	p := newPicky(t)
	p.publish("acme/needs", "1.0.0", "requires: { acme/a: ^1.1 }")
	p.publish("acme/other", "1.0.0")
	p.up.Optional = func(id manifest.ID) bool { return id == "acme/a" }
	var told []update.Aside
	p.up.Events.Aside = func(a update.Aside) { told = append(told, a) }
	g := p.change(wish(t, "acme/needs", "acme/other"))
	p.expect("acme/a 1.1.0, acme/needs 1.0.0, acme/other 1.0.0")
	if got := names(p.up.Running()); got != "acme/other 1.0.0" {
		t.Errorf("running %s", got)
	}
	if list := p.up.Aside(g); len(list) != 2 || !errors.Is(list[0].Why, p.cause) || len(g.Held) > 0 {
		t.Errorf("%v, held %v", list, g.Held)
	}
	if len(told) != 1 || told[0].ID != "acme/a" || !errors.Is(told[0].Why, p.cause) {
		t.Errorf("told of %v", told)
	}
}

// TestProbeEnds: a plugin that says nothing in time failed; when the caller gives up, the
// release did not.
func TestProbeEnds(t *testing.T) {
	im := load.Image{Manifest: &manifest.Manifest{ID: "acme/a"}, Runtime: manifest.RuntimeWasm}
	spec := func(load.Image) (load.Spec, error) { return load.Spec{}, nil }
	synctest.Test(t, func(t *testing.T) {
		set := supervise.New([]load.Driver{fakeDriver{health: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}}, spec, supervise.Policy{}, supervise.Events{})
		begin := time.Now()
		err := set.Probe(t.Context(), []load.Image{im}, time.Minute)
		if _, ok := errors.AsType[*supervise.StartError](err); !ok || !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if err := set.Close(); err != nil {
			t.Error(err)
		}
		if err := set.Probe(t.Context(), nil, time.Minute); !errors.Is(err, supervise.ErrClosed) {
			t.Errorf("of a closed set: %v", err)
		}
	})
}

// TestProbePeers: those of one probe meet each other, and nobody they may not meet.
func TestProbePeers(t *testing.T) {
	image := func(id manifest.ID) load.Image {
		return load.Image{Manifest: &manifest.Manifest{ID: id}, Runtime: manifest.RuntimeWasm}
	}
	var mu sync.Mutex
	running := &fakeInstance{done: make(chan struct{})}
	specs := map[manifest.ID]load.Spec{}
	spec := func(load.Image) (load.Spec, error) {
		return load.Spec{Peer: func(id manifest.ID) contract.Caller {
			if id == "acme/secret" {
				return nil
			}
			return running
		}}, nil
	}
	var ended *fakeInstance
	set := supervise.New([]load.Driver{fakeDriver{
		spec: func(im load.Image, s load.Spec) { mu.Lock(); specs[im.Manifest.ID] = s; mu.Unlock() },
		made: func(i *fakeInstance) { ended = i },
	}}, spec, supervise.Policy{}, supervise.Events{})
	defer set.Close()
	if err := set.Probe(t.Context(), []load.Image{image("acme/low"), image("acme/secret"), image("acme/high")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	peer := specs["acme/high"].Peer
	if peer("acme/low") == contract.Caller(running) || peer("acme/other") != contract.Caller(running) || peer("acme/secret") != nil {
		t.Error("a plugin meets others than it should")
	}
	select {
	case <-ended.Done():
	default:
		t.Error("the probed instance is not closed")
	}
	if list := set.Plugins(); len(list) > 0 {
		t.Errorf("running %v", list)
	}
	// One that ends while others are probed did not pass.
	set2 := supervise.New([]load.Driver{fakeDriver{made: func(i *fakeInstance) { i.Close() }}}, spec, supervise.Policy{}, supervise.Events{})
	defer set2.Close()
	if err := set2.Probe(t.Context(), []load.Image{image("acme/low")}, time.Minute); !errors.Is(err, supervise.ErrEnded) {
		t.Errorf("ended by itself: %v", err)
	}
}
