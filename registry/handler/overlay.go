package handler

import (
	"context"
	"io"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// withManifest shows a manifest that is not stored yet on top of what is.
type withManifest struct {
	artifact.Blobs
	m *registry.Manifest
}

func overlay(b artifact.Blobs, m *registry.Manifest) artifact.Blobs { return withManifest{b, m} }

func (o withManifest) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if d.Digest == o.m.Digest {
		return registry.BytesBlob(o.m.Raw), nil
	}
	return o.Blobs.Open(ctx, d)
}
