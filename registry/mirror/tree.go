package mirror

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

// copiers is how many releases are copied at one time.
const copiers = 4

// Report says what a copy is, and what of it was not there before.
type Report struct {
	Plugins  int   `json:"plugins"`  // with a release in the copy
	Releases int   `json:"releases"` // in the copy
	Added    int   `json:"added"`    // files of artifacts that were written
	Bytes    int64 `json:"bytes"`    // in those files
	Changed  bool  `json:"-"`        // anything was written that counts
}

// count fills in what s says.
func (r *Report) count(s *Set) {
	for _, it := range s.Items {
		if n := len(it.Releases); n > 0 {
			r.Plugins++
			r.Releases += n
		}
	}
}

// Count returns the report of a copy of s to a place where nothing was.
func (s *Set) Count() Report {
	var r Report
	r.count(s)
	return r
}

// Tree takes a copy: a *static.Writer. Methods other than Commit allow concurrent calls.
type Tree interface {
	// Check reports whether the document of a plugin may be replaced by another.
	Check(ctx context.Context, id manifest.ID, document []byte) error
	// Blobs gives access to what is there of a plugin.
	Blobs(id manifest.ID) artifact.Blobs
	// Put takes the bytes of d, which open opens if they are not there yet, and reports
	// whether that was so.
	Put(ctx context.Context, id manifest.ID, d artifact.Descriptor, open func() (io.ReadCloser, error)) (added bool, err error)
	// Commit makes documents count, whose bytes are there, and reports whether anything
	// changed.
	Commit(ctx context.Context, documents map[manifest.ID][]byte, available *index.Available) (changed bool, err error)
}

// ToTree adds s to w, which stays open. What w has already is not asked for again. On an
// error nothing counts that did not before; bytes that arrived stay for the next run.
// Errors are those of the source and of w.
func ToTree(ctx context.Context, s *Set, w Tree) (rep Report, err error) {
	for _, it := range s.Items {
		if err := w.Check(ctx, it.ID, it.Document); err != nil {
			return rep, err
		}
	}
	rep.count(s)
	c := &copier{from: s, to: w, rep: &rep}
	if err := c.run(ctx); err != nil {
		return rep, err
	}
	changed, err := w.Commit(ctx, s.Documents(), s.Available())
	rep.Changed = changed || rep.Added > 0
	return rep, err
}

// copier copies releases, several at a time.
type copier struct {
	from *Set
	to   Tree

	mu  sync.Mutex
	rep *Report
}

// job is one release to copy.
type job struct {
	id manifest.ID
	r  Release
}

func (c *copier) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := make(chan job)
	var wg sync.WaitGroup
	for range copiers {
		wg.Go(func() {
			for j := range jobs {
				if err := c.release(ctx, j); err != nil {
					cancel(fmt.Errorf("copy %s %s: %w", j.id, j.r.Version, err))
				}
			}
		})
	}
	for _, it := range c.from.Items {
		for _, r := range it.Releases {
			select {
			case jobs <- job{it.ID, r}:
			case <-ctx.Done():
			}
		}
	}
	close(jobs)
	wg.Wait()
	return context.Cause(ctx)
}

// release copies one release, what others name first.
func (c *copier) release(ctx context.Context, j job) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	b := &remembering{near: c.to.Blobs(j.id), far: c.from.From.Blobs(j.id)}
	list, err := Parts(ctx, b, j.r)
	if err != nil {
		return err
	}
	for _, d := range list {
		if err := c.put(ctx, j.id, b, d); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) put(ctx context.Context, id manifest.ID, b artifact.Blobs, d artifact.Descriptor) error {
	added, err := c.to.Put(ctx, id, d, func() (io.ReadCloser, error) { return b.Open(ctx, d) })
	if err != nil || !added {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rep.Added++
	c.rep.Bytes += d.Size
	return nil
}
