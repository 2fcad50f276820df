package artifact

import (
	"context"
	"fmt"

	"github.com/plugstead/plugstead/internal/strictjson"
)

// Outline is what the image index of a plugin says by itself, in one blob. Its facts are
// those of the annotation [AnnotationResolve]; [Read] compares them with plugin.json.
type Outline struct {
	Descriptor              // of the image index
	Facts      Facts        // claimed, not compared with anything
	Meta       Descriptor   // of the metadata manifest
	Packages   []PackageRef // one per runtime and platform, in index order

	resolve string // the annotation
}

// ReadOutline reads raw, the bytes of an OCI index, whose descriptor is d. It returns an
// error that wraps [ErrNotPlugin] if raw is something else. It does not compare d with raw.
func ReadOutline(d Descriptor, raw []byte) (*Outline, error) {
	im, resolve, err := parseIndex(d, raw)
	if err != nil {
		return nil, err
	}
	o := &Outline{Descriptor: im.Descriptor, Meta: im.Meta, Packages: im.Packages, resolve: resolve}
	if err := strictjson.Unmarshal([]byte(resolve), &o.Facts, strictjson.Limits{Size: MaxResolve, Depth: 16, RefuseNull: true}); err != nil {
		return nil, fmt.Errorf("annotation %s: %w", AnnotationResolve, err)
	}
	return o, nil
}

// Image reads metadata and plugin.json of the artifact from b and checks that they agree
// with the image index, as [Read] does.
func (o *Outline) Image(ctx context.Context, b Blobs) (*Image, error) {
	im := &Image{Descriptor: o.Descriptor, Meta: o.Meta, Packages: o.Packages}
	if err := im.readMeta(ctx, b); err != nil {
		return nil, fmt.Errorf("read artifact %s: %w", o.Digest.Short(), err)
	}
	if err := im.check(o.resolve); err != nil {
		return nil, fmt.Errorf("read artifact %s: %w", o.Digest.Short(), err)
	}
	return im, nil
}

// Claims returns the facts that raw, the bytes of an OCI index, gives in its annotation
// [AnnotationResolve]. It returns an error that wraps [ErrNotPlugin] if raw is something
// else. What it returns is not compared with plugin.json; [Read] does that.
func Claims(raw []byte) (Facts, error) {
	o, err := ReadOutline(Descriptor{}, raw)
	if err != nil {
		return Facts{}, err
	}
	return o.Facts, nil
}
