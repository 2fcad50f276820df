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
	ID    manifest.ID // what is needed; "" if it is one of several
	Range version.Range
	Have  version.Version // in the lock; the zero value: it is not there
	OneOf []manifest.Need // alternatives, of which the lock has none
}

// Error names who needs what, and what there is.
func (e *NeedError) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("%s requires %s; the lock has none of them", e.By, anyOfText(e.OneOf))
	}
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
	Declared     manifest.Need // what is excluded: Other, or a name it offers
}

// Error names both plugins.
func (e *ClashError) Error() string {
	return fmt.Sprintf("%s %s conflicts with %s %s; the lock has %s %s", e.ID, e.Version, e.Declared.ID, e.Declared.Range, e.Other, e.OtherVersion)
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

// lacks is the error of a need that is not served.
func (c *lockCheck) lacks(by string, n manifest.Need) error {
	e := &NeedError{By: by, ID: n.ID, Range: n.Range}
	if have := c.plugins[n.ID]; have != nil {
		e.Have = have.Version
	}
	return e
}

// has reports whether p is in rng, with pre-releases if they are taken of it.
func (c *lockCheck) has(rng version.Range, p *Locked) bool {
	w := c.wished[p.ID]
	return rng.Has(p.Version) || (c.lock.Pre || w != nil && w.Pre) && rng.HasPre(p.Version)
}

// replaced returns n with the range that an override gives it.
func (c *lockCheck) replaced(n manifest.Need) manifest.Need {
	if rng, ok := c.overrides[n.ID]; ok {
		n.Range = rng
	}
	return n
}

// served reports whether a locked plugin is, or offers, what n asks for, or the program
// has it.
func (c *lockCheck) served(n manifest.Need) bool {
	if have := c.plugins[n.ID]; have != nil && c.has(n.Range, have) {
		return true
	}
	return slices.ContainsFunc(c.offering[n.ID], func(p *Locked) bool { return p.offers(n) }) || slices.Contains(c.host.Linked, n.ID)
}

// needed finds the plugins that requests lead to.
func (c *lockCheck) needed() map[manifest.ID]bool {
	seen := make(map[manifest.ID]bool, len(c.plugins))
	var todo []*Locked
	visit := func(p *Locked) {
		if p != nil && !seen[p.ID] {
			seen[p.ID] = true
			todo = append(todo, p)
		}
	}
	ask := func(n manifest.Need) {
		if n.Optional {
			return
		}
		visit(c.plugins[n.ID])
		for _, p := range c.offering[n.ID] {
			if !seen[p.ID] && p.offers(n) {
				visit(p)
			}
		}
	}
	for _, w := range c.lock.Requests {
		ask(manifest.Need{ID: w.ID, Range: w.Range})
	}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, n := range p.Requires {
			ask(c.replaced(n))
		}
		for _, list := range p.AnyOf {
			for _, n := range list {
				ask(c.replaced(n))
			}
		}
	}
	return seen
}

// fitsLock checks what p needs and excludes.
func (c *lockCheck) fitsLock(p *Locked) {
	for _, n := range p.Requires {
		if n.ID == p.ID {
			if !n.Range.HasPre(p.Version) {
				c.add(c.lacks(p.Name(), n))
			}
			continue
		}
		n = c.replaced(n)
		switch {
		case n.Optional && c.plugins[n.ID] == nil:
		case n.Optional && c.has(n.Range, c.plugins[n.ID]):
		case !n.Optional && c.served(n):
		default:
			c.add(c.lacks(p.Name(), n))
		}
	}
	for _, list := range p.AnyOf {
		if !slices.ContainsFunc(list, func(n manifest.Need) bool { return c.served(c.replaced(n)) }) {
			c.add(&NeedError{By: p.Name(), OneOf: list})
		}
	}
	for _, n := range p.Conflicts {
		if other := c.plugins[n.ID]; other != nil && other != p && c.has(n.Range, other) {
			c.add(&ClashError{p.ID, p.Version, n.ID, other.Version, n})
		}
		for _, other := range c.offering[n.ID] {
			if other != p && other.offers(n) {
				c.add(&ClashError{p.ID, p.Version, other.ID, other.Version, n})
			}
		}
	}
}

// fitsHost checks p against the application and the platform.
func (c *lockCheck) fitsHost(p *Locked) {
	h := c.host
	if slices.Contains(h.Linked, p.ID) {
		c.add(fmt.Errorf("%s: %w", p.Name(), ErrLinked))
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
// have the same major and at least the same minor, and what was requested serves one or
// offers what other plugins need.
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
	if served == 0 && c.wished[p.ID] != nil && len(c.host.Points) > 0 && len(p.Offers) == 0 {
		c.add(&PointError{ID: p.ID, Version: p.Version})
	}
}
