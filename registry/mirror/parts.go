package mirror

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/registry"
)

// Parts lists everything that r consists of, each behind what it names: the image index is
// the last. It reads the manifests from b and refuses, with index.ErrMismatch, packages that
// are not those of the record.
func Parts(ctx context.Context, b artifact.Blobs, r Release) ([]artifact.Descriptor, error) {
	if _, ok := b.(*remembering); !ok {
		b = &remembering{far: b} // some manifests are read twice
	}
	im, err := artifact.Read(ctx, b, r.Image())
	if err != nil {
		return nil, err
	}
	p := &parts{ctx: ctx, b: b}
	if err := p.manifest(im.Meta, artifact.MaxPlugin, artifact.MaxDocument); err != nil {
		return nil, err
	}
	for _, want := range r.Packages {
		i := slices.IndexFunc(im.Packages, func(x artifact.PackageRef) bool {
			return x.Runtime == want.Runtime && x.Platform == want.Platform
		})
		if i < 0 || im.Packages[i].Digest != want.Manifest.Digest {
			return nil, fmt.Errorf("package for %s on %s: %w", want.Runtime, want.Platform, index.ErrMismatch)
		}
		pkg, err := artifact.ReadPackage(ctx, b, im.Packages[i])
		if err != nil {
			return nil, err
		}
		if (index.Ref{Digest: pkg.Payload.Digest, Size: pkg.Payload.Size}) != want.Payload {
			return nil, fmt.Errorf("payload for %s on %s: %w", want.Runtime, want.Platform, index.ErrMismatch)
		}
		if err := p.manifest(pkg.Descriptor, artifact.MaxDocument, artifact.MaxPayload); err != nil {
			return nil, err
		}
	}
	p.add(im.Descriptor)
	return p.list, nil
}

// parts collects descriptors.
type parts struct {
	ctx  context.Context
	b    artifact.Blobs
	list []artifact.Descriptor
}

func (p *parts) add(d artifact.Descriptor) {
	known := func(x artifact.Descriptor) bool {
		return x.Digest == d.Digest && registry.IsManifest(x.MediaType) == registry.IsManifest(d.MediaType)
	}
	if !slices.ContainsFunc(p.list, known) {
		p.list = append(p.list, artifact.Descriptor{MediaType: d.MediaType, ArtifactType: d.ArtifactType, Digest: d.Digest, Size: d.Size})
	}
}

// manifest adds what a manifest names, within limits, and then the manifest.
func (p *parts) manifest(d artifact.Descriptor, maxConfig, maxLayer int64) error {
	raw, err := artifact.ReadBlob(p.ctx, p.b, d, artifact.MaxManifest)
	if err != nil {
		return err
	}
	var x struct {
		Config artifact.Descriptor   `json:"config"`
		Layers []artifact.Descriptor `json:"layers"`
	}
	if err := strictjson.Unmarshal(raw, &x, strictjson.Limits{Size: artifact.MaxManifest, Depth: 32, AllowUnknown: true}); err != nil {
		return fmt.Errorf("manifest %s: %w", d.Digest.Short(), err)
	}
	for i, part := range append([]artifact.Descriptor{x.Config}, x.Layers...) {
		limit := maxLayer
		if i == 0 {
			limit = maxConfig
		}
		if err := part.Check(); err != nil {
			return fmt.Errorf("manifest %s: %w", d.Digest.Short(), err)
		}
		if part.Size > limit {
			return fmt.Errorf("manifest %s: a part of %d bytes, more than the limit of %d", d.Digest.Short(), part.Size, limit)
		}
		p.add(part)
	}
	if !registry.IsManifest(d.MediaType) {
		return fmt.Errorf("manifest %s has media type %.100q", d.Digest.Short(), d.MediaType)
	}
	p.add(d)
	return nil
}

// remembering keeps small bytes that were read once: what Parts reads is copied afterwards.
// It is not for concurrent use.
type remembering struct {
	near, far artifact.Blobs // near may be nil, and is asked first
	kept      map[artifact.Digest][]byte
}

// Open implements artifact.Blobs.
func (m *remembering) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if b, ok := m.kept[d.Digest]; ok {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	if d.Size > artifact.MaxManifest {
		return m.far.Open(ctx, d)
	}
	if m.near != nil {
		if b, err := artifact.ReadBlob(ctx, m.near, d, artifact.MaxManifest); err == nil {
			m.keep(d, b)
			return io.NopCloser(bytes.NewReader(b)), nil
		}
	}
	b, err := artifact.ReadBlob(ctx, m.far, d, artifact.MaxManifest)
	if err != nil {
		return nil, err
	}
	m.keep(d, b)
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (m *remembering) keep(d artifact.Descriptor, b []byte) {
	if m.kept == nil {
		m.kept = map[artifact.Digest][]byte{}
	}
	m.kept[d.Digest] = b
}
