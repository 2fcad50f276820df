//go:build !wasip1

package sdk

import (
	"context"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
)

// takeStream runs a stream that the host opens.
func (s *server) takeStream(b *frame.Buf) error {
	defer b.Free()
	h, kind, err := frame.ParseStream(b.Body())
	if err != nil {
		return err
	}
	id := b.ID()
	ctx, err := s.mux.Begin(h.Context(s.base), id, h.Timeout)
	if err != nil || ctx == nil {
		return err
	}
	p, err := s.opened()
	if err != nil {
		s.mux.ReplyError(id, err)
		return nil
	}
	handler, err := p.Stream(h, kind)
	if err != nil {
		s.mux.ReplyError(id, err)
		return nil
	}
	stream := s.mux.Accept(ctx, id, frame.MessagesOf(handler.Method, handler.Method.Codec(), contract.InvalidArgument))
	go func() {
		err := error(contract.Errorf(contract.Internal, "%s ended without an answer", handler.Method.Path()).Because(contract.ReasonPanic))
		defer func() { s.mux.ReplyEnd(id, err) }() // also when the handler has ended its goroutine
		err = p.ServeStream(ctx, handler, stream)
	}()
	return nil
}

// stream implements carrier.
func (s *server) stream(ctx context.Context, t frame.Target, peer string, m *contract.Method) (contract.Stream, error) {
	b := s.header(ctx, frame.StreamOpen, t, peer, m)
	b.B = append(b.B, byte(m.Kind()))
	out, err := s.mux.OpenStream(ctx, b, frame.MessagesOf(m, m.Codec(), contract.Internal), hostGone, nil)
	if err != nil {
		return nil, hostGone(err)
	}
	return out, nil
}

func (s *server) streams() bool { return true }
