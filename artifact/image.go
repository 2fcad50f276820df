package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
)

// ErrNotPlugin says that an OCI artifact is something else than a plugin.
var ErrNotPlugin = errors.New("not a plugin artifact")

// Blobs reads bytes by digest: all that reading an artifact needs. Open returns an
// error if the bytes are not there; ctx bounds the returned reader too, which the
// caller closes. What it reads is not checked: use [ReadBlob] or [Verify].
// Implementations allow concurrent calls.
type Blobs interface {
	Open(ctx context.Context, d Descriptor) (io.ReadCloser, error)
}

// Image is a plugin artifact as its index, metadata and plugin.json describe it.
type Image struct {
	Descriptor                     // of the image index
	Meta       Descriptor          // of the metadata manifest
	Manifest   *manifest.Manifest  // plugin.json
	Documents  map[string]Document // README.md, LICENSE, …: by file name
	Packages   []PackageRef        // one per runtime and platform, in index order
}

// Document is a text that travels in the metadata of an artifact.
type Document struct{ Descriptor }

// PackageRef points to the package manifest of one runtime and platform.
type PackageRef struct {
	Runtime  string
	Platform manifest.Platform
	Descriptor
}

// Package is one installable payload of a plugin.
type Package struct {
	PackageRef
	Payload Descriptor // tar+gzip
}

