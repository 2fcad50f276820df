package update_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/update"
)

// diary writes events down.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) events(who string) update.Events {
	return update.Events{
		Step: func(s string) { d.add("%s: %s", who, s) },
		Fetch: fetch.Events{Fetched: func(p fetch.Progress) {
			d.add("%s: %s %s, %v of %d", who, p.ID, p.Version, p.Done == p.Size && !p.Cached, len(d.lines))
		}},
	}
}

// TestEventsOfAChange tells the owner of the updater and whoever makes a change, each
// only of what concerns it, and survives if one of them listens to nothing.
func TestEventsOfAChange(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0")
	var d diary
	c := wish(t, "acme/a")
	c.Events = d.events("change")
	w.change(c)
	want := []string{"change: resolve", "change: fetch", "change: acme/a 1.0.0, true of 2", "change: install", "change: switch"}
	if !slices.Equal(d.lines, want) {
		t.Errorf("a change alone: %q", d.lines)
	}

	d.lines, w.up.Events = nil, d.events("owner")
	c = wish(t, "acme/b")
	c.Events.Step = func(s string) { d.add("change: %s", s) }
	w.change(c)
	want = []string{
		"owner: resolve", "change: resolve", "owner: fetch", "change: fetch", "owner: acme/b 1.0.0, true of 4",
		"owner: install", "change: install", "owner: switch", "change: switch",
	}
	if !slices.Equal(d.lines, want) {
		t.Errorf("both: %q", d.lines)
	}

	d.lines = nil
	w.change(update.Change{Frozen: true})
	if len(d.lines) != 0 {
		t.Errorf("nothing to do: %q", d.lines)
	}
}

// TestEventsOfAPlan may be set between planning and applying.
func TestEventsOfAPlan(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	p, err := w.up.Plan(t.Context(), wish(t, "acme/a"))
	if err != nil {
		t.Fatal(err)
	}
	var d diary
	p.Events = d.events("plan")
	if _, err := w.up.Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if len(d.lines) != 4 || d.lines[0] != "plan: fetch" || d.lines[3] != "plan: switch" {
		t.Errorf("%q", d.lines)
	}
}
