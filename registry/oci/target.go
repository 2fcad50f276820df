package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
)

// Target publishes the versions of one plugin to a plain registry. Its methods allow
// concurrent calls.
type Target struct {
	repo *client.Repository
	to   publish.Target
	id   manifest.ID
	o    TargetOptions
}

var _ publish.Target = (*Target)(nil)

// TargetOptions are the optional properties of a target.
type TargetOptions struct {
	// Stale is told why the cache of the plugin could not be renewed after a publication,
	// which is of use all the same. It may be nil.
	Stale func(error)
}

// Target returns where the versions of a plugin are published, or [ErrName].
func (s *Source) Target(id manifest.ID, o TargetOptions) (*Target, error) {
	repo, err := s.repository(id)
	if err != nil {
		return nil, err
	}
	return &Target{repo, repo.Target(), id, o}, nil
}

// Put implements publish.Target.
func (t *Target) Put(ctx context.Context, d artifact.Descriptor, r io.Reader) error {
	return t.to.Put(ctx, d, r)
}

// Has reports whether a tag names a digest.
func (t *Target) Has(ctx context.Context, tag string, d artifact.Digest) (bool, error) {
	now, err := t.bound(ctx, tag)
	return err == nil && now == d, err
}

// Tag implements publish.Target. It looks whether the tag is bound already, because a plain
// registry moves a tag: two that publish one version at the same instant are not kept apart.
// Then it renews the cache of the plugin; if that fails the publication is made all the same.
// A version that is there already makes it anew from the artifacts, which mends whatever is
// wrong with it.
func (t *Target) Tag(ctx context.Context, name, tag string, d artifact.Descriptor) error {
	if name != string(t.id) {
		return fmt.Errorf("tag %s:%s: this target is for %s", name, tag, t.id)
	}
	now, err := t.bound(ctx, tag)
	switch {
	case err != nil:
		return err
	case now != "" && now != d.Digest:
		return fmt.Errorf("tag %s:%s: %w: it names %s", t.repo.Name(), tag, registry.ErrBound, now.Short())
	case now == "":
		if err := t.to.Tag(ctx, t.repo.Name(), tag, d); err != nil {
			return err
		}
	}
	if err := t.renew(ctx, tag, now != ""); err != nil && t.o.Stale != nil {
		t.o.Stale(fmt.Errorf("%s:%s: %w", t.repo.Name(), TagIndex, err))
	}
	return nil
}

// bound returns the digest that a tag names, "" if there is no such tag.
func (t *Target) bound(ctx context.Context, tag string) (artifact.Digest, error) {
	d, err := t.repo.Digest(ctx, tag, acceptAny)
	if err == nil && d == "" { // the registry does not tell without the manifest
		var at artifact.Descriptor
		at, _, err = t.repo.Manifest(ctx, tag, acceptAny, artifact.MaxManifest)
		d = at.Digest
	}
	if errors.Is(err, registry.ErrNotFound) {
		return "", nil
	}
	return d, err
}

// renew makes the cache of the plugin anew, of all tags and of one more, which the list of the
// registry may not have yet. Of the old cache it keeps what the tags still name, or nothing.
func (t *Target) renew(ctx context.Context, tag string, all bool) error {
	r, err := look(ctx, t.repo, t.id)
	if errors.Is(err, index.ErrNotFound) {
		r, err = &reading{repo: t.repo, id: t.id, digests: map[string]artifact.Digest{}}, nil
	}
	if err != nil {
		return err
	}
	if i, found := slices.BinarySearch(r.tags, tag); !found {
		r.tags = slices.Insert(r.tags, i, tag)
	}
	if err := r.readCache(ctx); err != nil {
		return err
	}
	var old []byte
	if r.cached != nil {
		old = r.cached.raw
		if err := r.distrust(ctx, all); err != nil {
			return err
		}
	}
	p, err := r.plugin(ctx)
	if err != nil {
		return err
	}
	b, err := p.Bytes()
	if err == nil {
		_, err = index.Parse(t.id, b) // what no reader would take is not written
	}
	if err != nil || bytes.Equal(b, old) {
		return err
	}
	return t.push(ctx, b)
}

// distrust drops from the cache what is not as the tags say, or all.
func (r *reading) distrust(ctx context.Context, all bool) error {
	if all {
		r.cached = nil
		return nil
	}
	if err := r.ask(ctx, r.tags); err != nil {
		return err
	}
	for t, rel := range r.cached.releases {
		if rel.Digest != r.digests[t] {
			delete(r.cached.releases, t)
		}
	}
	if _, ok := r.cached.releases[r.cached.newest]; !ok {
		r.cached.newest = ""
	}
	clear(r.digests)
	return nil
}

// push writes the cache.
func (t *Target) push(ctx context.Context, document []byte) error {
	layer := artifact.Describe(MediaDocument, document)
	raw, err := makeCacheManifest(layer)
	if err != nil {
		return err
	}
	d := artifact.Describe(artifact.MediaManifest, raw)
	for _, x := range []struct {
		d artifact.Descriptor
		b []byte
	}{{artifact.Describe(artifact.MediaEmpty, empty), empty}, {layer, document}, {d, raw}} {
		if err := t.to.Put(ctx, x.d, bytes.NewReader(x.b)); err != nil {
			return err
		}
	}
	return t.to.Tag(ctx, t.repo.Name(), TagIndex, d)
}
