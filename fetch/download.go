package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/plugstead/plugstead/artifact"
)

// ErrNoRange says that a source gives blobs only as a whole.
var ErrNoRange = errors.New("no part of a blob to be had")

// Ranger is an artifact.Blobs that can begin in the middle. It is found by type
// assertion. Implementations allow concurrent calls.
type Ranger interface {
	// OpenAt returns the bytes of d from offset on, which is more than 0 and less than
	// d.Size. The caller closes. ctx bounds the reader, too. The error wraps [ErrNoRange]
	// if the source does not give exactly these bytes, and is as that of Open otherwise.
	OpenAt(ctx context.Context, d artifact.Descriptor, offset int64) (io.ReadCloser, error)
}

// part is the beginning of a blob.
type part interface {
	// read reads r once and adds what comes. Its error is that of r, a hereError, or
	// errLonger if r has more than the missing bytes.
	read(r io.Reader, missing int64) error
	size() int64
	reset() error // to nothing
	// finish checks all bytes and hands them on, or returns artifact.ErrDigest.
	finish(context.Context) error
}

// hereError is of this machine: another try and another source do not help.
type hereError struct{ error }

func (e hereError) Unwrap() error { return e.error }

// progressPerTry is how many bytes a connection must bring so that the tries before it
// do not count.
const progressPerTry = 256 << 10

// download brings a blob from sources into a part.
type download struct {
	d      artifact.Descriptor
	to     part
	retry  Retry
	p      Progress
	report func(Progress) // may be nil
}

// run takes the bytes from the sources of b in order, each continuing where the one
// before it ended.
func (w *download) run(ctx context.Context, b artifact.Blobs) error {
	var failed MirrorsError
	list := mirrorsOf(b).list
	for _, m := range list {
		err := w.from(ctx, m.blobs)
		if here, ok := errors.AsType[hereError](err); ok {
			return here.error
		}
		if err == nil || ctx.Err() != nil || len(list) == 1 {
			return err
		}
		failed = append(failed, MirrorFailure{m.name, err})
	}
	return failed
}

// from takes the bytes from one source, as often as it brings something. If a beginning
// of somebody else may be what is wrong with the whole, it asks for all of it once.
func (w *download) from(ctx context.Context, b artifact.Blobs) error {
	best := w.to.size()
	for failures, foreign := 0, best > 0; ; {
		again, err := w.stream(ctx, b)
		if err == nil {
			err = w.to.finish(ctx)
		}
		wrong := errors.Is(err, artifact.ErrDigest)
		again = again && (!wrong || w.to.size() > best) // a short answer that brought nothing stays short
		if again && w.to.size()-best >= progressPerTry {
			failures = 0
		}
		if again && failures < w.retry.Limit() {
			failures++
			best = max(best, w.to.size())
			if over := w.retry.Wait(ctx, w.retry.Delay(failures)); over != nil {
				return over
			}
			continue
		}
		if wrong {
			if here := w.reset(); here != nil {
				return here
			}
			if foreign {
				best, foreign = 0, false
				continue
			}
		}
		return brokeOff(failures, err)
	}
}

func brokeOff(times int, err error) error {
	if err == nil || times == 0 {
		return err
	}
	return fmt.Errorf("%w (broke off %d times)", err, times+1)
}

// stream reads what is missing. again: it broke off, and may go on another time.
func (w *download) stream(ctx context.Context, b artifact.Blobs) (again bool, err error) {
	if w.to.size() == w.d.Size && w.d.Size > 0 {
		return false, nil
	}
	r, err := w.open(ctx, b)
	if err != nil {
		return false, err
	}
	defer r.Close()
	if err = w.copy(r); err == nil && w.to.size() < w.d.Size {
		_, again = b.(Ranger) // a proxy may have cut it off
		return again, fmt.Errorf("%s: %w: %d of %d bytes missing", w.d.Digest.Short(), artifact.ErrDigest, w.d.Size-w.to.size(), w.d.Size)
	}
	return errors.Is(err, ErrUnreachable), err
}

// open opens what is missing, or all if the source has no parts to give.
func (w *download) open(ctx context.Context, b artifact.Blobs) (io.ReadCloser, error) {
	offset := w.to.size()
	if ranger, ok := b.(Ranger); ok && offset > 0 {
		r, err := ranger.OpenAt(ctx, w.d, offset)
		if !errors.Is(err, ErrNoRange) {
			return r, err
		}
	}
	if offset > 0 {
		if err := w.reset(); err != nil {
			return nil, err
		}
	}
	return b.Open(ctx, w.d)
}

// readMost is how many bytes are read at once, so that somebody can be told.
const readMost = 256 << 10

var errLonger = errors.New("longer")

// copy adds what r has, never more than is missing.
func (w *download) copy(r io.Reader) error {
	for {
		before := w.to.size()
		err := w.to.read(r, w.d.Size-before)
		if errors.Is(err, errLonger) {
			return fmt.Errorf("%s: %w: longer than %d bytes", w.d.Digest.Short(), artifact.ErrDigest, w.d.Size)
		}
		if w.to.size() > before {
			w.tell()
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (w *download) reset() error {
	if err := w.to.reset(); err != nil {
		return hereError{err}
	}
	return nil
}

// tell reports how much is there.
func (w *download) tell() {
	w.p.Done = w.to.size()
	if w.report != nil {
		w.report(w.p)
	}
}
