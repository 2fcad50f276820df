package resolve

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// AppError says that a lock is for another application.
type AppError struct{ Lock, Host string }

// Error names both applications.
func (e *AppError) Error() string {
	return fmt.Sprintf("the lock is for %s, not for %s", e.Lock, e.Host)
}

// DriftError says that what is asked for is not what a lock answers. The lists are
// sorted by id.
type DriftError struct {
	Added   []Wish // asked for, and not in the lock
	Removed []Wish // in the lock, and not asked for
	Changed []Wish // asked for in another way than the lock has it
}

// Error lists the requests that differ, one a line.
func (e *DriftError) Error() string {
	lines := []string{"the requests are not those of the lock"}
	for _, c := range []struct {
		what string
		list []Wish
	}{{"added", e.Added}, {"removed", e.Removed}, {"changed", e.Changed}} {
		for _, w := range c.list {
			lines = append(lines, fmt.Sprintf("%s %s %s", c.what, w.ID, w.asked()))
		}
	}
	return strings.Join(lines, "\n  ")
}

// asked returns the range of w, and whether pre-releases may be chosen.
func (w Wish) asked() string {
	if w.Pre {
		return w.Range.String() + " with pre-releases"
	}
	return w.Range.String()
}

// PlatformError says that there is nothing to install on a platform.
type PlatformError struct {
	ID       manifest.ID // "": the lock was not made for the platform
	Version  version.Version
	Platform manifest.Platform
	Have     []string // "runtime on os/arch" of the plugin, or the platforms of the lock
}

// Error names the platform and what there is in its place.
func (e *PlatformError) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("the lock is for %s, not for %s", strings.Join(e.Have, ", "), e.Platform)
	}
	have := "no platform"
	if len(e.Have) > 0 {
		have = strings.Join(e.Have, ", ")
	}
	return fmt.Sprintf("%s %s has no package for %s; it has %s", e.ID, e.Version, e.Platform, have)
}

// HostRangeError says that a plugin is not for this application, or not for its
// version.
type HostRangeError struct {
	ID      manifest.ID
	Version version.Version
	App     string
	Host    version.Version
	Range   version.Range // of the application; the zero value if the plugin is for others only
	Others  []string      // applications it is for, if App is none of them
}

// Error names the plugin, the range and the version of the application.
func (e *HostRangeError) Error() string {
	if len(e.Others) > 0 {
		return fmt.Sprintf("%s %s is for %s, not for %s", e.ID, e.Version, strings.Join(e.Others, ", "), e.App)
	}
	return fmt.Sprintf("%s %s needs %s %s, this is %s", e.ID, e.Version, e.App, e.Range, e.Host)
}

// PointError says that a plugin and the application do not agree on extension points.
type PointError struct {
	ID       manifest.ID
	Version  version.Version
	Provides manifest.PointRef   // the zero value: a requested plugin serves no point of the application
	Offers   []manifest.PointRef // versions of the same point that the application offers
}

// Error names the plugin and the point.
func (e *PointError) Error() string {
	if e.Provides.ID == "" {
		return fmt.Sprintf("%s %s provides no extension point of the application", e.ID, e.Version)
	}
	var offers []string
	for _, o := range e.Offers {
		offers = append(offers, fmt.Sprintf("%d.%d", o.Major, o.Minor))
	}
	return fmt.Sprintf("%s %s provides %s, the application offers %s", e.ID, e.Version, e.Provides, strings.Join(offers, " and "))
}

// NeedError says that a lock lacks what is needed in it.
type NeedError struct {
	By    string      // "you", "a pin", or "namespace/name version"
	ID    manifest.ID // what is needed
	Range version.Range
	Have  version.Version // in the lock; the zero value: it is not there
}

// Error names who needs what, and what there is.
func (e *NeedError) Error() string {
	verb := "requires"
	if e.By == You {
		verb = "asked for"
	}
	have := "the lock does not have it"
	if !e.Have.IsZero() {
		have = "the lock has " + e.Have.String()
	}
	return fmt.Sprintf("%s %s %s %s; %s", e.By, verb, e.ID, e.Range, have)
}

// ClashError says that a plugin of a lock excludes another.
type ClashError struct {
	ID           manifest.ID
	Version      version.Version
	Other        manifest.ID
	OtherVersion version.Version
	Range        version.Range // versions of Other that are excluded
}

// Error names both plugins.
func (e *ClashError) Error() string {
	return fmt.Sprintf("%s %s conflicts with %s %s; the lock has %s", e.ID, e.Version, e.Other, e.Range, e.OtherVersion)
}

// OrphanError says that a plugin of a lock is there for no request.
type OrphanError struct {
	ID      manifest.ID
	Version version.Version
}

// Error names the plugin.
func (e *OrphanError) Error() string { return fmt.Sprintf("nobody needs %s %s", e.ID, e.Version) }

