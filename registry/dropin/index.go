package dropin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/store"
)

// found is a release with the entry that has it.
type found struct {
	release
	in *entry
}

// releases lists the releases of a plugin, oldest version first. It packs what is not
// packed yet.
func (f *Folder) releases(ctx context.Context, id manifest.ID) ([]found, error) {
	var out []found
	for _, e := range f.with(id) {
		f.pack(ctx, e)
		if e.Err != nil {
			continue
		}
		list := e.releases
		if e.plugin != nil {
			list = []release{e.plugin.release}
		}
		for _, r := range list {
			if r.ID != id {
				continue
			}
			i := slices.IndexFunc(out, func(x found) bool { return x.Version == r.Version })
			switch {
			case i < 0:
				out = append(out, found{r, e})
			case out[i].Digest != r.Digest:
				return nil, &TwiceError{Dir: f.path, ID: id, Version: r.Version, First: out[i].in.Name, Other: e.Name}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b found) int { return a.Version.Compare(b.Version) })
	return out, context.Cause(ctx)
}

// findTwice lists, by name, the entries that have one version with different bytes.
func (f *Folder) findTwice() map[string]error {
	out, seen := map[string]error{}, map[manifest.ID]bool{}
	for _, e := range f.entries {
		for _, id := range e.IDs {
			if seen[id] {
				continue
			}
			seen[id] = true
			_, err := f.releases(context.Background(), id)
			if twice, ok := errors.AsType[*TwiceError](err); ok {
				for _, name := range []string{twice.First, twice.Other} {
					out[name] = &EntryError{f.path, name, twice}
				}
			}
		}
	}
	return out
}

// Plugin implements index.Index. Releases of plugin folders have no time, and nothing in
// them is yanked; those of bundles are as their documents say. Besides index.ErrNotFound it
// returns the [*EntryError] of an entry that is of id, if none counts, and a [*TwiceError].
func (f *Folder) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.current(ctx); err != nil {
		return nil, fmt.Errorf("index of %s: %w", id, err)
	}
	list, err := f.releases(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("index of %s: %w", id, err)
	}
	p := &index.Plugin{Header: index.Header{V: index.Version, ID: id}}
	for _, r := range list {
		p.Releases = append(p.Releases, r.Release)
		p.Summary, p.License, p.Keywords = r.header.Summary, r.header.License, r.header.Keywords // the newest says it
	}
	p.Providers = index.ProvidersOf(id, f.providers(id))
	if len(list) == 0 && len(p.Providers) == 0 {
		return nil, f.missing(id)
	}
	b, err := p.Bytes()
	if err != nil {
		return nil, fmt.Errorf("index of %s: %w", id, err)
	}
	p.Document = artifact.DigestOf(b)
	return p, nil
}

// providers lists the plugins that offer a name.
func (f *Folder) providers(id manifest.ID) (out []manifest.ID) {
	offers := func(list []manifest.Offer) bool {
		return slices.ContainsFunc(list, func(o manifest.Offer) bool { return o.ID == id })
	}
	for _, e := range f.entries {
		switch {
		case e.Err != nil:
		case e.m != nil && offers(e.m.Offers):
			out = append(out, e.m.ID)
		default:
			for _, r := range e.releases {
				if r.State.Yanked == nil && r.State.Blocked == nil && offers(r.Offers) {
					out = append(out, r.ID)
				}
			}
		}
	}
	return out
}

// missing is the error of a plugin that the folder has not.
func (f *Folder) missing(id manifest.ID) error {
	for _, e := range f.with(id) {
		if e.Err != nil {
			return fmt.Errorf("index of %s: %w", id, e.Err)
		}
	}
	return fmt.Errorf("index of %s: %w", id, index.ErrNotFound)
}

// Names lists the plugins that are there, sorted.
func (f *Folder) Names(ctx context.Context) ([]manifest.ID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.current(ctx); err != nil {
		return nil, err
	}
	var out []manifest.ID
	for _, e := range f.entries {
		for _, id := range e.IDs {
			if list, err := f.releases(ctx, id); err == nil && len(list) > 0 {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), ctx.Err()
}

// Search implements index.Searcher by looking at every plugin, in the order of names.
func (f *Folder) Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	return index.SearchAll(ctx, f, q)
}

// Blobs implements fetch.Source.
func (f *Folder) Blobs(id manifest.ID) artifact.Blobs { return content{f, id} }

type content struct {
	f  *Folder
	id manifest.ID
}

// Open implements artifact.Blobs.
func (c content) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, dir, bundles, err := c.where(ctx, d)
	if err != nil {
		return nil, err
	}
	if p != nil {
		return p.open(ctx, dir, d)
	}
	for _, b := range bundles {
		r, err := b.Open(ctx, d)
		if !errors.Is(err, store.ErrNotFound) {
			return r, err
		}
	}
	return nil, fmt.Errorf("%s: %s: %w", c.f.Identity(), d.Digest.Short(), store.ErrNotFound)
}

// where finds the plugin folder that has d, or the bundles that may have it.
func (c content) where(ctx context.Context, d artifact.Descriptor) (p *plugin, dir string, bundles []artifact.Blobs, err error) {
	f := c.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.current(ctx); err != nil {
		return nil, "", nil, err
	}
	for _, e := range f.with(c.id) {
		f.pack(ctx, e)
		if x := e.plugin; x != nil && e.Err == nil {
			if _, ok := x.metadata[d.Digest]; ok || x.payloads[d.Digest] {
				return x, filepath.Join(f.path, e.Name), nil, nil
			}
		}
		if e.blobs != nil && e.Err == nil {
			bundles = append(bundles, e.blobs)
		}
	}
	return nil, "", bundles, nil
}
