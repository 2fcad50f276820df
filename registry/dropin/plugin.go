package dropin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/store"
)

// plugin is a plugin folder that was packed. Its metadata is in memory, its payloads are
// packed again when somebody reads them: packing is reproducible.
type plugin struct {
	release  release
	metadata map[artifact.Digest][]byte
	payloads map[artifact.Digest]bool
}

// pack packs the folder of an entry that counts, unless it is packed already, and says why
// if that cannot be done.
func (f *Folder) pack(ctx context.Context, e *entry) {
	if e.Kind != PluginFolder || e.Err != nil || e.plugin != nil || ctx.Err() != nil {
		return
	}
	root, err := os.OpenRoot(filepath.Join(f.path, e.Name))
	if err == nil {
		defer root.Close()
		e.plugin, err = packed(ctx, root, e.m)
	}
	if err == nil {
		if s, serr := stampFolder(root, e.m); serr != nil || s.Sum != e.stamp {
			err = ErrSettling
		}
	}
	if err != nil {
		e.plugin, e.again = nil, errors.Is(err, ErrSettling)
		f.fails(e, err)
	}
}

// packed packs a plugin folder and keeps its metadata.
func packed(ctx context.Context, root *os.Root, m *manifest.Manifest) (*plugin, error) {
	p, err := publish.Pack(root, publish.Options{})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if !p.Manifest.Equal(m) {
		return nil, ErrSettling
	}
	rec, err := index.RecordOf(ctx, p, &p.Image, time.Time{})
	if err != nil {
		return nil, err
	}
	x := &plugin{metadata: map[artifact.Digest][]byte{}, payloads: map[artifact.Digest]bool{}}
	if x.release.Release, err = index.NewRelease(rec); err != nil {
		return nil, err
	}
	x.release.header = index.Header{Summary: m.Summary, License: m.License, Keywords: m.Keywords}
	for _, k := range rec.Packages {
		x.payloads[k.Payload.Digest] = true
	}
	for _, b := range p.Blobs() {
		if x.payloads[b.Digest] {
			continue
		}
		r, err := p.Open(ctx, b.Descriptor)
		if err != nil {
			return nil, err
		}
		raw, err := limited(r, artifact.MaxManifest)
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		x.metadata[b.Digest] = raw
	}
	return x, nil
}

// open opens the bytes of d, which the entry called name has; others are store.ErrNotFound.
func (x *plugin) open(ctx context.Context, dir string, d artifact.Descriptor) (io.ReadCloser, error) {
	if raw, ok := x.metadata[d.Digest]; ok {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	p, err := publish.Pack(root, publish.Options{})
	if err != nil {
		return nil, err
	}
	r, err := p.Open(ctx, d)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w: the folder changed since it was looked at", dir, store.ErrNotFound), p.Close())
	}
	return repacked{r, p}, nil
}

// repacked is a payload that goes when it is closed.
type repacked struct {
	io.ReadCloser
	p *artifact.Packed
}

// Close removes the packed files.
func (r repacked) Close() error { return errors.Join(r.ReadCloser.Close(), r.p.Close()) }
