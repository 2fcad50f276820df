package fetch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// Limits of an [Index].
const (
	DefaultReaders = 16      // documents that are read at one time
	MaxIndexBytes  = 1 << 30 // of all documents of one Index together
	leastRelease   = 512     // bytes that a release counts for at least
)

var (
	// ErrOffline says that something is needed that is not here, and nothing may be
	// asked for.
	ErrOffline = errors.New("not here, and the network may not be used")
	// ErrTooMuch says that the documents of one [Index] are beyond [MaxIndexBytes].
	ErrTooMuch = errors.New("too many index documents")
)

// IndexOptions are the optional properties of an [Index].
type IndexOptions struct {
	// Cache is the folder in which documents of a [Remote] are kept from one Index to the
	// next, as docs/spec/index.md describes. "": none are. A folder that cannot be used is
	// done without, also one that other users may write to.
	Cache string
	// Offline answers from the cache, however old it is, and asks no [Remote]. What is not
	// in the cache fails with [ErrOffline].
	Offline bool
	Readers int // documents that are read at one time; default [DefaultReaders]
}

// Index reads the documents of sources for one operation, a resolution for example: each
// at most once, several at a time, those first for which somebody waits. What it says of
// a name never changes. Its methods allow concurrent calls. Make it with [OpenIndex].
type Index struct {
	ctx    context.Context // of everything that is read
	cancel context.CancelFunc
	from   Sources
	o      IndexOptions
	work   sync.WaitGroup

	mu      sync.Mutex
	flights map[manifest.ID]*flight
	waiting []*flight // not begun; the next one last
	running int
	size    int64              // of what was read
	remotes map[string]*remote // by identity
}

var (
	_ index.Index        = (*Index)(nil)
	_ resolve.Prefetcher = (*Index)(nil)
)

// flight is the reading of one document. p and err are there once done is closed.
type flight struct {
	id   manifest.ID
	done chan struct{}
	p    *index.Plugin
	err  error
}

// OpenIndex returns an index of the documents of from. Nothing is read yet. The end of
// ctx ends all reading. The caller closes it.
func OpenIndex(ctx context.Context, from Sources, o IndexOptions) *Index {
	if o.Readers <= 0 {
		o.Readers = DefaultReaders
	}
	x := &Index{from: from, o: o, flights: map[manifest.ID]*flight{}, remotes: map[string]*remote{}}
	x.ctx, x.cancel = context.WithCancel(ctx)
	return x
}

// Close ends what is still being read ahead, and waits for it. It may write to the cache,
// unless the context of the Index has ended.
func (x *Index) Close() error {
	x.mu.Lock()
	x.waiting = nil
	ended := x.ctx.Err() != nil
	x.cancel()
	x.mu.Unlock()
	x.work.Wait()
	for _, r := range x.remotes {
		r.cache.close(!ended)
	}
	clear(x.remotes)
	return nil
}

// Plugin implements index.Index. Besides the errors of sources it returns [ErrNoSource],
// [ErrOffline], [ErrTooMuch] and the cause of the end of ctx.
func (x *Index) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	f := x.begin(id, true)
	select {
	case <-f.done:
		return f.p, f.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-x.ctx.Done(): // it may never begin
	}
	select {
	case <-f.done:
		return f.p, f.err
	default:
		return nil, context.Cause(x.ctx)
	}
}

// Prefetch implements resolve.Prefetcher: it begins to read documents without waiting.
// Errors come when somebody asks for them.
func (x *Index) Prefetch(ids ...manifest.ID) {
	for _, id := range slices.Backward(ids) { // the first is the next
		x.begin(id, false)
	}
}

// begin returns the reading of id, which runs now or waits for its turn: in front if it
// is needed now, behind everything else if not.
func (x *Index) begin(id manifest.ID, now bool) *flight {
	x.mu.Lock()
	defer x.mu.Unlock()
	f := x.flights[id]
	switch {
	case f == nil:
		f = &flight{id: id, done: make(chan struct{})}
		x.flights[id] = f
		x.waiting = append(x.waiting, f)
	case now:
		if i := slices.Index(x.waiting, f); i >= 0 {
			x.waiting = append(slices.Delete(x.waiting, i, i+1), f)
		}
	}
	if x.running < x.o.Readers && len(x.waiting) > 0 && x.ctx.Err() == nil {
		x.running++
		x.work.Go(x.read)
	}
	return f
}

// read reads documents until none waits.
func (x *Index) read() {
	for {
		x.mu.Lock()
		n := len(x.waiting)
		if n == 0 || x.ctx.Err() != nil {
			x.running--
			x.mu.Unlock()
			return
		}
		f := x.waiting[n-1]
		x.waiting = x.waiting[:n-1]
		x.mu.Unlock()
		f.p, f.err = x.plugin(f.id)
		close(f.done)
	}
}

func (x *Index) plugin(id manifest.ID) (*index.Plugin, error) {
	src, err := x.from.For(id)
	if err != nil {
		return nil, err
	}
	p, err := x.document(src, id)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range p.Releases {
		x.size += int64(max(len(r.Raw), leastRelease))
	}
	if x.size > MaxIndexBytes {
		return nil, fmt.Errorf("%w: more than %d bytes with that of %s", ErrTooMuch, MaxIndexBytes, id)
	}
	return x.from.narrow(p), nil
}

func (x *Index) document(src Source, id manifest.ID) (*index.Plugin, error) {
	r, ok := src.(Remote)
	if !ok {
		return src.Plugin(x.ctx, id)
	}
	x.mu.Lock()
	from := x.remotes[r.Identity()]
	if from == nil {
		from = newRemote(r, x.o)
		x.remotes[r.Identity()] = from
	}
	x.mu.Unlock()
	return from.plugin(x.ctx, id)
}
