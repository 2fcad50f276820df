package web

import (
	"container/list"
	"context"
	"html/template"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/registry"
)

// details are what a page shows of an artifact beyond the index. They never change.
type details struct {
	Links     map[string]string
	License   string
	Summary   string
	Readme    template.HTML
	ReadmeCut bool
}

func (d *details) size() int { return 1024 + len(d.Readme) }

const (
	cacheSize   = 16 << 20 // bytes
	maxRenderer = 2        // READMEs that are rendered at the same time
)

// detailCache reads details and keeps the last ones. Its methods allow concurrent
// calls.
type detailCache struct {
	b      registry.Backend
	render chan struct{}

	mu   sync.Mutex
	used int
	age  *list.List // of cached, the latest use first
	of   map[artifact.Digest]*list.Element
}

type cached struct {
	digest artifact.Digest
	d      *details
}

func newDetailCache(b registry.Backend) *detailCache {
	return &detailCache{b: b, render: make(chan struct{}, maxRenderer), age: list.New(), of: map[artifact.Digest]*list.Element{}}
}

// get returns the details of a release.
func (c *detailCache) get(ctx context.Context, rel *index.Release) (*details, error) {
	if d := c.known(rel.Digest); d != nil {
		return d, nil
	}
	select {
	case c.render <- struct{}{}:
		defer func() { <-c.render }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if d := c.known(rel.Digest); d != nil { // somebody else did it while we waited
		return d, nil
	}
	d, err := c.read(ctx, rel)
	if err != nil {
		return nil, err
	}
	c.keep(rel.Digest, d)
	return d, nil
}

func (c *detailCache) read(ctx context.Context, rel *index.Release) (*details, error) {
	blobs := registry.RepoBlobs{Backend: c.b, Repo: string(rel.ID)}
	im, err := artifact.Read(ctx, blobs, rel.Image())
	if err != nil {
		return nil, err
	}
	d := &details{Links: im.Manifest.Links, License: im.Manifest.License, Summary: im.Manifest.Summary}
	doc, ok := im.Documents["README.md"]
	if !ok {
		return d, nil
	}
	raw, err := artifact.ReadBlob(ctx, blobs, doc.Descriptor, artifact.MaxDocument)
	if err != nil {
		return nil, err
	}
	d.Readme, d.ReadmeCut, err = renderReadme(string(raw))
	return d, err
}

func (c *detailCache) known(digest artifact.Digest) *details {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.of[digest]
	if e == nil {
		return nil
	}
	c.age.MoveToFront(e)
	return e.Value.(cached).d
}

func (c *detailCache) keep(digest artifact.Digest, d *details) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[digest] != nil {
		return
	}
	c.of[digest] = c.age.PushFront(cached{digest, d})
	c.used += d.size()
	for c.used > cacheSize {
		old := c.age.Remove(c.age.Back()).(cached)
		delete(c.of, old.digest)
		c.used -= old.d.size()
	}
}
