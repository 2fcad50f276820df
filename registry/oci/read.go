package oci

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/version"
)

// parallel is how many requests for one plugin run at one time.
const parallel = 8

// acceptAny asks for what a version tag may name: others are left out when they are here.
const acceptAny = artifact.MediaIndex + ", " + artifact.MediaManifest

// reading is the making of one document.
type reading struct {
	repo  *client.Repository
	id    manifest.ID
	tags  []string // that are versions, sorted
	cache struct {
		manifest artifact.Descriptor // zero without one
		document artifact.Descriptor
	}
	cached *cached // nil without one, and as long as it has not been read

	mu      sync.Mutex
	size    int                        // of the records
	digests map[string]artifact.Digest // by tag, of what the cache lacks
	newest  *artifact.Outline          // of those that were read
}

// look asks what is in a repository.
func look(ctx context.Context, repo *client.Repository, id manifest.ID) (*reading, error) {
	r := &reading{repo: repo, id: id, digests: map[string]artifact.Digest{}}
	err := each(ctx, 2, func(ctx context.Context, i int) (err error) {
		if i == 0 {
			r.tags, err = releases(ctx, repo)
			return err
		}
		r.cache.manifest, r.cache.document, err = findCache(ctx, repo)
		return err
	})
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return nil, fmt.Errorf("%w: %w", index.ErrNotFound, err)
	case err == nil && len(r.tags) == 0:
		return nil, index.ErrNotFound
	}
	return r, err
}

// releases lists the tags that are versions, sorted.
func releases(ctx context.Context, repo *client.Repository) ([]string, error) {
	all, err := repo.Tags(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range all {
		if _, ok := versionOf(t); ok {
			out = append(out, t)
		}
	}
	if len(out) > index.MaxReleases {
		return nil, fmt.Errorf("%w: %s has %d versions, more than the limit of %d", index.ErrDocument, repo.Name(), len(out), index.MaxReleases)
	}
	slices.Sort(out)
	return out, nil
}

// versionOf returns the version that a tag spells.
func versionOf(tag string) (version.Version, bool) {
	v, err := version.Parse(strings.Replace(tag, "_", "+", 1))
	return v, err == nil && artifact.TagOf(v) == tag
}

// each calls f for 0 to n-1, several at a time. The first error ends it.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var work sync.WaitGroup
	turns := make(chan int)
	for range min(n, parallel) {
		work.Go(func() {
			for i := range turns {
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case turns <- i:
		case <-ctx.Done():
		}
	}
	close(turns)
	work.Wait()
	return context.Cause(ctx)
}

// readCache reads the document of the cache, if there is one.
func (r *reading) readCache(ctx context.Context) (err error) {
	if r.cache.manifest.Digest != "" {
		r.cached, err = openCache(ctx, r.repo, r.id, r.cache.document)
	}
	return err
}

// missing returns the tags that the cache lacks.
func (r *reading) missing() []string {
	if r.cached == nil {
		return r.tags
	}
	var out []string
	for _, t := range r.tags {
		if _, ok := r.cached.releases[t]; !ok {
			out = append(out, t)
		}
	}
	return out
}

// plugin makes the document of what is there.
func (r *reading) plugin(ctx context.Context) (*index.Plugin, error) {
	missing := r.missing()
	read := make([]*index.Release, len(missing))
	err := each(ctx, len(missing), func(ctx context.Context, i int) (err error) {
		read[i], err = r.release(ctx, missing[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	p := &index.Plugin{Header: index.Header{V: index.Version, ID: r.id}}
	for _, t := range r.tags {
		if i, asked := slices.BinarySearch(missing, t); !asked {
			p.Releases = append(p.Releases, r.cached.releases[t])
		} else if read[i] != nil {
			p.Releases = append(p.Releases, *read[i])
		}
	}
	if len(p.Releases) == 0 {
		return nil, index.ErrNotFound
	}
	slices.SortStableFunc(p.Releases, func(a, b index.Release) int { return a.Version.Compare(b.Version) })
	return p, r.describe(ctx, p)
}

// release reads the artifact of a tag; nil if it is gone, or no plugin.
func (r *reading) release(ctx context.Context, tag string) (*index.Release, error) {
	d, raw, err := r.repo.Manifest(ctx, tag, acceptAny, artifact.MaxManifest)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.found(tag, d.Digest)
	if !artifact.IsPlugin(raw) {
		return nil, nil
	}
	o, err := artifact.ReadOutline(d, raw)
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", tag, err)
	}
	if o.Facts.ID != r.id || artifact.TagOf(o.Facts.Version) != tag {
		return nil, fmt.Errorf("%w: tag %s:%s names %.200s %s", index.ErrDocument, r.repo.Name(), tag, o.Facts.ID, o.Facts.Version)
	}
	rec, err := index.OutlineRecord(ctx, r.repo, o)
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", tag, err)
	}
	rel, err := index.NewRelease(rec)
	if err != nil {
		return nil, err
	}
	return &rel, r.keep(o, len(rel.Raw))
}

// found remembers what a tag names.
func (r *reading) found(tag string, d artifact.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.digests[tag] = d
}

// keep remembers of an artifact what is needed once all are read.
func (r *reading) keep(o *artifact.Outline, size int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size += size; r.size > index.MaxDocument {
		return fmt.Errorf("%w: more than %d bytes", index.ErrDocument, index.MaxDocument)
	}
	if r.newest == nil || newer(o.Facts.Version, r.newest.Facts.Version) {
		r.newest = o
	}
	return nil
}

// newer is the order in which a plugin has a newest release: pre-releases come last.
func newer(a, b version.Version) bool {
	if (a.Pre == "") != (b.Pre == "") {
		return a.Pre == ""
	}
	return a.Compare(b) > 0
}

// describe fills in the header of p, from its newest release.
func (r *reading) describe(ctx context.Context, p *index.Plugin) error {
	newest, _ := p.Latest()
	if r.cached != nil && r.cached.newest == artifact.TagOf(newest.Version) && r.digests[r.cached.newest] == "" {
		p.Header = r.cached.header
		return nil
	}
	var im *artifact.Image
	var err error
	if r.newest != nil && r.newest.Digest == newest.Digest {
		im, err = r.newest.Image(ctx, r.repo)
	} else {
		im, err = artifact.Read(ctx, r.repo, newest.Image())
	}
	if err != nil {
		return err
	}
	p.Summary, p.License, p.Keywords = im.Manifest.Summary, im.Manifest.License, im.Manifest.Keywords
	return nil
}
