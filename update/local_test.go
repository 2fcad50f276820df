package update_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/update"
)

// away is a source on this machine that can be gone.
type away struct {
	fetch.Source
	gone error
}

func (a *away) Identity() string { return "here:x" }

func (a *away) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	if a.gone != nil {
		return nil, a.gone
	}
	return a.Source.Plugin(ctx, id)
}

// shelf makes a source on this machine with packed plugins.
func shelf(t *testing.T, packed ...*artifact.Packed) *away {
	t.Helper()
	s, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Push(t, s, packed...)
	f, err := fetch.OpenFolder(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return &away{Source: f}
}

// TestLocalSources: what the lock says came from this machine is asked for there, and stays
// when it is gone or has become something else.
func TestLocalSources(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "9.0.0") // of somebody else
	w.publish("acme/x", "1.0.0")
	w.publish("acme/x", "1.1.0")
	here := shelf(t, plugintest.Pack(t, "acme/a", "1.0.0"))
	local := true
	w.up.Local = func(id manifest.ID) fetch.Source {
		if local && (id == "acme/a" || id == "acme/x") {
			return here
		}
		return nil
	}
	w.up.Reopen = func(identity string) fetch.Source {
		if identity == "here:x" {
			return here
		}
		return nil
	}
	g := w.change(wish(t, "acme/a"))
	w.expect("acme/a 1.0.0")
	if l, _ := g.Lock.Find("acme/a"); l.Source != "here:x" {
		t.Errorf("from %s", l.Source)
	}
	local = false
	g = w.change(wish(t, "acme/x@1.0.0"))
	w.expect("acme/a 1.0.0, acme/x 1.0.0")
	local = true // it is installed from the registry, whatever lies here
	for name, gone := range map[string]error{"not found": index.ErrNotFound, "broken": errors.New("input/output error")} {
		here.gone = gone
		p, err := w.up.Plan(t.Context(), update.Change{UpdateAll: true})
		if err != nil || len(p.Changes()) != 0 {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	if _, err := w.up.Plan(t.Context(), wish(t, "acme/a@^9")); err == nil {
		t.Error("it was found elsewhere")
	}
	w.change(wish(t, "acme/x@^1.1"))
	w.expect("acme/a 1.0.0, acme/x 1.1.0")

	*here = *shelf(t, plugintest.Pack(t, "acme/a", "1.0.0", "keywords: [other]"))
	before, _ := g.Lock.Find("acme/a")
	if p, err := w.up.Plan(t.Context(), update.Change{UpdateAll: true}); err != nil || len(p.Changes()) != 0 {
		t.Errorf("one version in other bytes: %v, %v", p, err)
	}
	plugins, err := w.up.Outdated(t.Context(), update.Change{})
	if err != nil || !strings.Contains(plugins[0].Yanked, "no longer in here:x") {
		t.Errorf("%+v, %v", plugins, err)
	}
	*here = *shelf(t, plugintest.Pack(t, "acme/a", "1.1.0"))
	g = w.change(update.Change{UpdateAll: true})
	w.expect("acme/a 1.1.0, acme/x 1.1.0")
	if l, _ := g.Lock.Find("acme/a"); l.Digest == before.Digest || l.Source != "here:x" {
		t.Errorf("%+v", l)
	}
	w.change(update.Change{Uninstall: []manifest.ID{"acme/a"}})
	local = false
	w.change(wish(t, "acme/a"))
	w.expect("acme/a 9.0.0, acme/x 1.1.0")
}
