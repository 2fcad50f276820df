package update

import (
	"slices"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// A host goes back by itself because of plugins that are new. What somebody has decided about
// the others since the older set is none of its business: it turns nothing on again.

// keepSince puts into tx, which repeats back, what was decided since: overrides, plugins that
// are off, and configurations of the releases that are in both sets. It returns the lock to
// commit, in which uninstalled plugins are granted nothing.
func (u *Updater) keepSince(tx *install.Tx, back *install.Generation) (resolve.Lock, error) {
	lock, now := back.Lock, tx.Base
	off := u.offSince(now, back)
	tx.SetDisabled(off)
	lock.Plugins = slices.Clone(lock.Plugins)
	for i := range lock.Plugins {
		l := &lock.Plugins[i]
		p, stays := now.Lock.Find(l.ID)
		switch {
		case stays && p.Digest == l.Digest:
			tx.SetConfig(l.ID, now.Config(l.ID))
		case !stays && slices.Contains(off, l.ID):
			l.Grants = nil
		}
	}
	return lock, tx.SetOverrides(now.Overrides)
}

// offSince lists the plugins of back that do not start if it is made active again after now:
// those that are disabled in one of them, and those that were uninstalled since and that
// nothing else of back needs.
func (u *Updater) offSince(now, back *install.Generation) []manifest.ID {
	off := slices.Concat(back.Disabled, now.Disabled)
	for n := -1; n != len(off); { // until nobody else is
		n = len(off)
		for i := range back.Lock.Plugins {
			l := &back.Lock.Plugins[i]
			_, stays := now.Lock.Find(l.ID)
			if !stays && !slices.Contains(off, l.ID) && !u.neededIn(back, l, off) {
				off = append(off, l.ID)
			}
		}
	}
	return off
}

// neededIn reports whether a plugin of g that is not off cannot do without l. If nobody asked
// for l, it went because of others, and it is enough that one of them can use it.
func (u *Updater) neededIn(g *install.Generation, l *resolve.Locked, off []manifest.ID) bool {
	users := g.Lock.Because(l.ID)
	return slices.ContainsFunc(g.Lock.Plugins, func(by resolve.Locked) bool {
		if by.ID == l.ID || slices.Contains(off, by.ID) {
			return false
		}
		if !requestedIn(&g.Lock, l.ID) {
			return slices.Contains(users, by.Name())
		}
		_, before := u.alone(&g.Lock, &by, asides(off))
		_, after := u.alone(&g.Lock, &by, asides(append(slices.Clone(off), l.ID)))
		return after && !before
	})
}

func requestedIn(l *resolve.Lock, id manifest.ID) bool {
	return slices.ContainsFunc(l.Requests, func(w resolve.Wish) bool { return w.ID == id })
}
