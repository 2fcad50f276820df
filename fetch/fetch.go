package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/version"
)

// Progress tells how far one payload is.
type Progress struct {
	ID         manifest.ID
	Version    version.Version
	Digest     artifact.Digest
	Done, Size int64 // bytes
	Cached     bool  // it was there already
}

// Events tell what is going on. Every field may be nil. They are called from
// several goroutines, but never at the same time for one payload.
type Events struct {
	Progress func(Progress) // bytes arrived
	Fetched  func(Progress) // a payload is complete in the store
}

// Defaults of [Options].
const (
	DefaultParallel = 8
	DefaultMemory   = 64 << 20
)

// Options are the optional properties of a fetch.
type Options struct {
	Parallel int // plugins at a time; default [DefaultParallel]
	// Each takes a plugin as soon as all its bytes are here, while others still arrive. It
	// is called by several goroutines. Its error ends the fetch. Nil: nobody waits.
	Each func(context.Context, Fetched) error
	// Memory is how many bytes of payloads may be in memory at one time, default
	// [DefaultMemory]. With Each a payload of at most Memory / Parallel is not put into the
	// store: whoever takes it writes it somewhere anyway.
	Memory int64
	// Have reports that the payload of a digest is unpacked already and need not be
	// fetched. Default: none is.
	Have func(artifact.Digest) bool
	// Offline takes from a [Remote] only what is in the store already; anything else
	// fails with [ErrOffline].
	Offline bool
	// Retry says how reading a blob goes on that broke off.
	Retry  Retry
	Events Events

	memory *stock // of one fetch
}

// Fetched is a chosen plugin whose bytes are in the local store.
type Fetched struct {
	Choice  resolve.Choice
	Source  string // identity
	Image   *artifact.Image
	Package artifact.Package
	// Payload has the bytes of the payload: the store, or memory. Nil if Have reported it.
	Payload artifact.Blobs
}

// Fetch brings the choices into the store and returns them in the same order. Every
// byte is checked against its digest before it counts; what is in the store is not
// fetched again. The first error stops the rest; what was fetched stays.
func Fetch(ctx context.Context, from Sources, into store.Store, choices []resolve.Choice, o Options) ([]Fetched, error) {
	if o.Parallel <= 0 {
		o.Parallel = DefaultParallel
	}
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	o.memory = new(stock)
	sweepPartial(into, time.Now())
	out := make([]Fetched, len(choices))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(o.Parallel)
	for i, c := range choices {
		g.Go(func() (err error) {
			if out[i], err = one(ctx, from, into, c, o); err != nil {
				return fmt.Errorf("fetch %s %s: %w", c.ID, c.Release.Version, err)
			}
			if o.Each == nil {
				return nil
			}
			err = o.Each(ctx, out[i])
			if m, ok := out[i].Payload.(memory); ok {
				o.memory.give(m.b)
			}
			out[i].Payload = nil
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

func one(ctx context.Context, from Sources, into store.Store, c resolve.Choice, o Options) (Fetched, error) {
	src, err := from.For(c.ID)
	if err != nil {
		return Fetched{}, err
	}
	b := through{from: src.Blobs(c.ID), into: into, retry: o.Retry}
	if _, far := src.(Remote); far && o.Offline {
		b.from = unreachable{src.Identity()}
	}
	im, err := artifact.Read(ctx, b, c.Release.Image())
	if err != nil {
		return Fetched{}, err
	}
	pkg, err := findPackage(ctx, b, im, c)
	if err != nil {
		return Fetched{}, err
	}
	f := Fetched{Choice: c, Source: src.Identity(), Image: im, Package: pkg}
	p := Progress{ID: c.ID, Version: c.Release.Version, Digest: pkg.Payload.Digest, Size: pkg.Payload.Size}
	if o.Have != nil && o.Have(pkg.Payload.Digest) {
		p.Done, p.Cached = p.Size, true
	} else if f.Payload, p, err = payload(ctx, b, pkg.Payload, p, o); err != nil {
		return Fetched{}, err
	}
	if o.Events.Fetched != nil {
		o.Events.Fetched(p)
	}
	return f, nil
}

// findPackage reads the package manifest that the choice named.
func findPackage(ctx context.Context, b artifact.Blobs, im *artifact.Image, c resolve.Choice) (artifact.Package, error) {
	for _, ref := range im.Packages {
		if ref.Runtime == c.Package.Runtime && ref.Platform == c.Package.Platform {
			return artifact.ReadPackage(ctx, b, ref)
		}
	}
	return artifact.Package{}, fmt.Errorf("artifact has no package for %s on %s, which the index promised", c.Package.Runtime, c.Package.Platform)
}

// unreachable stands for the bytes of a source that may not be asked.
type unreachable struct{ source string }

func (u unreachable) Open(_ context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	return nil, fmt.Errorf("%s from %s: %w", d.Digest.Short(), u.source, ErrOffline)
}

// through reads from a store and fills it from a source.
type through struct {
	from  artifact.Blobs
	into  store.Store
	retry Retry
}

// remover is a store that can drop bytes.
type remover interface {
	Remove(artifact.Descriptor) error
}

// kept opens what the store has of d. Bytes that went bad there since they were put
// are removed and count as missing: otherwise nothing that needs them could ever be
// installed again.
func (t through) kept(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	r, err := t.into.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	_, bad := io.Copy(io.Discard, artifact.Verify(r, d))
	if err := r.Close(); err != nil {
		return nil, err
	}
	if rm, ok := t.into.(remover); ok && errors.Is(bad, artifact.ErrDigest) {
		return nil, errors.Join(bad, rm.Remove(d))
	}
	return t.into.Open(ctx, d)
}

// Open implements artifact.Blobs for metadata, which fits in memory.
func (t through) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if r, err := t.kept(ctx, d); err == nil {
		return r, nil
	}
	if d.Size < 0 || d.Size > artifact.MaxManifest {
		return nil, fmt.Errorf("%s: metadata of %d bytes, more than %d", d.Digest.Short(), d.Size, artifact.MaxManifest)
	}
	buf := newBuffer(d)
	w := download{d: d, to: buf, retry: t.retry}
	if err := w.run(ctx, t.from); err != nil {
		return nil, err
	}
	if err := t.into.Put(ctx, d, buf.checked.Open()); err != nil {
		return nil, err
	}
	return t.into.Open(ctx, d)
}
