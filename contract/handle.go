package contract

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"
)

// Handler is one implemented method. A Handler is immutable.
type Handler struct {
	Method *Method

	typed  any // func(context.Context, Req) (Resp, error)
	direct func(ctx context.Context, req, resp any) error
	wire   func(ctx context.Context, c Codec, in, out []byte) ([]byte, error)
	stream func(ctx context.Context, s Stream) error
}

// Invoke runs a unary handler on pointers to the method's types, or on two *[Raw].
// Errors are of type *[Error]; a panic becomes one with [ReasonPanic].
func (h Handler) Invoke(ctx context.Context, req, resp any) (err error) {
	if in, ok := req.(*Raw); ok && h.wire != nil {
		return h.relay(ctx, in, resp)
	}
	defer Recover(&err)
	if h.direct == nil {
		return h.notUnary()
	}
	if err := ctx.Err(); err != nil {
		return AsError(err)
	}
	if err := h.direct(ctx, req, resp); err != nil {
		return handled(err)
	}
	return nil
}

func (h Handler) relay(ctx context.Context, in *Raw, resp any) error {
	out, ok := resp.(*Raw)
	if !ok {
		return Errorf(Internal, "%s: a relayed call gives *contract.Raw, not %T", h.Method.path, resp)
	}
	c := h.Method.Codec()
	switch {
	case in.Codec == c.Name():
	case c == CBOR && in.Codec == JSON.Name():
		c = JSON
	default:
		return Errorf(FailedPrecondition, "%s: the message is in %.40q, want %s", h.Method.path, in.Codec, c.Name()).Because(ReasonMismatch)
	}
	b, err := h.InvokeWire(ctx, c, in.Bytes, nil)
	out.Codec, out.Bytes = in.Codec, b
	return err
}

// InvokeWire decodes in, runs a unary handler and appends the answer to out. A nil
// codec is that of the method. Errors are those of [Handler.Invoke].
func (h Handler) InvokeWire(ctx context.Context, c Codec, in, out []byte) (_ []byte, err error) {
	defer Recover(&err)
	if h.wire == nil {
		return nil, h.notUnary()
	}
	if err := ctx.Err(); err != nil {
		return nil, AsError(err)
	}
	if err := h.Method.CheckSize(len(in)); err != nil {
		return nil, err
	}
	if c == nil {
		c = h.Method.Codec()
	}
	before := len(out)
	out, err = h.wire(ctx, c, in, out)
	if err != nil {
		return nil, handled(err)
	}
	if err := h.Method.CheckSize(len(out) - before); err != nil {
		return nil, err
	}
	return out, nil
}

// Serve runs a streaming handler until it ends. Errors are those of [Handler.Invoke].
func (h Handler) Serve(ctx context.Context, s Stream) (err error) {
	defer Recover(&err)
	if h.stream == nil {
		return Errorf(Unimplemented, "%s is no stream", h.path())
	}
	if err := h.stream(ctx, s); err != nil {
		return handled(err)
	}
	return nil
}

func (h Handler) path() string {
	if h.Method == nil {
		return "empty handler"
	}
	return h.Method.path
}

func (h Handler) notUnary() *Error {
	if h.Method == nil {
		return Errorf(Unimplemented, "empty handler")
	}
	return Errorf(Unimplemented, "%s is a %s and cannot be called with one message", h.Method.path, h.Method.kind)
}

// Recover, deferred, turns a panic into an Internal *[Error] with [ReasonPanic].
func Recover(err *error) {
	if r := recover(); r != nil {
		e := &Error{Code: Internal, Reason: ReasonPanic, Message: "panic: " + fmt.Sprint(r), stack: debug.Stack()}
		e.cause, _ = r.(error)
		*err = e
	}
}

// Handle makes a handler of f. It panics if f is nil.
func (m UnaryMethod[Req, Resp]) Handle(f func(context.Context, Req) (Resp, error)) Handler {
	m.want(f != nil)
	return Handler{
		Method: m.Method,
		typed:  f,
		direct: func(ctx context.Context, req, resp any) error {
			in, ok1 := req.(*Req)
			out, ok2 := resp.(*Resp)
			if !ok1 || !ok2 {
				return Errorf(FailedPrecondition, "%s: called with %T and %T, want %T and %T", m.path, req, resp, in, out).Because(ReasonMismatch)
			}
			v, err := f(ctx, *in)
			if err == nil {
				*out = v
			}
			return err
		},
		wire: func(ctx context.Context, c Codec, in, out []byte) ([]byte, error) {
			var req Req
			if err := c.Decode(in, &req); err != nil {
				return nil, Errorf(InvalidArgument, "%s: request: %w", m.path, err)
			}
			resp, err := f(ctx, req)
			if err != nil {
				return nil, err
			}
			if out, err = c.Append(out, &resp); err != nil {
				return nil, Errorf(Internal, "%s: answer: %w", m.path, err)
			}
			return out, nil
		},
	}
}

// Handle makes a handler of f. It panics if f is nil.
func (m ServerMethod[Req, Resp]) Handle(f func(context.Context, Req) iter.Seq2[Resp, error]) Handler {
	m.want(f != nil)
	return Handler{Method: m.Method, stream: func(ctx context.Context, s Stream) error {
		var req Req
		if err := s.Recv(&req); err != nil {
			return err
		}
		for v, err := range f(ctx, req) {
			if err != nil {
				return err
			}
			if err := s.Send(&v); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Handle makes a handler of f. It panics if f is nil.
func (m ClientMethod[Req, Resp]) Handle(f func(context.Context, iter.Seq2[Req, error]) (Resp, error)) Handler {
	m.want(f != nil)
	return Handler{Method: m.Method, stream: func(ctx context.Context, s Stream) error {
		resp, err := f(ctx, received[Req](s))
		if err != nil {
			return err
		}
		return s.Send(&resp)
	}}
}

// Handle makes a handler of f. It panics if f is nil.
func (m BidiMethod[Req, Resp]) Handle(f func(context.Context, *Duplex[Resp, Req]) error) Handler {
	m.want(f != nil)
	return Handler{Method: m.Method, stream: func(ctx context.Context, s Stream) error {
		return f(ctx, &Duplex[Resp, Req]{s})
	}}
}

func (m *Method) want(f bool) {
	if !f {
		panic("contract: method " + m.path + " handled by a nil function")
	}
}
