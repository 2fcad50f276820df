package contract

import (
	"context"
	"errors"
	"io"
	"iter"
)

// Stream is one end of a stream of messages. One goroutine may send while another
// receives.
type Stream interface {
	// Send gives a message to the other side; msg is a pointer and belongs to the
	// receiver from then on. After the other side has ended the stream it returns
	// io.EOF, and Recv says why.
	Send(msg any) error
	// Recv fills msg, a pointer. It returns io.EOF at the regular end, else an *[Error].
	Recv(msg any) error
	// CloseSend says that nothing more will be sent.
	CloseSend() error
	// Close gives up both directions. It can be called more than once.
	Close() error
}

// ServerMethod is a method with one request and many answers.
type ServerMethod[Req, Resp any] struct{ *Method }

// ClientMethod is a method with many requests and one answer.
type ClientMethod[Req, Resp any] struct{ *Method }

// BidiMethod is a method with many requests and many answers.
type BidiMethod[Req, Resp any] struct{ *Method }

// ServerStream defines a method of p; see [Unary].
//
// Both directions have a limited window: who sends faster than the other side reads
// waits. WebAssembly carries no streams yet: a call there gives an [Unimplemented]
// error, and Offers says so before.
func ServerStream[Req, Resp any](p *Point, name string, o ...MethodOptions) ServerMethod[Req, Resp] {
	return ServerMethod[Req, Resp]{define[Req, Resp](p, name, KindServer, o)}
}

// ClientStream defines a method of p; see [ServerStream].
func ClientStream[Req, Resp any](p *Point, name string, o ...MethodOptions) ClientMethod[Req, Resp] {
	return ClientMethod[Req, Resp]{define[Req, Resp](p, name, KindClient, o)}
}

// BidiStream defines a method of p; see [ServerStream].
func BidiStream[Req, Resp any](p *Point, name string, o ...MethodOptions) BidiMethod[Req, Resp] {
	return BidiMethod[Req, Resp]{define[Req, Resp](p, name, KindBidi, o)}
}

// Call yields answers until the end, an error, or the loop's break, which gives up the
// stream.
func (m ServerMethod[Req, Resp]) Call(ctx context.Context, c Caller, req Req) iter.Seq2[Resp, error] {
	return func(yield func(Resp, error) bool) {
		var zero Resp
		s, err := c.Stream(ctx, m.Method)
		if err != nil {
			yield(zero, AsError(err))
			return
		}
		defer s.Close()
		if err := s.Send(&req); err != nil && !errors.Is(err, io.EOF) {
			yield(zero, AsError(err))
			return
		}
		s.CloseSend()
		for v, err := range received[Resp](s) {
			if !yield(v, err) {
				return
			}
		}
	}
}

// Call sends every message of in and returns the one answer. An error in the sequence
// gives up the stream and is returned.
func (m ClientMethod[Req, Resp]) Call(ctx context.Context, c Caller, in iter.Seq2[Req, error]) (Resp, error) {
	var zero, resp Resp
	s, err := c.Stream(ctx, m.Method)
	if err != nil {
		return zero, AsError(err)
	}
	defer s.Close()
	for v, err := range in {
		if err != nil {
			return zero, AsError(err)
		}
		if err := s.Send(&v); err != nil {
			break // the answer says why
		}
	}
	s.CloseSend()
	err = s.Recv(&resp)
	if errors.Is(err, io.EOF) {
		err = Errorf(Internal, "%s: the stream ended without an answer", m.path)
	}
	if err != nil {
		return zero, AsError(err)
	}
	return resp, nil
}

// Call opens a two-way stream. Close it when it is no longer needed.
func (m BidiMethod[Req, Resp]) Call(ctx context.Context, c Caller) (*Duplex[Req, Resp], error) {
	s, err := c.Stream(ctx, m.Method)
	if err != nil {
		return nil, AsError(err)
	}
	return &Duplex[Req, Resp]{s}, nil
}

// Duplex is one end of a two-way stream; the other end is a Duplex[In, Out].
type Duplex[Out, In any] struct{ s Stream }

// Send gives v to the other side. It returns io.EOF when the other side has ended.
func (d *Duplex[Out, In]) Send(v Out) error { return d.s.Send(&v) }

// Recv waits for a message. It returns io.EOF at the regular end.
func (d *Duplex[Out, In]) Recv() (In, error) {
	var v In
	err := d.s.Recv(&v)
	return v, err
}

// CloseSend says that nothing more will be sent.
func (d *Duplex[Out, In]) CloseSend() error { return d.s.CloseSend() }

// Close gives up both directions.
func (d *Duplex[Out, In]) Close() error { return d.s.Close() }

// All yields what the other side sends until its end or an error.
func (d *Duplex[Out, In]) All() iter.Seq2[In, error] { return received[In](d.s) }

func received[T any](s Stream) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			var v T
			err := s.Recv(&v)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}
