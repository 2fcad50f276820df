package fetch

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/store"
)

// payload brings a payload into memory or into the store.
func payload(ctx context.Context, b through, d artifact.Descriptor, p Progress, o Options) (artifact.Blobs, Progress, error) {
	if r, err := b.kept(ctx, d); err == nil {
		p.Done, p.Cached = p.Size, true
		return b.into, p, r.Close()
	}
	r, err := b.from.Open(ctx, d)
	if err != nil {
		return nil, p, err
	}
	defer r.Close()
	m := &meter{r: r, p: p, report: o.Events.Progress}
	if o.Each != nil && d.Size <= o.Memory/int64(o.Parallel) {
		x, err := inMemory(m, d)
		return x, m.p, err
	}
	return b.into, m.p, b.into.Put(ctx, d, m)
}

// inMemory reads all of d.
func inMemory(r io.Reader, d artifact.Descriptor) (artifact.Blobs, error) {
	b := bytes.NewBuffer(make([]byte, 0, d.Size+bytes.MinRead))
	if _, err := io.Copy(b, artifact.Verify(r, d)); err != nil {
		return nil, err
	}
	return memory{d.Digest: b.Bytes()}, nil
}

// memory is bytes that were checked already.
type memory map[artifact.Digest][]byte

func (m memory) Open(_ context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	b, ok := m[d.Digest]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", d.Digest.Short(), store.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// meter reports the bytes that pass through it.
type meter struct {
	r      io.Reader
	p      Progress
	report func(Progress)
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.p.Done += int64(n)
	if m.report != nil && n > 0 {
		m.report(m.p)
	}
	return n, err
}
