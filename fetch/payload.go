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
	if b.has(ctx, d) {
		p.Done, p.Cached = p.Size, true
		return b.into, p, nil
	}
	w := &download{d: d, retry: o.Retry, p: p, report: o.Events.Progress}
	st, resumes := b.into.(adopter)
	switch {
	case d.Size <= o.Memory/int64(o.Parallel):
		return small(ctx, w, b, o)
	case resumes:
		cached, err := large(ctx, w, b, st)
		w.p.Cached = cached
		return b.into, w.p, err
	}
	r, err := b.from.Open(ctx, d)
	if err != nil {
		return nil, p, err
	}
	defer r.Close()
	m := &meter{r: r, p: p, report: o.Events.Progress}
	err = b.into.Put(ctx, d, m)
	return b.into, m.p, err
}

// has reports whether the store has all bytes of d.
func (t through) has(ctx context.Context, d artifact.Descriptor) bool {
	r, err := t.kept(ctx, d)
	return err == nil && r.Close() == nil
}

// small brings a payload into memory, and from there into the store if nobody takes it.
func small(ctx context.Context, w *download, b through, o Options) (artifact.Blobs, Progress, error) {
	buf := newBuffer(w.d)
	w.to = buf
	if err := w.run(ctx, b.from); err != nil {
		return nil, w.p, err
	}
	if o.Each != nil {
		return memory{w.d.Digest: buf.b}, w.p, nil
	}
	return b.into, w.p, b.into.Put(ctx, w.d, buf.reader())
}

// large brings a payload into the store by way of a file that outlives a failure. Of
// several processes one fetches, and the others find it in the store.
func large(ctx context.Context, w *download, b through, st adopter) (cached bool, err error) {
	unlock, err := lockPartial(ctx, st.Dir(), w.d.Digest)
	if err != nil {
		return false, err
	}
	defer unlock()
	if b.has(ctx, w.d) {
		w.p.Done = w.p.Size
		return true, nil
	}
	f, err := openPartial(st, w.d)
	if err != nil {
		return false, err
	}
	defer f.close()
	w.to = f
	if f.n > 0 {
		w.tell()
	}
	return false, w.run(ctx, b.from)
}

// buffer is a part in memory.
type buffer struct {
	d artifact.Descriptor
	b []byte
}

func newBuffer(d artifact.Descriptor) *buffer { return &buffer{d, make([]byte, 0, d.Size)} }

func (m *buffer) Write(p []byte) (int, error) {
	m.b = append(m.b, p...)
	return len(p), nil
}

func (m *buffer) size() int64 { return int64(len(m.b)) }

func (m *buffer) reset() error {
	m.b = m.b[:0]
	return nil
}

func (m *buffer) finish(context.Context) error {
	if got := artifact.DigestOf(m.b); got != m.d.Digest {
		return fmt.Errorf("%s: %w: got %s", m.d.Digest.Short(), artifact.ErrDigest, got.Short())
	}
	return nil
}

func (m *buffer) reader() io.Reader { return bytes.NewReader(m.b) }

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
