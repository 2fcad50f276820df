package guest

import (
	"context"
	"reflect"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
)

// Copying makes l encode and decode all messages, as between processes: caller and handler
// share no memory, sizes are checked, errors keep nothing but what crosses a boundary.
// Calls take as long as that takes. It returns l, which nobody may use yet.
func (l *Local) Copying() *Local {
	l.copies = true
	return l
}

// invokeCopy is Invoke of h with copies of req and of the answer.
func invokeCopy(ctx context.Context, h contract.Handler, m *contract.Method, req, resp any) error {
	if _, ok := req.(*contract.Raw); ok {
		return h.Invoke(ctx, req, resp)
	}
	in, err := encodeCopy(m, req)
	if err != nil {
		return err
	}
	out, err := h.InvokeWire(ctx, m.Codec(), in, nil)
	if err != nil {
		return copyError(err)
	}
	if err := m.Codec().Decode(out, resp); err != nil {
		return contract.Errorf(contract.Internal, "%s: answer: %w", m.Path(), err).Because(contract.ReasonProtocol)
	}
	return nil
}

func encodeCopy(m *contract.Method, v any) ([]byte, error) {
	b, err := m.Codec().Append(nil, v)
	if err != nil {
		return nil, contract.Errorf(contract.InvalidArgument, "%s: message: %w", m.Path(), err)
	}
	return b, m.CheckSize(len(b))
}

// copyError keeps the stack of a panic, which is not the plugin's.
func copyError(err error) *contract.Error {
	if e := contract.AsError(err); e.Stack() != nil {
		return e
	}
	return frame.ParseError(frame.AppendError(nil, contract.CBOR, err), contract.CBOR)
}

// copyOf encodes msg, a message of a stream of m, and decodes it as type t.
func copyOf(m *contract.Method, msg any, t reflect.Type) (any, error) {
	b, err := encodeCopy(m, msg)
	if err != nil {
		return nil, err
	}
	v := reflect.New(t).Interface()
	if err := m.Codec().Decode(b, v); err != nil {
		return nil, contract.Errorf(contract.Internal, "%s: message: %w", m.Path(), err).Because(contract.ReasonProtocol)
	}
	return v, nil
}

// copyCaller is the end of who opened a stream of m, at whose other end a handler of h is.
type copyCaller struct {
	callerEnd
	m, h *contract.Method
}

// Send implements contract.Stream.
func (e copyCaller) Send(msg any) error {
	req, _ := e.h.Types()
	v, err := copyOf(e.m, msg, req)
	if err != nil {
		return err
	}
	return e.callerEnd.Send(v)
}

// Recv implements contract.Stream.
func (e copyCaller) Recv(msg any) error {
	err := e.callerEnd.Recv(msg)
	select {
	case <-e.p.ended:
		if err != nil && e.p.err != nil {
			return copyError(err)
		}
	default:
	}
	return err
}

// copyHandler is the other end of a copyCaller.
type copyHandler struct {
	handlerEnd
	m, h *contract.Method
}

// Send implements contract.Stream.
func (e copyHandler) Send(msg any) error {
	_, resp := e.m.Types()
	v, err := copyOf(e.h, msg, resp)
	if err != nil {
		return err
	}
	return e.handlerEnd.Send(v)
}