type ociIndex struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Manifests     []Descriptor      `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type ociManifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        Descriptor        `json:"config"`
	Layers        []Descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// ReadBlob reads all bytes of d, at most limit, and checks size and digest.
func ReadBlob(ctx context.Context, b Blobs, d Descriptor, limit int64) ([]byte, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	if d.Size > limit {
		return nil, fmt.Errorf("%s: %d bytes, more than the limit of %d", d.Digest.Short(), d.Size, limit)
	}
	r, err := b.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(Verify(r, d))
}

// Read reads index, metadata and plugin.json of the artifact d and checks that
// they agree. It returns an error that wraps [ErrNotPlugin] if d is an OCI
// artifact of another type, and [ErrDigest] if bytes are not what they should be.
func Read(ctx context.Context, b Blobs, d Descriptor) (*Image, error) {
	raw, err := ReadBlob(ctx, b, d, MaxManifest)
	if err != nil {
		return nil, fmt.Errorf("read artifact: %w", err)
	}
	im, resolve, err := parseIndex(d, raw)
	if err != nil {
		return nil, fmt.Errorf("read artifact %s: %w", d.Digest.Short(), err)
	}
	if err := im.readMeta(ctx, b); err != nil {
		return nil, fmt.Errorf("read artifact %s: %w", d.Digest.Short(), err)
	}
	if err := im.check(resolve); err != nil {
		return nil, fmt.Errorf("read artifact %s: %w", d.Digest.Short(), err)
	}
	return im, nil
}

// IsPlugin reports whether raw, the bytes of an OCI index or manifest, claims to
// be a plugin. The claim is not checked; [Read] does that.
func IsPlugin(raw []byte) bool {
	var x struct {
		ArtifactType string `json:"artifactType"`
	}
	return json.Unmarshal(raw, &x) == nil && x.ArtifactType == TypePlugin
}

func decode(raw []byte, v any) error {
	return strictjson.Unmarshal(raw, v, strictjson.Limits{Size: MaxManifest, Depth: 32, AllowUnknown: true})
}

func parseIndex(d Descriptor, raw []byte) (*Image, string, error) {
	var x ociIndex
	if err := decode(raw, &x); err != nil {
		return nil, "", err
	}
	if x.MediaType != MediaIndex || x.ArtifactType != TypePlugin {
		return nil, "", fmt.Errorf("%w: media type %.100q, artifact type %.100q", ErrNotPlugin, x.MediaType, x.ArtifactType)
	}
	if x.SchemaVersion != 2 {
		return nil, "", fmt.Errorf("schema version %d, want 2", x.SchemaVersion)
	}
	d.MediaType, d.ArtifactType = MediaIndex, TypePlugin
	im := &Image{Descriptor: d}
	seen := map[string]bool{}
	for _, m := range x.Manifests {
		if err := m.Check(); err != nil {
			return nil, "", err
		}
		switch m.ArtifactType {
		case TypeMeta:
			if im.Meta.Digest != "" {
				return nil, "", errors.New("two metadata manifests")
			}
			im.Meta = m
		case TypePackage:
			p, err := packageRef(m)
			if err != nil {
				return nil, "", err
			}
			key := p.Runtime + " " + p.Platform.String()
			if seen[key] {
				return nil, "", fmt.Errorf("two packages for %s", key)
			}
			seen[key] = true
			im.Packages = append(im.Packages, p)
		}
		// Descriptors of unknown type are somebody's extension: ignored.
	}
	if im.Meta.Digest == "" {
		return nil, "", errors.New("no metadata manifest")
	}
	return im, x.Annotations[AnnotationResolve], nil
}

func packageRef(m Descriptor) (PackageRef, error) {
	p := PackageRef{Runtime: m.Annotations[AnnotationRuntime], Descriptor: m}
	if p.Runtime == "" {
		return p, fmt.Errorf("package %s: no annotation %s", m.Digest.Short(), AnnotationRuntime)
	}
	if m.Platform == nil {
		return p, fmt.Errorf("package %s: no platform", m.Digest.Short())
	}
	p.Platform = *m.Platform
	return p, nil
}

func (im *Image) readMeta(ctx context.Context, b Blobs) error {
	raw, err := ReadBlob(ctx, b, im.Meta, MaxManifest)
	if err != nil {
		return err
	}
	var x ociManifest
	if err := decode(raw, &x); err != nil {
		return err
	}
	if x.ArtifactType != TypeMeta || x.Config.MediaType != MediaPlugin {
		return fmt.Errorf("metadata manifest has artifact type %.100q and config %.100q", x.ArtifactType, x.Config.MediaType)
	}
	raw, err = ReadBlob(ctx, b, x.Config, MaxPlugin)
	if err != nil {
		return err
	}
	if im.Manifest, err = manifest.Parse(raw); err != nil {
		return err
	}
	im.Documents = map[string]Document{}
	for _, l := range x.Layers {
		if name := l.Annotations[annotationTitle]; name != "" {
			im.Documents[name] = Document{l}
		}
	}
	return nil
}

// check compares what the index says with plugin.json.
func (im *Image) check(resolve string) error {
	if len(resolve) > MaxResolve {
		return fmt.Errorf("annotation %s: %d bytes, more than the limit of %d", AnnotationResolve, len(resolve), MaxResolve)
	}
	want, err := FactsOf(im.Manifest).JSON()
	if err != nil {
		return err
	}
	if resolve != string(want) {
		return fmt.Errorf("annotation %s does not equal what plugin.json says", AnnotationResolve)
	}
	declared := map[string]bool{}
	for _, t := range targets(im.Manifest) {
		declared[t.key()] = true
	}
	for _, p := range im.Packages {
		k := target{p.Runtime, p.Platform}.key()
		if !declared[k] {
			return fmt.Errorf("package for %s, which plugin.json does not name", k)
		}
		delete(declared, k)
	}
	for k := range declared {
		return fmt.Errorf("no package for %s, which plugin.json names", k)
	}
	return nil
}

// ReadPackage reads the package manifest that p points to.
func ReadPackage(ctx context.Context, b Blobs, p PackageRef) (Package, error) {
	raw, err := ReadBlob(ctx, b, p.Descriptor, MaxManifest)
	if err != nil {
		return Package{}, fmt.Errorf("read package: %w", err)
	}
	var x ociManifest
	if err := decode(raw, &x); err != nil {
		return Package{}, fmt.Errorf("read package %s: %w", p.Digest.Short(), err)
	}
	if x.ArtifactType != TypePackage || len(x.Layers) != 1 || x.Layers[0].MediaType != MediaTarGzip {
		return Package{}, fmt.Errorf("read package %s: want artifact type %s with one layer of type %s", p.Digest.Short(), TypePackage, MediaTarGzip)
	}
	if err := x.Layers[0].Check(); err != nil {
		return Package{}, fmt.Errorf("read package %s: %w", p.Digest.Short(), err)
	}
	if n := x.Layers[0].Size; n > MaxPayload {
		return Package{}, fmt.Errorf("read package %s: payload of %d bytes, more than the limit of %d", p.Digest.Short(), n, int64(MaxPayload))
	}
	return Package{p, x.Layers[0]}, nil
}
