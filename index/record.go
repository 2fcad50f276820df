package index

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
)

// Record is the immutable part of a release line: what was published. It holds no
// free text. Its bytes are made once, by who publishes, and carried verbatim ever
// after; see [Release.Raw].
type Record struct {
	artifact.Facts
	Digest   artifact.Digest `json:"digest"` // of the image index
	Size     int64           `json:"size"`   // of the image index, bytes
	Time     time.Time       `json:"time,omitzero"`
	Packages []Package       `json:"packages"`
}

// Package is one payload of a release.
type Package struct {
	Runtime  string            `json:"runtime"`
	Platform manifest.Platform `json:"platform"`
	Manifest Ref               `json:"manifest"` // the package manifest
	Payload  Ref               `json:"payload"`
}

// Ref is a digest with the size of its bytes.
type Ref struct {
	Digest artifact.Digest `json:"digest"`
	Size   int64           `json:"size"`
}

// Image returns the descriptor of the image index.
func (r *Record) Image() artifact.Descriptor {
	return artifact.Descriptor{MediaType: artifact.MediaIndex, ArtifactType: artifact.TypePlugin, Digest: r.Digest, Size: r.Size}
}

// JSON returns the canonical bytes of r: what a log would hold as a leaf.
func (r *Record) JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// RecordOf makes the record of an artifact that was published at t, which a
// source without a clock of record leaves zero. It reads the package manifests of
// im from b.
func RecordOf(ctx context.Context, b artifact.Blobs, im *artifact.Image, t time.Time) (Record, error) {
	return recordOf(ctx, b, Record{Facts: artifact.FactsOf(im.Manifest), Digest: im.Digest, Size: im.Size}, im.Packages, t)
}

// OutlineRecord is RecordOf for a source whose artifacts are far away: it believes the facts
// that the image index states. Who fetches the artifact compares them with plugin.json.
func OutlineRecord(ctx context.Context, b artifact.Blobs, o *artifact.Outline) (Record, error) {
	return recordOf(ctx, b, Record{Facts: o.Facts, Digest: o.Digest, Size: o.Size}, o.Packages, time.Time{})
}

func recordOf(ctx context.Context, b artifact.Blobs, r Record, packages []artifact.PackageRef, t time.Time) (Record, error) {
	r.Packages = []Package{}
	if !t.IsZero() {
		r.Time = t.UTC().Truncate(time.Second)
	}
	for _, ref := range packages {
		p, err := artifact.ReadPackage(ctx, b, ref)
		if err != nil {
			return Record{}, err
		}
		r.Packages = append(r.Packages, Package{
			Runtime: p.Runtime, Platform: p.Platform,
			Manifest: Ref{p.Digest, p.Size}, Payload: Ref{p.Payload.Digest, p.Payload.Size},
		})
	}
	return r, nil
}
