package update

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/version"
)

// Aside is an installed plugin that does not run although the others do.
type Aside struct {
	ID      manifest.ID
	Version version.Version
	// Why is a resolve.HostRangeError, PointError or PlatformError, a *manifest.MethodsError, a
	// *supervise.StartError, wraps ErrDisabled, or says which plugin that is set aside it
	// needs.
	Why error
}

// Aside lists the plugins of g that do not run: those that are not for this application
// as it is now (its version, extension points with their methods, and platform), optional ones that did not
// start in this process, those that somebody disabled ([ErrDisabled]), development
// overrides that cannot ([*OverrideError]), those that an override does not serve
// ([*UnmetError]), and those that need one of them. They stay installed. An update chooses
// versions that fit; another release of one that did not start is tried, and the same one
// when the application starts again.
func (u *Updater) Aside(g *install.Generation) []Aside { return u.look(g).aside }

// failed returns what did not start, and may be without, and is the same in g.
func (v *overlay) failed() (out []Aside) {
	v.u.mu.Lock()
	defer v.u.mu.Unlock()
	for _, d := range v.u.degraded {
		if o := v.find(d.ID); o != nil {
			if o.stamp == d.payload && v.g.Config(d.ID) == d.config {
				out = append(out, d.Aside)
			}
		} else if r, ok := v.g.Find(d.ID); ok && string(r.Payload) == d.payload && v.g.Config(d.ID) == d.config {
			out = append(out, d.Aside)
		}
	}
	return out
}

// disabled sets aside what somebody turned off.
func (v *overlay) disabled() {
	for _, id := range v.g.Disabled {
		if r, ok := v.g.Find(id); ok && !isAside(v.aside, id) {
			v.aside = append(v.aside, Aside{id, r.Manifest.Version, fmt.Errorf("%s %s: %w", id, r.Manifest.Version, ErrDisabled)})
		}
	}
}

// leftAlone sets aside who needs what is set aside.
func (v *overlay) leftAlone() {
	for n := -1; n != len(v.aside); { // until nobody else is
		n = len(v.aside)
		for i := range v.lock.Plugins {
			l := &v.lock.Plugins[i]
			if isAside(v.aside, l.ID) {
				continue
			}
			if need, ok := v.u.alone(v.lock, l, v.aside); ok {
				v.set(l.ID, fmt.Errorf("%s %s requires %s, which does not start", l.ID, l.Version, need))
			}
		}
	}
}

// degraded is an optional plugin, or an override, that did not start.
type degraded struct {
	Aside
	payload string // digest, or stamp of an override: in other bytes it is tried again
	config  string // that it had: with another one, too
}

// degrade sets the plugin aside that did not start because of err, if it may be: whoever
// gave up waiting says nothing about it.
func (u *Updater) degrade(ctx context.Context, err error) bool {
	e, ok := errors.AsType[*supervise.StartError](err)
	if !ok || ctx.Err() != nil {
		return false
	}
	if overrides(e.Image) {
		return u.setAside(e.Image, &OverrideError{e.Image.Manifest.ID, e.Image.Tree, e})
	}
	return u.Optional != nil && u.Optional(e.Image.Manifest.ID) && u.setAside(e.Image, e)
}

// setAside keeps an image from being started again. It reports whether that is new.
func (u *Updater) setAside(im load.Image, why error) bool {
	d := degraded{Aside{im.Manifest.ID, im.Manifest.Version, why}, im.Digest + im.Stamp, im.Config}
	u.mu.Lock()
	again := slices.ContainsFunc(u.degraded, func(x degraded) bool { return x.payload == d.payload && x.config == d.config && x.ID == d.ID })
	if !again { // otherwise it should not have been tried
		u.degraded = append(u.degraded, d)
	}
	u.mu.Unlock()
	if !again && u.Events.Aside != nil {
		u.Events.Aside(d.Aside)
	}
	return !again
}

// misfit returns the plugin that does not fit the application.
func misfit(err error) (manifest.ID, version.Version) {
	if e, ok := errors.AsType[*resolve.HostRangeError](err); ok {
		return e.ID, e.Version
	}
	if e, ok := errors.AsType[*resolve.PointError](err); ok {
		return e.ID, e.Version
	}
	if e, ok := errors.AsType[*resolve.PlatformError](err); ok {
		return e.ID, e.Version
	}
	return "", version.Version{}
}

// overrides reports whether im is a development override.
func overrides(im load.Image) bool { return im.Stamp != "" }

func isAside(list []Aside, id manifest.ID) bool {
	return slices.ContainsFunc(list, func(a Aside) bool { return a.ID == id })
}

// alone returns a name that l needs and that only plugins which are set aside serve.
func (u *Updater) alone(lock *resolve.Lock, l *resolve.Locked, aside []Aside) (manifest.ID, bool) {
	for _, n := range l.Requires {
		if !n.Optional && u.lost(lock, n.ID, aside) {
			return n.ID, true
		}
	}
	for _, choice := range l.AnyOf {
		lost := func(n manifest.Need) bool { return !u.served(lock, n.ID, aside) }
		if len(choice) > 0 && !slices.ContainsFunc(choice, func(n manifest.Need) bool { return !lost(n) }) {
			return choice[0].ID, true
		}
	}
	return "", false
}

// lost reports whether a name was served and is not any more.
func (u *Updater) lost(lock *resolve.Lock, id manifest.ID, aside []Aside) bool {
	return u.served(lock, id, nil) && !u.served(lock, id, aside)
}

// served reports whether a plugin that is not set aside has a name, or offers it.
func (u *Updater) served(lock *resolve.Lock, id manifest.ID, aside []Aside) bool {
	if slices.Contains(u.Host.Linked, id) {
		return true
	}
	return slices.ContainsFunc(lock.Plugins, func(p resolve.Locked) bool {
		has := p.ID == id || slices.ContainsFunc(p.Offers, func(o manifest.Offer) bool { return o.ID == id })
		return has && !isAside(aside, p.ID)
	})
}
