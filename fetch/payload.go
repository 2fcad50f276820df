package fetch

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

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
	buf := &buffer{d: w.d, b: o.memory.take(w.d.Size + 1)}
	w.to = buf
	if err := w.run(ctx, b.from); err != nil {
		return nil, w.p, err
	}
	if o.Each != nil {
		return memory{buf.checked, buf.b}, w.p, nil
	}
	defer o.memory.give(buf.b)
	return b.into, w.p, b.into.Put(ctx, w.d, buf.checked.Open())
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
	d       artifact.Descriptor
	b       []byte
	checked artifact.Checked // once it is finished
}

func newBuffer(d artifact.Descriptor) *buffer {
	return &buffer{d: d, b: make([]byte, 0, d.Size+1)} // one more shows that there is more
}

func (m *buffer) read(r io.Reader, missing int64) error {
	at, room := len(m.b), int(min(missing+1, readMost))
	m.b = slices.Grow(m.b, room)
	n, err := r.Read(m.b[at : at+room])
	if int64(n) > missing {
		return errLonger
	}
	m.b = m.b[:at+n]
	return err
}

func (m *buffer) size() int64 { return int64(len(m.b)) }

func (m *buffer) reset() error {
	m.b = m.b[:0]
	return nil
}

func (m *buffer) finish(context.Context) (err error) {
	m.checked, err = artifact.Check(m.b, m.d)
	return err
}

// memory is a payload that was checked already.
type memory struct {
	artifact.Checked
	b []byte // to be used again
}

func (m memory) Open(_ context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if d.Digest != m.Digest() {
		return nil, fmt.Errorf("blob %s: %w", d.Digest.Short(), store.ErrNotFound)
	}
	return m.Checked.Open(), nil
}

// stock keeps the memory of payloads for those that follow: new memory has to be made empty
// by the system, page by page. It never has more pieces than were in use at one time.
type stock struct {
	mu   sync.Mutex
	free [][]byte
}

// take returns an empty slice with room for n bytes.
func (s *stock) take(n int64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, b := range s.free {
		if int64(cap(b)) >= n {
			s.free = slices.Delete(s.free, i, i+1)
			return b[:0]
		}
	}
	if n := len(s.free); n > 0 { // they are too small, and one goes for what is made
		s.free = s.free[:n-1]
	}
	return make([]byte, 0, n)
}

// give takes back what nobody reads any more.
func (s *stock) give(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, b)
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
