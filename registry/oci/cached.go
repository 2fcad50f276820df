package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
)

// The cache in the repository of a plugin, as docs/spec/oci-source.md describes it.
const (
	TagIndex      = "_index"                                            // no version is spelled like that
	TypeIndex     = "application/vnd.plugstead.index.v1"                // artifact type
	MediaDocument = "application/vnd.plugstead.index.document.v1+jsonl" // of its one layer

	maxCacheManifest = 64 << 10
)

// errCache says that an artifact is not the cache of a plugin.
var errCache = errors.New("not a cached index")

// cacheManifest is what is read and written of the image manifest.
type cacheManifest struct {
	SchemaVersion int                   `json:"schemaVersion"`
	MediaType     string                `json:"mediaType"`
	ArtifactType  string                `json:"artifactType"`
	Config        artifact.Descriptor   `json:"config"`
	Layers        []artifact.Descriptor `json:"layers"`
}

var empty = []byte("{}")

// parseCacheManifest returns the descriptor of the document.
func parseCacheManifest(raw []byte) (artifact.Descriptor, error) {
	var x cacheManifest
	if err := strictjson.Unmarshal(raw, &x, strictjson.Limits{Size: maxCacheManifest, Depth: 16, AllowUnknown: true}); err != nil {
		return artifact.Descriptor{}, fmt.Errorf("%w: %w", errCache, err)
	}
	if x.SchemaVersion != 2 || x.MediaType != artifact.MediaManifest || x.ArtifactType != TypeIndex || len(x.Layers) != 1 || x.Layers[0].MediaType != MediaDocument {
		return artifact.Descriptor{}, fmt.Errorf("%w: artifact type %.100q", errCache, x.ArtifactType)
	}
	if err := x.Layers[0].Check(); err != nil {
		return artifact.Descriptor{}, fmt.Errorf("%w: %w", errCache, err)
	}
	if n := x.Layers[0].Size; n > index.MaxDocument {
		return artifact.Descriptor{}, fmt.Errorf("%w: a document of %d bytes", errCache, n)
	}
	return x.Layers[0], nil
}

// makeCacheManifest is the reverse of parseCacheManifest.
func makeCacheManifest(document artifact.Descriptor) ([]byte, error) {
	return json.Marshal(cacheManifest{2, artifact.MediaManifest, TypeIndex, artifact.Describe(artifact.MediaEmpty, empty), []artifact.Descriptor{document}})
}

// cached is what a cache says: releases by tag, and of which of them the header is.
type cached struct {
	raw      []byte
	header   index.Header
	newest   string // tag; "" without one
	releases map[string]index.Release
}

// parseCached reads a document and keeps of it what a reader may believe until the artifact
// is there.
func parseCached(id manifest.ID, raw []byte) (*cached, error) {
	p, err := index.Parse(id, raw)
	if err != nil {
		return nil, err
	}
	c := &cached{raw: raw, header: p.Header, releases: make(map[string]index.Release, len(p.Releases))}
	c.header.Providers = nil
	for i := range p.Releases {
		p.Releases[i].State = index.State{}
	}
	if r, ok := p.Latest(); ok {
		c.newest = artifact.TagOf(r.Version)
	}
	for _, r := range p.Releases {
		r.Time = time.Time{}
		rel, err := index.NewRelease(r.Record)
		if err != nil {
			return nil, err
		}
		c.releases[artifact.TagOf(r.Version)] = rel
	}
	return c, nil
}

// findCache asks for the manifest of the cache. Without one, or with something else in its
// place, d is zero.
func findCache(ctx context.Context, repo *client.Repository) (d, document artifact.Descriptor, err error) {
	d, raw, err := repo.Manifest(ctx, TagIndex, artifact.MediaManifest, maxCacheManifest)
	if err == nil {
		document, err = parseCacheManifest(raw)
	}
	if err != nil {
		return artifact.Descriptor{}, artifact.Descriptor{}, unlessAbsent(err)
	}
	return d, document, nil
}

// openCache reads the document of the cache; nil if it is not as it should be.
func openCache(ctx context.Context, repo *client.Repository, id manifest.ID, document artifact.Descriptor) (*cached, error) {
	raw, err := artifact.ReadBlob(ctx, repo, document, index.MaxDocument)
	if err != nil {
		return nil, unlessAbsent(err)
	}
	c, err := parseCached(id, raw)
	if err != nil {
		return nil, nil // whatever it is, it is no cache
	}
	return c, nil
}

// unlessAbsent drops the errors after which a cache counts as absent. Others are about the
// registry as a whole.
func unlessAbsent(err error) error {
	_, refused := errors.AsType[*registry.Error](err)
	for _, class := range []error{errCache, registry.ErrNotFound, artifact.ErrDigest, client.ErrProtocol} {
		if errors.Is(err, class) {
			return nil
		}
	}
	if refused && !errors.Is(err, client.ErrUnreachable) && !errors.Is(err, client.ErrUnauthorized) {
		return nil
	}
	return err
}
