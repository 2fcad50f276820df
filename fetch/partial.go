package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/store"
)

// PartialAge is how long nobody wrote to an unfinished file when it is removed.
const PartialAge = 7 * 24 * time.Hour

// The folder of unfinished files in a store, as docs/spec/installation.md describes.
const (
	partialFolder = "partial"
	partialGuard  = ".lock" // held for an instant, to take or remove another lock
	partialLock   = ".lock" // behind the digits of a digest
)

// lockPoll is how often a waiting process looks whether a lock is free.
const lockPoll = 50 * time.Millisecond

// adopter is a store in a folder that takes over a file.
type adopter interface {
	Dir() string
	Adopt(ctx context.Context, d artifact.Descriptor, path string) error
}

// partial is an unfinished file whose lock is held.
type partial struct {
	into adopter
	d    artifact.Descriptor
	path string
	f    *os.File // nil until something is written
	n    int64
	buf  []byte
}

// openPartial continues the file of d if there is one. What cannot be the beginning of d
// is removed.
func openPartial(into adopter, d artifact.Descriptor) (*partial, error) {
	p := &partial{into: into, d: d, path: partialPath(into.Dir(), d.Digest)}
	info, err := os.Lstat(p.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > d.Size:
		return p, p.reset()
	}
	p.n = info.Size()
	return p, nil
}

func partialPath(dir string, d artifact.Digest) string {
	return filepath.Join(dir, partialFolder, d.Hex())
}

func (p *partial) read(r io.Reader, missing int64) error {
	if p.buf == nil {
		p.buf = make([]byte, min(missing+1, readMost))
	}
	n, err := r.Read(p.buf[:min(missing+1, int64(len(p.buf)))])
	if int64(n) > missing {
		return errLonger
	}
	if n > 0 {
		if err := p.write(p.buf[:n]); err != nil {
			return hereError{err}
		}
	}
	return err
}

// write appends b.
func (p *partial) write(b []byte) error {
	if p.f == nil {
		f, err := os.OpenFile(p.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		p.f = f
	}
	n, err := p.f.Write(b)
	p.n += int64(n)
	return err
}

func (p *partial) size() int64 { return p.n }

func (p *partial) close() error {
	if p.f == nil {
		return nil
	}
	f := p.f
	p.f = nil
	return f.Close()
}

func (p *partial) reset() error {
	err := p.close()
	p.n = 0
	if rerr := os.Remove(p.path); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		return rerr
	}
	return err
}

func (p *partial) finish(ctx context.Context) error {
	if p.f == nil && p.n == 0 { // an empty payload
		if err := p.write(nil); err != nil {
			return hereError{err}
		}
	}
	err := p.close()
	if err == nil {
		err = p.into.Adopt(ctx, p.d, p.path)
	}
	if err != nil && !errors.Is(err, artifact.ErrDigest) {
		return hereError{err}
	}
	return err
}

// lockPartial waits for the sole right to the unfinished file of d. A lock file is taken
// and removed under the guard alone, so that nobody waits for one that has gone.
func lockPartial(ctx context.Context, dir string, d artifact.Digest) (unlock func(), err error) {
	folder := filepath.Join(dir, partialFolder)
	if err := durable.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	guard, path := filepath.Join(folder, partialGuard), partialPath(dir, d)+partialLock
	for {
		lock, err := tryUnder(ctx, guard, path)
		if err == nil {
			return func() { release(guard, path, lock) }, nil
		}
		if !errors.Is(err, filelock.ErrHeld) || ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", d.Short(), err)
		}
		if err := (Retry{}).Wait(ctx, lockPoll); err != nil {
			return nil, err
		}
	}
}

func tryUnder(ctx context.Context, guard, path string) (*filelock.Lock, error) {
	g, err := filelock.Exclusive(ctx, guard)
	if err != nil {
		return nil, err
	}
	defer g.Unlock()
	return filelock.TryExclusive(path)
}

// release frees a lock and removes its file. If that fails the file stays, which harms
// nothing.
func release(guard, path string, lock *filelock.Lock) {
	g, err := filelock.Exclusive(context.Background(), guard)
	_ = lock.Unlock()
	if err == nil {
		_ = os.Remove(path)
		_ = g.Unlock()
	}
}

// sweepPartial removes unfinished files that nobody continued for [PartialAge], and locks
// that a kill left. An error is no reason not to fetch.
func sweepPartial(into store.Store, now time.Time) {
	st, ok := into.(adopter)
	if !ok {
		return
	}
	folder := filepath.Join(st.Dir(), partialFolder)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		hex := strings.TrimSuffix(e.Name(), partialLock)
		if d, err := artifact.ParseDigest("sha256:" + hex); err == nil {
			sweepOne(filepath.Join(folder, partialGuard), partialPath(st.Dir(), d), now)
		}
	}
}

func sweepOne(guard, path string, now time.Time) {
	g, err := filelock.TryExclusive(guard)
	if err != nil {
		return
	}
	defer g.Unlock()
	if _, err := os.Lstat(path + partialLock); err == nil {
		lock, err := filelock.TryExclusive(path + partialLock)
		if err != nil {
			return // somebody is at it
		}
		_ = lock.Unlock()
		_ = os.Remove(path + partialLock)
	}
	if info, err := os.Lstat(path); err == nil && now.Sub(info.ModTime()) > PartialAge {
		_ = os.Remove(path)
	}
}
