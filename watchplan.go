package plugstead

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/dropin"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

// want compares a folder with what is installed.
func (w *folderWatch) want(ctx context.Context, s *dropin.Scan, g *install.Generation) []drop {
	var ids []manifest.ID
	for _, e := range s.Entries {
		ids = append(ids, e.IDs...)
	}
	slices.Sort(ids)
	var out []drop
	if !s.Unclear() { // otherwise it may be what seems to be gone
		out = w.gone(s, g)
	}
	for _, id := range slices.Compact(ids) {
		p, err := w.f.Plugin(ctx, id)
		if err != nil {
			continue // its entry says why, or is not at rest
		}
		if newest, ok := p.Latest(); ok {
			out = append(out, w.place(g, p, newest)...)
		}
	}
	return out
}

// gone lists what was asked for, came from the folder and is there no more.
func (w *folderWatch) gone(s *dropin.Scan, g *install.Generation) (out []drop) {
	for _, l := range g.Lock.Plugins {
		if l.Source == w.f.Identity() && !s.Has(l.ID) && requested(g, l.ID) {
			out = append(out, drop{id: l.ID, change: Change{Uninstall: []manifest.ID{l.ID}}})
		}
	}
	return out
}

func requested(g *install.Generation, id manifest.ID) bool {
	return slices.ContainsFunc(g.Lock.Requests, func(x resolve.Wish) bool { return x.ID == id })
}

// place says what is to be done with a plugin of the folder, if anything is.
func (w *folderWatch) place(g *install.Generation, p *index.Plugin, newest *index.Release) []drop {
	d := drop{id: p.ID, version: newest.Version}
	wish := resolve.Wish{ID: p.ID, Pre: newest.Version.Pre != ""}
	if wish.Pre { // otherwise an older release that is none would be preferred
		wish.Range = version.MustParseRange(">=" + newest.Version.String())
	}
	l, installed := g.Lock.Find(p.ID)
	order := newest.Version.Compare(l.Version)
	_, stays := p.Find(l.Version)
	var wrong error
	switch {
	case slices.Contains(w.h.up.Host.Linked, p.ID):
		wrong = resolve.ErrLinked
	case !installed:
		d.change.Install = []resolve.Wish{wish}
	case l.Source != w.f.Identity():
		wrong = ErrElsewhere
	case order == 0 && newest.Digest != l.Digest:
		wrong = ErrSameVersion
	case order < 0 && !stays:
		wrong = ErrOlder
	case !requested(g, p.ID), order > 0 && wish.Pre:
		d.change.Install = []resolve.Wish{wish}
	case order > 0:
		d.change.Update = []manifest.ID{p.ID}
	default:
		return nil
	}
	if wrong != nil {
		w.tell(string(p.ID), &DropError{w.f.Path(), p.ID, newest.Version, wrong})
		return nil
	}
	return []drop{d}
}

// carryOut makes one change of all, or one of each if that fails. It reports whether another
// round may do what this one could not.
func (w *folderWatch) carryOut(ctx context.Context, list []drop) (again bool) {
	if len(list) == 0 {
		return false
	}
	var all Change
	for _, d := range list {
		all.Install = append(all.Install, d.change.Install...)
		all.Update = append(all.Update, d.change.Update...)
		all.Uninstall = append(all.Uninstall, d.change.Uninstall...)
	}
	err := w.change(ctx, all)
	if err == nil {
		return false
	}
	moved := false
	for _, d := range list {
		if len(list) > 1 {
			err = w.change(ctx, d.change)
		}
		if ctx.Err() != nil {
			return false
		}
		moved = moved || err == nil
		if err != nil {
			w.failed = time.Now()
			w.tell(string(d.id), &DropError{w.f.Path(), d.id, d.version, err})
		}
	}
	return moved && !w.failed.IsZero()
}

// change makes one change and tells what it did. What was installed or removed with
// another plugin of the folder needs nothing more.
func (w *folderWatch) change(ctx context.Context, c Change) error {
	if err := w.h.admit(c); err != nil {
		return err
	}
	p, g, err := w.h.up.Change(ctx, w.h.allowing(c))
	if errors.Is(err, update.ErrNotInstalled) && len(c.Uninstall) == 1 && len(c.Install)+len(c.Update) == 0 {
		return nil // it went with another one
	}
	if err == nil && !p.Empty() {
		w.event(FolderEvent{Generation: g.Number, Changes: p.Changes()})
	}
	return err
}