// Check reports why l must not be installed as it is on h for requests: what is about
// the whole first, then the reasons of each plugin. Requests that are nil are not
// compared. What h leaves empty, such as its platform, is not checked. Check does not
// solve, touches no network and takes time in proportion to the lock. The errors are
// [*AppError], [*DriftError], [*PlatformError], [*HostRangeError], [*PointError],
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
	for i := range l.Plugins {
		c.plugins[l.Plugins[i].ID] = &l.Plugins[i]
	}
	for i := range l.Requests {
		c.wished[l.Requests[i].ID] = &l.Requests[i]
	}
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
	lock    *Lock
	host    *Host
	plugins map[manifest.ID]*Locked
	wished  map[manifest.ID]*Wish
	errs    []error
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
	for i := range l.Requests {
		w := &l.Requests[i]
		c.need(You, w.ID, w.Range)
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
		case old.Pre != w.Pre || !old.Range.Equal(w.Range):
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

// need checks one requirement on the locked set.
func (c *lockCheck) need(by string, id manifest.ID, rng version.Range) {
	have := c.plugins[id]
	if have == nil {
		c.add(&NeedError{By: by, ID: id, Range: rng})
	} else if !c.has(id, rng, have.Version) {
		c.add(&NeedError{By: by, ID: id, Range: rng, Have: have.Version})
	}
}

// has reports whether v of id is in rng. Who may get a pre-release of id also gets one
// of which the release is in rng.
func (c *lockCheck) has(id manifest.ID, rng version.Range, v version.Version) bool {
	if rng.Has(v) {
		return true
	}
	w := c.wished[id]
	return w != nil && w.Pre && v.Pre != "" && rng.Has(v.Release())
}

// needed finds the plugins that requests lead to.
func (c *lockCheck) needed() map[manifest.ID]bool {
	seen := make(map[manifest.ID]bool, len(c.plugins))
	var todo []manifest.ID
	visit := func(id manifest.ID) {
		if !seen[id] {
			seen[id] = true
			todo = append(todo, id)
		}
	}
	for _, w := range c.lock.Requests {
		visit(w.ID)
	}
	for len(todo) > 0 {
		p := c.plugins[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		if p == nil {
			continue
		}
		for i := range p.Requires {
			if n := &p.Requires[i]; !n.Optional {
				visit(n.ID)
			}
		}
	}
	return seen
}

// fitsLock checks what p needs and excludes.
func (c *lockCheck) fitsLock(p *Locked) {
	for i := range p.Requires {
		n := &p.Requires[i]
		have := c.plugins[n.ID]
		switch {
		case have == nil && (n.Optional || slices.Contains(c.host.Linked, n.ID)):
		case have != nil && c.has(n.ID, n.Range, have.Version):
		default:
			c.need(p.name(), n.ID, n.Range)
		}
	}
	for i := range p.Conflicts {
		n := &p.Conflicts[i]
		if other := c.plugins[n.ID]; other != nil && n.Range.Has(other.Version) {
			c.add(&ClashError{p.ID, p.Version, n.ID, other.Version, n.Range})
		}
	}
}

// fitsHost checks p against the application and the platform.
func (c *lockCheck) fitsHost(p *Locked) {
	h := c.host
	if slices.Contains(h.Linked, p.ID) {
		c.add(fmt.Errorf("%s: %w", p.name(), ErrLinked))
	}
	if rng, ok := p.Host[h.App]; h.App != "" && len(p.Host) > 0 && !(ok && (rng.Has(h.Version) || rng.Has(h.Version.Release()))) {
		e := &HostRangeError{ID: p.ID, Version: p.Version, App: h.App, Host: h.Version, Range: rng}
		if !ok {
			e.Others = slices.Sorted(maps.Keys(p.Host))
		}
		c.add(e)
	}
	c.fitsPoints(p)
	if h.Platform != (manifest.Platform{}) && !slices.ContainsFunc(p.Packages, h.runs) {
		e := &PlatformError{ID: p.ID, Version: p.Version, Platform: h.Platform}
		for _, k := range p.Packages {
			e.Have = append(e.Have, k.Runtime+" on "+k.Platform.String())
		}
		c.add(e)
	}
}

// runs reports whether k is for the platform of h and for one of its runtimes.
func (h *Host) runs(k index.Package) bool {
	return (k.Platform == h.Platform || k.Platform == manifest.WasmPlatform) &&
		(len(h.Runtimes) == 0 || slices.Contains(h.Runtimes, k.Runtime))
}

// fitsPoints checks the extension points of p: one that the application offers must
// have the same major and at least the same minor, and what was requested serves one.
func (c *lockCheck) fitsPoints(p *Locked) {
	served := 0
	for _, x := range p.Provides {
		var offers []manifest.PointRef
		fits := false
		for _, o := range c.host.Points {
			if o.ID == x.ID {
				offers = append(offers, o)
				fits = fits || o.Major == x.Major && o.Minor >= x.Minor
			}
		}
		switch {
		case fits:
			served++
		case len(offers) > 0:
			c.add(&PointError{p.ID, p.Version, x, offers})
			return
		}
	}
	if served == 0 && c.wished[p.ID] != nil && len(c.host.Points) > 0 {
		c.add(&PointError{ID: p.ID, Version: p.Version})
	}
}
