package frame

import (
	"context"
	"io"
	"os"
	"sync"
	"time"
)

// maxQueue is how many bytes wait for a slow reader before senders wait too.
const maxQueue = 8 << 20

// writer sends frames of many goroutines. A sender writes its frame at once if the
// pipe has room, without a goroutine between; what does not fit is queued, so that a
// reader that stands still blocks nobody longer than the sender's context.
type writer struct {
	w   io.Writer
	try func([]byte) (int, error) // writes what fits without waiting; nil: unknown how

	mu    sync.Mutex
	queue []byte
	spare []byte
	busy  bool          // a goroutine writes the queue
	room  chan struct{} // closed when the queue has shrunk
	err   error
}

func newWriter(w io.Writer) *writer {
	out := &writer{w: w, room: make(chan struct{})}
	if f, ok := w.(*os.File); ok && f.SetWriteDeadline(time.Time{}) == nil { // deadlines work: it never blocks a thread
		out.try = tryWriter(f)
	}
	return out
}

// send writes b, or takes a copy to be written later. It returns an error of ctx if
// there was no room in time; then nothing of b is sent.
func (w *writer) send(ctx context.Context, b []byte) error {
	w.mu.Lock()
	for w.err == nil && len(w.queue) > 0 && len(w.queue)+len(b) > maxQueue {
		room := w.room
		w.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
		w.mu.Lock()
	}
	defer w.mu.Unlock()
	return w.put(b)
}

// post is send for short frames that never wait for room.
func (w *writer) post(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.put(b)
}

// maxRefused is how many bytes may wait beyond maxQueue.
const maxRefused = 1 << 20

// refuse is post that reports whether there was room. Nothing is sent if there was none.
func (w *writer) refuse(b []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && len(w.queue)+len(b) > maxQueue+maxRefused {
		return false
	}
	_ = w.put(b) // with the connection the request has ended, too
	return true
}

// put is called with mu held.
func (w *writer) put(b []byte) error {
	if w.err != nil {
		return w.err
	}
	if !w.busy && w.try != nil {
		n, err := w.try(b)
		if err != nil {
			w.err = err
			return err
		}
		if b = b[n:]; len(b) == 0 {
			return nil
		}
	}
	w.queue = append(w.queue, b...)
	if !w.busy {
		w.busy = true
		go w.flush()
	}
	return nil
}

// flush writes the queue until it is empty.
func (w *writer) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 && w.err == nil {
		b := w.queue
		w.queue = w.spare[:0]
		w.mu.Unlock()
		_, err := w.w.Write(b)
		w.mu.Lock()
		if err != nil {
			w.err = err
		}
		if w.spare = b; cap(b) > keepBuf {
			w.spare = nil
		}
		w.wake()
	}
	w.busy = false
	w.wake()
}

// drain waits until nothing is queued.
func (w *writer) drain(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.busy && w.err == nil {
		room := w.room
		w.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			w.mu.Lock()
			return ctx.Err()
		}
		w.mu.Lock()
	}
	return w.err
}

// wake is called with mu held.
func (w *writer) wake() {
	close(w.room)
	w.room = make(chan struct{})
}

// fail ends all sending.
func (w *writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.wake()
}
