package client

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// body reads the body of an answer. It gives up when no byte comes for a while, and
// classes errors. How long its reader takes between two reads does not matter, nor how
// long the whole takes.
type body struct {
	io.ReadCloser
	ctx     context.Context // of the caller
	cancel  context.CancelFunc
	patient time.Duration
	timer   *time.Timer
	stalled atomic.Bool
}

// watch wraps the body of an answer to a request that cancel ends. patient is how long
// a byte may take; negative: for ever.
func watch(ctx context.Context, r io.ReadCloser, cancel context.CancelFunc, patient time.Duration) *body {
	b := &body{ReadCloser: r, ctx: ctx, cancel: cancel, patient: patient}
	if patient >= 0 {
		b.timer = time.AfterFunc(patient, func() {
			b.stalled.Store(true)
			cancel()
		})
		b.timer.Stop()
	}
	return b
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.timer != nil {
		b.timer.Reset(b.patient)
		defer b.timer.Stop()
	}
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case b.stalled.Load():
		err = fmt.Errorf("no byte for %s", b.patient)
	}
	return n, broken(b.ctx, err)
}

// Close implements io.Closer.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.cancel()
	return err
}
