package index

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/store"
)

// OfStore is the index of the plugin artifacts that a store holds: no registry is
// needed to install from a folder of packed plugins. Releases have no time, and
// nothing in a store is yanked.
type OfStore struct {
	Store  store.Store
	claims *claims // nil: nothing is remembered
}

// NewOfStore returns the index of s. Unlike a literal it remembers which names the
// artifacts in s offer, so that only the first question reads all of them.
func NewOfStore(s store.Store) OfStore { return OfStore{s, &claims{}} }

var (
	_ Index    = OfStore{}
	_ Searcher = OfStore{}
)

// Plugin implements Index. It reads the metadata of every version of the plugin, and the
// image index of every other artifact in the store, which may offer the name.
func (x OfStore) Plugin(ctx context.Context, id manifest.ID) (*Plugin, error) {
	p := &Plugin{Header: Header{V: Version, ID: id}}
	var newest *manifest.Manifest
	var providers []manifest.ID
	for t, err := range x.Store.Tags(ctx) {
		if err != nil {
			return nil, fmt.Errorf("index of %s: %w", id, err)
		}
		if t.Name != string(id) {
			if offers, err := x.offers(ctx, t, id); err != nil {
				return nil, fmt.Errorf("index of %s: %w", id, err)
			} else if offers {
				providers = append(providers, manifest.ID(t.Name))
			}
			continue
		}
		im, r, err := x.release(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("index of %s: %w", id, err)
		}
		p.Releases = append(p.Releases, r)
		if newest == nil || newer(im.Manifest.Version, newest.Version) {
			newest = im.Manifest
		}
	}
	if newest == nil && len(providers) == 0 {
		return nil, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	slices.SortFunc(p.Releases, func(a, b Release) int { return a.Version.Compare(b.Version) })
	if newest != nil {
		p.Summary, p.License, p.Keywords = newest.Summary, newest.License, newest.Keywords
	}
	p.Providers = ProvidersOf(id, providers)
	b, err := p.Bytes()
	if err != nil {
		return nil, err
	}
	p.Document = artifact.DigestOf(b)
	return p, nil
}

func (x OfStore) release(ctx context.Context, t store.Tagged) (*artifact.Image, Release, error) {
	im, err := artifact.Read(ctx, x.Store, t.Descriptor)
	if err != nil {
		return nil, Release{}, err
	}
	if string(im.Manifest.ID) != t.Name || artifact.TagOf(im.Manifest.Version) != t.Tag {
		return nil, Release{}, fmt.Errorf("tag %s:%s names %s %s", t.Name, t.Tag, im.Manifest.ID, im.Manifest.Version)
	}
	rec, err := RecordOf(ctx, x.Store, im, time.Time{})
	if err != nil {
		return nil, Release{}, err
	}
	r, err := NewRelease(rec)
	return im, r, err
}

// offers reports whether the artifact of a tag is a plugin that offers id. What is no
// plugin, or a damaged one, offers nothing: it does not stand in the way of others.
func (x OfStore) offers(ctx context.Context, t store.Tagged, id manifest.ID) (bool, error) {
	names, known := x.claims.get(t.Digest)
	if !known {
		raw, err := artifact.ReadBlob(ctx, x.Store, t.Descriptor, artifact.MaxManifest)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, artifact.ErrDigest) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if f, err := artifact.Claims(raw); err == nil {
			for _, o := range f.Offers {
				names = append(names, o.ID)
			}
		}
		x.claims.set(t.Digest, names)
	}
	if !slices.Contains(names, id) {
		return false, nil
	}
	_, _, err := x.release(ctx, t) // whether it is what it claims
	return err == nil, ctx.Err()
}

// claims are the names that artifacts say they offer, by the digest of the image index.
type claims struct {
	mu    sync.Mutex
	names map[artifact.Digest][]manifest.ID
}

func (c *claims) get(d artifact.Digest) (names []manifest.ID, ok bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	names, ok = c.names[d]
	return names, ok
}

func (c *claims) set(d artifact.Digest, names []manifest.ID) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.names == nil {
		c.names = map[artifact.Digest][]manifest.ID{}
	}
	c.names[d] = names
}

// Search implements Searcher by looking at every plugin, in the order of names.
func (x OfStore) Search(ctx context.Context, q Query) iter.Seq2[Hit, error] {
	return func(yield func(Hit, error) bool) {
		var names []string
		for t, err := range x.Store.Tags(ctx) {
			if err != nil {
				yield(Hit{}, err)
				return
			}
			names = append(names, t.Name)
		}
		left := q.EffectiveLimit()
		for _, name := range slices.Compact(names) {
			id, err := manifest.ParseID(name)
			if err != nil {
				continue // another tool's tag
			}
			p, err := x.Plugin(ctx, id)
			if errors.Is(err, artifact.ErrNotPlugin) {
				continue
			}
			if err != nil {
				yield(Hit{}, err)
				return
			}
			if h, ok := p.Match(q); ok {
				if left--; left < 0 || !yield(h, nil) {
					return
				}
			}
		}
	}
}

// Match reports whether p fits q: every word is part of its name, summary or a
// keyword, and its latest release has the point and runtime asked for. It is for
// sources small enough to look at every plugin.
func (p *Plugin) Match(q Query) (Hit, bool) {
	r, ok := p.Latest()
	if !ok {
		return Hit{}, false
	}
	text := strings.ToLower(strings.Join(append([]string{string(p.ID), p.Summary}, p.Keywords...), "\n"))
	for word := range strings.FieldsSeq(strings.ToLower(q.Text)) {
		if !strings.Contains(text, word) {
			return Hit{}, false
		}
	}
	if q.Point != "" && !slices.ContainsFunc(r.Provides, func(x manifest.PointRef) bool { return x.ID == q.Point }) {
		return Hit{}, false
	}
	if q.Runtime != "" && !slices.ContainsFunc(r.Packages, func(x Package) bool { return x.Runtime == q.Runtime }) {
		return Hit{}, false
	}
	return Hit{p.ID, r.Version, p.Summary}, true
}
