package resolve

import (
	"fmt"
	"maps"
	"slices"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

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
	return k.Platform.Fits(h.Platform) &&
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
