package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Check reports why l must not be installed as it is on h for requests: what is about
// the whole first, then the reasons of each plugin. Requests that are nil are not
// compared. What h leaves empty, such as its platform, is not checked. Check does not
// solve and touches no network. The errors are [*AppError], [*DriftError], [*PlatformError], [*HostRangeError], [*PointError],
// [*NeedError], [*ClashError] and [*OrphanError]; one that wraps [ErrLinked] says that a
// plugin is part of the program.
func (l *Lock) Check(h Host, requests []Wish) []error {
	if l == nil {
		l = new(Lock)
	}
	c := lockCheck{
		lock: l, host: &h,
		plugins: make(map[manifest.ID]*Locked, len(l.Plugins)),
		wished:  make(map[manifest.ID]*Wish, len(l.Requests)),
	}
	c.read()
	c.whole(requests)
	needed := c.needed()
	for i := range l.Plugins {
		p := &l.Plugins[i]
		c.fitsHost(p)
		c.fitsLock(p)
		if !needed[p.ID] {
			c.add(&OrphanError{p.ID, p.Version})
		}
	}
	return c.errs
}

type lockCheck struct {
	lock      *Lock
	host      *Host
	plugins   map[manifest.ID]*Locked
	offering  map[manifest.ID][]*Locked // plugins by what they offer; nil: nothing
	wished    map[manifest.ID]*Wish
	overrides map[manifest.ID]version.Range
	errs      []error
}

// read sorts the lock by names.
func (c *lockCheck) read() {
	l := c.lock
	for i := range l.Plugins {
		p := &l.Plugins[i]
		c.plugins[p.ID] = p
		for _, o := range p.Offers {
			if o.ID == p.ID {
				continue // its own version says what it is
			}
			if c.offering == nil {
				c.offering = map[manifest.ID][]*Locked{}
			}
			if have := c.offering[o.ID]; len(have) == 0 || have[len(have)-1] != p {
				c.offering[o.ID] = append(have, p)
			}
		}
	}
	for i := range l.Requests {
		w := &l.Requests[i]
		c.wished[w.ID] = w
	}
	for _, o := range l.Overrides {
		if c.overrides == nil {
			c.overrides = map[manifest.ID]version.Range{}
		}
		c.overrides[o.ID] = o.Range
	}
}

func (c *lockCheck) add(err error) { c.errs = append(c.errs, err) }

// whole checks what is about no single plugin.
func (c *lockCheck) whole(requests []Wish) {
	l, h := c.lock, c.host
	if l.App != "" && h.App != "" && l.App != h.App {
		c.add(&AppError{l.App, h.App})
	}
	if requests != nil {
		if d := drift(c.wished, l.Requests, requests); d != nil {
			c.add(d)
		}
	}
	if len(l.Platforms) > 0 && h.Platform != (manifest.Platform{}) && !slices.Contains(l.Platforms, h.Platform) {
		e := &PlatformError{Platform: h.Platform}
		for _, p := range l.Platforms {
			e.Have = append(e.Have, p.String())
		}
		c.add(e)
	}
	for _, w := range l.Requests {
		n := manifest.Need{ID: w.ID, Range: w.Range}
		switch {
		case slices.Contains(h.Linked, w.ID):
			if c.plugins[w.ID] == nil {
				c.add(fmt.Errorf("%s: %w", w.ID, ErrLinked))
			}
		case !c.served(n):
			c.add(c.lacks(You, n))
		}
	}
	for _, p := range l.Pins {
		if have := c.plugins[p.ID]; have != nil && have.Version != p.Version {
			rng, _ := version.ParseRange("=" + p.Version.String())
			c.add(&NeedError{By: "a pin", ID: p.ID, Range: rng, Have: have.Version})
		}
	}
}

// drift compares what was asked for with what is; ranges as sets.
func drift(locked map[manifest.ID]*Wish, before, now []Wish) *DriftError {
	d := new(DriftError)
	asked := make(map[manifest.ID]bool, len(now))
	for _, w := range now {
		asked[w.ID] = true
		switch old := locked[w.ID]; {
		case old == nil:
			d.Added = append(d.Added, w)
		case old.Pre != w.Pre || old.Channel != w.Channel || !old.Range.Equal(w.Range):
			d.Changed = append(d.Changed, w)
		}
	}
	for _, w := range before {
		if !asked[w.ID] {
			d.Removed = append(d.Removed, w)
		}
	}
	if len(d.Added)+len(d.Removed)+len(d.Changed) == 0 {
		return nil
	}
	for _, list := range [][]Wish{d.Added, d.Removed, d.Changed} {
		slices.SortStableFunc(list, func(a, b Wish) int { return strings.Compare(string(a.ID), string(b.ID)) })
	}
	return d
}
