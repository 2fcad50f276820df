package contract

import (
	"context"
	"io"
)

// Caller is anything that can be called: a plugin seen from the host, the host seen
// from a plugin. Implementations are safe for concurrent use.
type Caller interface {
	// Invoke calls a unary method; req and resp point to values of the method's types,
	// or both to a [Raw]. It returns when the call has ended or ctx is done, whichever
	// is first. Errors are of type *[Error]; resp is meaningless with an error.
	Invoke(ctx context.Context, m *Method, req, resp any) error
	// Stream opens a stream whose messages point to values of the method's types. It
	// lives until it is closed or ctx is done. Errors are of type *[Error].
	Stream(ctx context.Context, m *Method) (Stream, error)
	// Offers reports whether m can be called here; ask before calling an optional
	// method.
	Offers(m *Method) bool
}

// Direct is an optional interface of a [Caller] in the same process: the typed
// function is called without pointers and without a codec.
type Direct interface {
	// Direct returns the handler of m, or nil if m cannot be called so. With a handler,
	// done must be released when the call has ended. A Caller that replaces what it
	// calls counts on it, and stops the old one only when all its uses are released.
	Direct(m *Method) (h *Handler, done Releaser)
}

// Releaser ends a use.
type Releaser interface {
	// Release ends one use and says whether the call failed. It is called once for each
	// use.
	Release(failed bool)
}

// Conn is what every runtime implements: a [Caller] that can be closed. Close can be
// called more than once.
type Conn interface {
	Caller
	io.Closer
}

// UnaryMethod is a method with one request and one answer.
type UnaryMethod[Req, Resp any] struct{ *Method }

// Unary defines a method of p. It panics on a bad or repeated name and on types that
// cannot be in a message.
func Unary[Req, Resp any](p *Point, name string, o ...MethodOptions) UnaryMethod[Req, Resp] {
	return UnaryMethod[Req, Resp]{define[Req, Resp](p, name, KindUnary, o)}
}

// Call calls the method. Errors are of type *[Error].
func (m UnaryMethod[Req, Resp]) Call(ctx context.Context, c Caller, req Req) (Resp, error) {
	if m.Timeout > 0 {
		return m.callWithin(ctx, c, req)
	}
	return m.call(ctx, c, req)
}

func (m UnaryMethod[Req, Resp]) callWithin(ctx context.Context, c Caller, req Req) (Resp, error) {
	ctx, cancel := m.timeout(ctx)
	defer cancel()
	return m.call(ctx, c, req)
}

func (m UnaryMethod[Req, Resp]) call(ctx context.Context, c Caller, req Req) (Resp, error) {
	if d, ok := c.(Direct); ok {
		if h, done := d.Direct(m.Method); h != nil {
			if f, ok := h.typed.(func(context.Context, Req) (Resp, error)); ok {
				return direct(ctx, f, req, done)
			}
			done.Release(false)
		}
	}
	return invoke(ctx, m, c, req)
}

// invoke is apart so that only calls that need pointers pay for them.
func invoke[Req, Resp any](ctx context.Context, m UnaryMethod[Req, Resp], c Caller, req Req) (Resp, error) {
	var resp Resp
	if err := c.Invoke(ctx, m.Method, &req, &resp); err != nil {
		var zero Resp
		return zero, AsError(err)
	}
	return resp, nil
}

func direct[Req, Resp any](ctx context.Context, f func(context.Context, Req) (Resp, error), req Req, done Releaser) (resp Resp, err error) {
	defer func() { done.Release(err != nil) }()
	defer Recover(&err)
	if err := ctx.Err(); err != nil {
		return resp, AsError(err)
	}
	out, err := f(ctx, req)
	if err != nil {
		return resp, handled(err)
	}
	return out, nil
}
