package resolve

import (
	"slices"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

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
