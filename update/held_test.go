package update_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
)

// picky is a host in which one version does not start, until it does.
type picky struct {
	*world
	broken string
	cause  error
}

func newPicky(t *testing.T) *picky {
	p := &picky{world: newWorld(t), broken: "1.1.0", cause: errors.New("no such font")}
	p.run(fakeDriver{hook: func(im load.Image) error {
		if im.Manifest.Version.String() == p.broken {
			return p.cause
		}
		return nil
	}})
	p.publish("acme/a", "1.0.0")
	p.change(wish(t, "acme/a"))
	p.publish("acme/a", "1.1.0")
	return p
}

func (p *picky) active() *install.Generation {
	p.t.Helper()
	g, err := p.up.Dir.Active()
	if err != nil {
		p.t.Fatal(err)
	}
	return g
}

// TestHeld: a release that did not start is not chosen again, by an update, by name or
// from a lock, until somebody asks to try it.
func TestHeld(t *testing.T) {
	p := newPicky(t)
	all := update.Change{UpdateAll: true}
	if _, _, err := p.up.Change(t.Context(), all); !errors.Is(err, p.cause) {
		t.Fatal(err)
	}
	p.expect("acme/a 1.0.0")
	g := p.active()
	if len(g.Held) != 1 || g.Held[0].ID != "acme/a" || g.Held[0].Version.String() != "1.1.0" || !strings.Contains(g.Held[0].Why, "no such font") || g.Held[0].Since.IsZero() {
		t.Fatalf("%+v", g.Held)
	}
	if plan, g, err := p.up.Change(t.Context(), all); err != nil || len(plan.Changes()) > 0 || g.Number != p.active().Number {
		t.Errorf("an update tries it again: %v", err)
	}
	_, _, err := p.up.Change(t.Context(), wish(t, "acme/a@1.1.0"))
	f, ok := errors.AsType[*resolve.Failure](err)
	if !ok || f.Kind != resolve.Forbidden || !strings.Contains(err.Error(), "did not start (no such font)") {
		t.Errorf("by name: %v", err)
	}
	list, err := p.up.Outdated(t.Context(), update.Change{})
	if err != nil || !strings.Contains(list[0].WhyNot, "held back") {
		t.Errorf("%+v %v", list, err)
	}
	retry := all
	retry.Retry = true
	if _, _, err := p.up.Change(t.Context(), retry); !errors.Is(err, p.cause) || len(p.active().Held) != 1 {
		t.Errorf("tried, and not better: %v, %+v", err, p.active().Held)
	}
	p.broken = ""
	if _, _, err := p.up.Change(t.Context(), retry); err != nil || len(p.active().Held) != 0 {
		t.Errorf("tried, and better: %v, %+v", err, p.active().Held)
	}
	p.expect("acme/a 1.1.0")
}

// TestHeldStays: a release stays held over other changes and rollbacks, and what comes
// next is free.
func TestHeldStays(t *testing.T) {
	p := newPicky(t)
	all := update.Change{UpdateAll: true}
	if _, _, err := p.up.Change(t.Context(), all); !errors.Is(err, p.cause) {
		t.Fatal(err)
	}
	p.publish("acme/b", "1.0.0")
	p.change(wish(t, "acme/b"))
	if _, err := p.up.Rollback(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if len(p.active().Held) != 1 {
		t.Errorf("%+v", p.active().Held)
	}
	p.publish("acme/a", "1.2.0")
	p.change(all)
	p.expect("acme/a 1.2.0")
	if len(p.active().Held) != 1 {
		t.Errorf("%+v", p.active().Held)
	}
}

// TestHeldInALock: a lock of somebody else may name it; then the change says so.
func TestHeldInALock(t *testing.T) {
	p := newPicky(t)
	lock := filepath.Join(t.TempDir(), "plugins.lock")
	other := p.updater(t.TempDir())
	if _, err := other.WriteLock(t.Context(), update.Change{Install: wishes("acme/a"), LockFile: lock}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.up.Change(t.Context(), update.Change{UpdateAll: true}); !errors.Is(err, p.cause) {
		t.Fatal(err)
	}
	frozen := update.Change{LockFile: lock, Frozen: true}
	if _, _, err := p.up.Change(t.Context(), frozen); !errors.Is(err, update.ErrHeld) || !strings.Contains(err.Error(), "acme/a 1.1.0") {
		t.Error(err)
	}
	p.expect("acme/a 1.0.0")
	p.broken = ""
	frozen.Retry = true
	if _, _, err := p.up.Change(t.Context(), frozen); err != nil {
		t.Error(err)
	}
	p.expect("acme/a 1.1.0")
}

// TestNotHeld: who gives up waiting says nothing about the release.
func TestNotHeld(t *testing.T) {
	p := newPicky(t)
	p.cause = context.Canceled
	if _, _, err := p.up.Change(t.Context(), update.Change{Update: []manifest.ID{"acme/a"}}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	p.expect("acme/a 1.0.0")
	if g := p.active(); len(g.Held) > 0 {
		t.Errorf("%+v", g.Held)
	}
}
