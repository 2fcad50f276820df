package remote

import (
	"context"
	"errors"
	"io"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/load"
)

// Serving is a stream that a plugin asks for: how its messages are written, and what
// serves it until it ends.
type Serving struct {
	Messages frame.Messages
	Serve    func(context.Context, contract.Stream) error
}

// Stream finds what serves the stream request of h; codec is that of [Outward.Serve].
func (o *Outward) Stream(codec contract.Codec, h frame.CallHeader, k contract.Kind) (Serving, error) {
	if h.Target != frame.Receiver {
		return o.relayStream(codec, h, k)
	}
	service, codec, err := o.service(h, codec)
	if err == nil {
		err = frame.CheckStream(service.Method, k)
	}
	if err != nil {
		return Serving{}, err
	}
	return Serving{
		Messages: frame.MessagesOf(service.Method, codec, contract.InvalidArgument),
		Serve: func(ctx context.Context, s contract.Stream) error {
			return service.Serve(load.WithCaller(ctx, o.id), s)
		},
	}, nil
}

// relayStream hands a stream on to another plugin.
func (o *Outward) relayStream(codec contract.Codec, h frame.CallHeader, k contract.Kind) (Serving, error) {
	peer, m, err := o.find(h, k)
	if err != nil {
		return Serving{}, err
	}
	return Serving{
		Messages: frame.MessagesOf(m, m.Codec(), contract.Internal),
		Serve: func(ctx context.Context, s contract.Stream) error {
			inner, err := peer.Stream(ctx, m)
			if err != nil {
				return err
			}
			defer inner.Close()
			go pump(inner, s, codec.Name()) // ends with either stream
			for {
				msg := contract.Raw{Codec: codec.Name()}
				if err := inner.Recv(&msg); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
				if err := s.Send(&msg); err != nil {
					return err
				}
			}
		},
	}, nil
}

// pump takes the messages of s to inner until one of both ends.
func pump(inner, s contract.Stream, codec string) {
	for {
		msg := contract.Raw{Codec: codec}
		switch err := s.Recv(&msg); {
		case errors.Is(err, io.EOF):
			_ = inner.CloseSend() // its end says what was wrong
			return
		case err != nil:
			_ = inner.Close() // nobody waits for it any more
			return
		}
		if inner.Send(&msg) != nil {
			return // Recv of the other direction says why
		}
	}
}
