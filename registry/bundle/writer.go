package bundle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/mirror"
)

// Write writes s to the file at path, which it replaces whole or not at all. Every blob is
// read from the source and checked against its digest on the way; errors are those of the
// source, artifact.ErrDigest and index.ErrMismatch.
func Write(ctx context.Context, s *mirror.Set, path string) (mirror.Report, error) {
	rep := s.Count()
	e := &export{set: s, blobs: map[artifact.Digest]part{}}
	if err := e.plan(ctx); err != nil {
		return rep, err
	}
	for _, p := range e.blobs {
		rep.Added++
		rep.Bytes += p.d.Size
	}
	rep.Changed = true
	return rep, durable.WriteFrom(path, 0o644, func(w io.Writer) error { return e.write(ctx, w) })
}

// export is a bundle that is being written.
type export struct {
	set   *mirror.Set
	refs  []artifact.Descriptor // the entries of index.json
	blobs map[artifact.Digest]part
}

// part is a blob, and which plugin's.
type part struct {
	id manifest.ID
	d  artifact.Descriptor
}

// plan finds out what there is to write.
func (e *export) plan(ctx context.Context) error {
	for _, it := range e.set.Items {
		first := len(e.refs)
		for _, r := range it.Releases {
			list, err := mirror.Parts(ctx, e.set.From.Blobs(it.ID), r)
			if err != nil {
				return fmt.Errorf("copy %s %s: %w", it.ID, r.Version, err)
			}
			for _, d := range list {
				e.blobs[d.Digest] = part{it.ID, d}
			}
			d := r.Image()
			d.Annotations = map[string]string{refName: string(it.ID) + ":" + artifact.TagOf(r.Version)}
			e.refs = append(e.refs, d)
		}
		order := map[artifact.Digest]mirror.Release{}
		for _, r := range it.Releases {
			order[r.Digest] = r
		}
		slices.SortStableFunc(e.refs[first:], func(a, b artifact.Descriptor) int {
			x, y := order[a.Digest].Version, order[b.Digest].Version
			return cmp.Or(x.Compare(y), cmp.Compare(x.String(), y.String()))
		})
	}
	return nil
}

func (e *export) write(ctx context.Context, w io.Writer) error {
	refs := e.refs
	if refs == nil {
		refs = []artifact.Descriptor{}
	}
	ix, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": artifact.MediaIndex, "manifests": refs})
	if err != nil {
		return err
	}
	available, err := e.set.Available().Bytes()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		b    []byte
	}{{layoutName, []byte(layout)}, {indexName, ix}, {availableName, available}} {
		if err := entry(w, f.name, int64(len(f.b)), bytes.NewReader(f.b)); err != nil {
			return err
		}
	}
	for _, it := range e.set.Items {
		if err := entry(w, documents+string(it.ID), int64(len(it.Document)), bytes.NewReader(it.Document)); err != nil {
			return err
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(e.blobs)) {
		if err := e.blob(ctx, w, e.blobs[digest]); err != nil {
			return err
		}
	}
	_, err = w.Write(make([]byte, 2*block))
	return err
}

func (e *export) blob(ctx context.Context, w io.Writer, p part) error {
	r, err := e.set.From.Blobs(p.id).Open(ctx, p.d)
	if err != nil {
		return fmt.Errorf("copy %s: %w", p.id, err)
	}
	defer r.Close()
	if err := entry(w, blobs+p.d.Digest.Hex(), p.d.Size, artifact.Verify(r, p.d)); err != nil {
		return fmt.Errorf("copy %s: %w", p.id, err)
	}
	return nil
}

// entry writes one entry; r gives exactly size bytes.
func entry(w io.Writer, name string, size int64, r io.Reader) error {
	if size > limit(name) {
		return fmt.Errorf("%s: %d bytes, more than the limit of %d", name, size, limit(name))
	}
	h, err := header(name, size)
	if err != nil {
		return err
	}
	if _, err := w.Write(h); err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	_, err = w.Write(make([]byte, padding(size)))
	return err
}
