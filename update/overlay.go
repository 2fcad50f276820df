package update

import (
	"errors"
	"slices"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// overlay is a generation with its overrides laid over it: what is to run.
type overlay struct {
	u         *Updater
	g         *install.Generation
	lock      *resolve.Lock // that of g, or a copy in which overrides stand
	overrides []Override
	aside     []Aside
	order     []resolve.Choice // of what starts; nil: that of the records
}

// look reads the overrides of g and finds out what does not start. Without overrides it
// reads nothing.
func (u *Updater) look(g *install.Generation) *overlay {
	v := &overlay{u: u, g: g, lock: &g.Lock}
	for _, at := range g.Overrides {
		v.overrides = append(v.overrides, u.readOverride(at))
	}
	if len(v.overrides) > 0 {
		v.lay()
	}
	v.judge()
	for len(v.overrides) > 0 && !v.arrange() {
		v.judge()
	}
	return v
}

// Overrides lists the development overrides of g as they are now, by id, with why they do
// not start.
func (u *Updater) Overrides(g *install.Generation) []Override {
	v := u.look(g)
	for i, o := range v.overrides {
		if at := slices.IndexFunc(v.aside, func(a Aside) bool { return a.ID == o.ID }); at >= 0 && o.Err == nil {
			v.overrides[i].Err = v.aside[at].Why
		}
	}
	return v.overrides
}

// find returns the override of a plugin.
func (v *overlay) find(id manifest.ID) *Override {
	i := slices.IndexFunc(v.overrides, func(o Override) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	return &v.overrides[i]
}

// lay puts the overrides that can be read into a copy of the lock, as if somebody had asked
// for each in just that version. Ranges hold for pre-releases, too: versions under
// development often are.
func (v *overlay) lay() {
	lock := v.g.Lock
	lock.Pre = true
	lock.Plugins = slices.Clone(lock.Plugins)
	for _, o := range v.overrides {
		if o.Manifest == nil {
			continue
		}
		lock.Requests = lock.With(resolve.Wish{ID: o.ID})
		lock.Pins = slices.DeleteFunc(slices.Clone(lock.Pins), func(p resolve.Pin) bool { return p.ID == o.ID })
		i := slices.IndexFunc(lock.Plugins, func(l resolve.Locked) bool { return l.ID == o.ID })
		if i >= 0 {
			lock.Plugins[i] = o.locked
		} else {
			lock.Plugins = append(lock.Plugins, o.locked)
		}
	}
	v.lock = &lock
}

// judge finds out who does not start; see [Updater.Aside].
func (v *overlay) judge() {
	v.aside = v.failed()
	for _, o := range v.overrides {
		if o.Err != nil {
			v.set(o.ID, o.Err)
		}
	}
	v.disabled()
	for _, r := range v.g.Records {
		if err := r.Manifest.Fits(v.u.Host.Methods); err != nil && v.find(r.ID) == nil {
			v.set(r.ID, err) // the application was another one when it was installed
		}
	}
	for _, err := range v.lock.Check(v.u.Host, v.lock.Requests) {
		if id, err := v.blame(err); id != "" {
			v.set(id, err)
		}
	}
	v.leftAlone()
}

// blame returns who does not start because of what a check found, "" if all do.
func (v *overlay) blame(err error) (manifest.ID, error) {
	if id, _ := misfit(err); id != "" {
		return id, err
	}
	if len(v.overrides) == 0 {
		return "", nil // the set was solved
	}
	if e, ok := errors.AsType[*resolve.NeedError](err); ok {
		for i := range v.lock.Plugins {
			if l := &v.lock.Plugins[i]; l.Name() == e.By {
				unmet := &UnmetError{By: e.By, Need: manifest.Need{ID: e.ID, Range: e.Range}, Have: e.Have}
				if e.ID == "" && len(e.OneOf) > 0 {
					unmet.Need = e.OneOf[0]
				}
				return l.ID, unmet
			}
		}
	}
	if e, ok := errors.AsType[*resolve.ClashError](err); ok {
		for _, id := range []manifest.ID{e.ID, e.Other} {
			if v.find(id) != nil {
				return id, err
			}
		}
	}
	return "", nil
}

// set keeps a plugin from starting, for the first reason that there is.
func (v *overlay) set(id manifest.ID, why error) {
	if isAside(v.aside, id) {
		return
	}
	l, _ := v.lock.Find(id)
	if o := v.find(id); o != nil {
		if _, said := errors.AsType[*OverrideError](why); !said {
			why = &OverrideError{ID: id, Dir: o.Dir, Err: why}
		}
		o.Err = why
	}
	v.aside = append(v.aside, Aside{id, l.Version, why})
}

// arrange finds the order of starting. It reports false if overrides wait for one another:
// they do not start, which is to be judged again.
func (v *overlay) arrange() bool {
	lock := *v.lock
	lock.Plugins = slices.DeleteFunc(slices.Clone(lock.Plugins), func(l resolve.Locked) bool { return isAside(v.aside, l.ID) })
	s, err := lock.Solution(v.u.Host)
	if err == nil {
		v.order, err = s.StartOrder()
	}
	if err == nil {
		return true
	}
	again := false
	for i := range v.overrides {
		o := &v.overrides[i]
		cycle, ok := errors.AsType[*resolve.CycleError](err)
		if o.Err == nil && (!ok || slices.Contains(cycle.Cycle, o.ID)) {
			o.Err = &OverrideError{ID: o.ID, Dir: o.Dir, Err: err}
			again = true
		}
	}
	return !again // nothing more can be done: the records have an order
}

// images makes what load starts, in start order.
func (v *overlay) images() []load.Image {
	var out []load.Image
	if v.order == nil {
		for _, r := range v.g.Records {
			if !isAside(v.aside, r.ID) && v.find(r.ID) == nil {
				out = append(out, v.image(r))
			}
		}
		return out
	}
	for _, c := range v.order {
		if o := v.find(c.ID); o != nil {
			out = append(out, v.u.devImage(v.g, o))
		} else if r, ok := v.g.Find(c.ID); ok {
			out = append(out, v.image(r))
		}
	}
	return out
}

// image makes what load starts of an installed plugin, with what it was granted.
func (v *overlay) image(r install.Record) load.Image {
	im := v.u.image(r)
	l, _ := v.g.Lock.Find(r.ID)
	im.Grants = manifest.Granted(r.Manifest.Capabilities, l.Grants)
	im.Config = v.g.Config(r.ID)
	return im
}
