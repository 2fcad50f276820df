package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/publish"
)

// OtherPayload returns a target that puts payload in the place of every payload that is
// pushed to it, and makes manifests and digests fit: what somebody publishes who does not
// pack as others do. It is for one artifact and one goroutine.
func OtherPayload(to publish.Target, payload []byte) publish.Target {
	return &otherPayload{to, payload, map[artifact.Digest]artifact.Descriptor{}}
}

type otherPayload struct {
	to      publish.Target
	payload []byte
	instead map[artifact.Digest]artifact.Descriptor // of what was changed
}

// Put implements publish.Target.
func (o *otherPayload) Put(ctx context.Context, d artifact.Descriptor, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	switch d.MediaType {
	case artifact.MediaTarGzip:
		b = o.payload
	case artifact.MediaManifest, artifact.MediaIndex:
		if b, err = o.rewrite(b); err != nil {
			return err
		}
	}
	other := d
	other.Digest, other.Size = artifact.DigestOf(b), int64(len(b))
	o.instead[d.Digest] = other
	return o.to.Put(ctx, other, bytes.NewReader(b))
}

// Tag implements publish.Target.
func (o *otherPayload) Tag(ctx context.Context, name, tag string, d artifact.Descriptor) error {
	return o.to.Tag(ctx, name, tag, o.instead[d.Digest])
}

// rewrite changes what a manifest says of what was changed.
func (o *otherPayload) rewrite(manifest []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(manifest))
	d.UseNumber()
	var x any
	if err := d.Decode(&x); err != nil {
		return nil, fmt.Errorf("rewrite a manifest: %w", err)
	}
	o.walk(x)
	return json.Marshal(x)
}

func (o *otherPayload) walk(x any) {
	switch x := x.(type) {
	case map[string]any:
		if s, ok := x["digest"].(string); ok {
			if d, ok := o.instead[artifact.Digest(s)]; ok {
				x["digest"], x["size"] = d.Digest, d.Size
			}
		}
		for _, v := range x {
			o.walk(v)
		}
	case []any:
		for _, v := range x {
			o.walk(v)
		}
	}
}
