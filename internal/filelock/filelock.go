// Package filelock locks a file between processes.
//
// The lock belongs to the open file, so the system frees it when the process
// ends, however it ends.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// ErrHeld says that another process holds the lock.
var ErrHeld = errors.New("held by another process")

// retryEvery is how often a waiting process asks again.
const retryEvery = 20 * time.Millisecond

// Lock is a held lock. Unlock frees it; it may be called once.
type Lock struct{ f *flock.Flock }

// Exclusive waits for the sole lock on path until ctx ends. The error then wraps
// [ErrHeld] and the cause of ctx. The file is made if it is missing and is never
// removed: removing it would let two processes lock two files of one name.
func Exclusive(ctx context.Context, path string) (*Lock, error) {
	f := flock.New(path)
	ok, err := f.TryLockContext(ctx, retryEvery)
	return held(path, f, ok, err)
}

// TryExclusive takes the sole lock on path or fails at once with [ErrHeld].
func TryExclusive(path string) (*Lock, error) {
	f := flock.New(path)
	ok, err := f.TryLock()
	return held(path, f, ok, err)
}

// TryShared takes a lock that several processes may hold together, or fails at
// once with [ErrHeld] if one holds it alone.
func TryShared(path string) (*Lock, error) {
	f := flock.New(path)
	ok, err := f.TryRLock()
	return held(path, f, ok, err)
}

// SharedExisting is TryShared of a file that is there: it is opened for reading only, and
// the error wraps fs.ErrNotExist if it is not there.
func SharedExisting(path string) (*Lock, error) {
	f := flock.New(path, flock.SetFlag(os.O_RDONLY))
	ok, err := f.TryRLock()
	return held(path, f, ok, err)
}

// ExclusiveExisting is TryExclusive of a file that is there, as SharedExisting opens it.
func ExclusiveExisting(path string) (*Lock, error) {
	f := flock.New(path, flock.SetFlag(os.O_RDONLY))
	ok, err := f.TryLock()
	return held(path, f, ok, err)
}

func held(path string, f *flock.Flock, ok bool, err error) (*Lock, error) {
	switch {
	case ok && err == nil:
		return &Lock{f}, nil
	case err == nil:
		err = ErrHeld
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w (%w)", ErrHeld, err)
	}
	f.Close()
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// Unlock frees the lock.
func (l *Lock) Unlock() error { return l.f.Close() }
