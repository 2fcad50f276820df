package guest

import (
	"context"
	"io"
	"reflect"
	"sync"

	"github.com/plugstead/plugstead/contract"
)

// pipe is a stream within one process. Messages are handed over by pointer and without
// a buffer, so a sender is never ahead of its receiver.
type pipe struct {
	ctx    context.Context
	cancel context.CancelFunc
	up     chan any      // caller to handler
	down   chan any      // handler to caller
	sent   chan struct{} // closed when the caller sends no more
	once   sync.Once     // closes sent
	ended  chan struct{} // closed when the handler has ended
	err    error         // of the handler; read after ended
}

func newPipe(ctx context.Context) *pipe {
	p := &pipe{up: make(chan any), down: make(chan any), sent: make(chan struct{}), ended: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

// serve runs h at one end.
func (p *pipe) serve(h contract.Handler, end contract.Stream) {
	p.err = contract.Errorf(contract.Internal, "%s ended without an answer", h.Method.Path()).Because(contract.ReasonPanic)
	go func() {
		defer p.cancel()
		defer close(p.ended) // also when the handler has ended its goroutine
		p.err = h.Serve(p.ctx, end)
	}()
}

// over returns how the stream ended: the handler's word counts more than the context's.
func (p *pipe) over() error {
	select {
	case <-p.ended:
		if p.err != nil {
			return p.err
		}
		return io.EOF
	default:
		return contract.AsError(p.ctx.Err())
	}
}

// callerEnd implements contract.Stream for who opened the stream.
type callerEnd struct{ p *pipe }

func (e callerEnd) Send(v any) error {
	select {
	case <-e.p.sent:
		return contract.Errorf(contract.FailedPrecondition, "stream: Send after CloseSend")
	default:
	}
	select {
	case e.p.up <- v:
		return nil
	case <-e.p.ended:
		return io.EOF
	case <-e.p.ctx.Done():
		select {
		case <-e.p.ended:
			return io.EOF // Recv says why
		default:
			return contract.AsError(e.p.ctx.Err())
		}
	}
}

func (e callerEnd) Recv(v any) error {
	select {
	case m := <-e.p.down:
		return assign(v, m)
	case <-e.p.ended:
		return e.p.over()
	case <-e.p.ctx.Done():
		return e.p.over()
	}
}

func (e callerEnd) CloseSend() error {
	e.p.once.Do(func() { close(e.p.sent) })
	return nil
}

// Close ends the context of the handler and does not wait for it.
func (e callerEnd) Close() error {
	e.p.cancel()
	return nil
}

// handlerEnd implements contract.Stream for the handler. Its return closes it.
type handlerEnd struct{ p *pipe }

func (e handlerEnd) Send(v any) error {
	select {
	case e.p.down <- v:
		return nil
	case <-e.p.ctx.Done():
		return contract.AsError(e.p.ctx.Err())
	}
}

func (e handlerEnd) Recv(v any) error {
	select {
	case m := <-e.p.up:
		return assign(v, m)
	case <-e.p.sent:
		return io.EOF
	case <-e.p.ctx.Done():
		return contract.AsError(e.p.ctx.Err())
	}
}

func (e handlerEnd) CloseSend() error { return nil }

func (e handlerEnd) Close() error {
	e.p.cancel()
	return nil
}

// assign copies the message behind src into dst; both are pointers.
func assign(dst, src any) error {
	d, s := reflect.ValueOf(dst), reflect.ValueOf(src)
	if d.Kind() != reflect.Pointer || d.Type() != s.Type() {
		return contract.Errorf(contract.FailedPrecondition, "stream carries %T, not %T", src, dst).Because(contract.ReasonMismatch)
	}
	d.Elem().Set(s.Elem())
	return nil
}
