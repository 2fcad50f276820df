package update

import (
	"context"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// sources are those of u, with what is installed from this machine, and with Local.
func (u *Updater) sources() fetch.Sources {
	s := u.Sources
	if u.Local == nil && u.Reopen == nil {
		return s
	}
	s.One = func(id manifest.ID) fetch.Source {
		u.mu.Lock()
		src, installed := u.locals[id]
		u.mu.Unlock()
		if !installed && u.Local != nil {
			src = u.Local(id)
		}
		if src != nil {
			return src
		}
		if u.Sources.One != nil {
			return u.Sources.One(id)
		}
		return nil
	}
	return s
}

// locate finds the sources on this machine that a lock names. It is called before a set is
// solved, in which they are asked.
func (u *Updater) locate(l *resolve.Lock) {
	if u.Reopen == nil {
		return
	}
	locals := map[manifest.ID]fetch.Source{}
	for i := range l.Plugins {
		p := &l.Plugins[i]
		locals[p.ID] = nil // it comes from elsewhere, whatever lies here now
		if src := u.Reopen(p.Source); src != nil {
			locals[p.ID] = kept{src, p}
		}
	}
	u.mu.Lock()
	u.locals = locals
	u.mu.Unlock()
}

// kept is a source of one installed plugin, whose release stays known when it is not there
// any more, or when its version is there with other bytes: otherwise no set with it could
// be solved. Nobody who has it not gets it.
type kept struct {
	fetch.Source
	l *resolve.Locked
}

// Plugin implements index.Index.
func (k kept) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	p, err := k.Source.Plugin(ctx, id)
	if id != k.l.ID || ctx.Err() != nil {
		return p, err
	}
	out := &index.Plugin{Header: index.Header{V: index.Version, ID: id}}
	if err == nil {
		*out = *p
		out.Releases = slices.Clone(p.Releases)
	}
	switch r, ok := out.Find(k.l.Version); {
	case !ok:
		out.Releases = append(out.Releases, lockedRelease(k.l))
		slices.SortStableFunc(out.Releases, func(a, b index.Release) int { return a.Version.Compare(b.Version) })
	case r.Digest != k.l.Digest:
		*r = lockedRelease(k.l)
	}
	return out, nil
}

// lockedRelease is what a lock knows of a release that nobody else shall get.
func lockedRelease(l *resolve.Locked) index.Release {
	return index.Release{
		Record: index.Record{
			Facts: artifact.Facts{
				ID: l.ID, Version: l.Version, Provides: l.Provides, Host: l.Host, Requires: l.Requires,
				AnyOf: l.AnyOf, Conflicts: l.Conflicts, Offers: l.Offers,
			},
			Digest: l.Digest, Size: l.Size, Packages: l.Packages,
		},
		State: index.State{Yanked: &index.Yank{Reason: "it is installed, and no longer in " + l.Source}},
	}
}
