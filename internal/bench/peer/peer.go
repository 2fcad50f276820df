// Package peer is the same plugin over hashicorp/go-plugin with gRPC.
//
// To need no generated code it sends protobuf's well-known types: a string for the
// small message, bytes for the large one.
package peer

import (
	"context"
	"io"
	"iter"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Handshake and Name are what host and plugin agree on.
var Handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "PLUGSTEAD_BENCH", MagicCookieValue: "echo"}

// Name is the one plugin in the set.
const Name = "echo"

const (
	service = "bench.Echo"
	tiny    = "/" + service + "/Tiny"
	large   = "/" + service + "/Large"
	many    = "/" + service + "/Many"
)

// Plugin is the plugin for both sides.
type Plugin struct{ plugin.NetRPCUnsupportedPlugin }

// GRPCServer registers the service.
func (Plugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(&desc, struct{}{})
	return nil
}

// GRPCClient returns a Client.
func (Plugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return &Client{c}, nil
}

// Client calls the plugin.
type Client struct{ c *grpc.ClientConn }

// Tiny sends a text there and back.
func (c *Client) Tiny(ctx context.Context, s string) (string, error) {
	out := new(wrapperspb.StringValue)
	err := c.c.Invoke(ctx, tiny, wrapperspb.String(s), out)
	return out.GetValue(), err
}

// Large sends bytes there and back.
func (c *Client) Large(ctx context.Context, b []byte) ([]byte, error) {
	out := new(wrapperspb.BytesValue)
	err := c.c.Invoke(ctx, large, wrapperspb.Bytes(b), out)
	return out.GetValue(), err
}

// Many receives n messages of 1 KiB.
func (c *Client) Many(ctx context.Context, n int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		s, err := c.c.NewStream(ctx, &desc.Streams[0], many)
		if err == nil {
			err = s.SendMsg(wrapperspb.Int32(int32(n)))
		}
		if err == nil {
			err = s.CloseSend()
		}
		for err == nil {
			m := new(wrapperspb.BytesValue)
			if err = s.RecvMsg(m); err == nil && !yield(m.GetValue(), nil) {
				return
			}
		}
		if err != io.EOF {
			yield(nil, err)
		}
	}
}

var desc = grpc.ServiceDesc{
	ServiceName: service, HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{
		{MethodName: "Tiny", Handler: echo[wrapperspb.StringValue]},
		{MethodName: "Large", Handler: echo[wrapperspb.BytesValue]},
	},
	Streams: []grpc.StreamDesc{{StreamName: "Many", Handler: send, ServerStreams: true}},
}

func echo[T any](_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	in := new(T)
	return in, decode(in)
}

func send(_ any, s grpc.ServerStream) error {
	n := new(wrapperspb.Int32Value)
	if err := s.RecvMsg(n); err != nil {
		return err
	}
	out := wrapperspb.Bytes(make([]byte, 1<<10))
	for range n.GetValue() {
		if err := s.SendMsg(out); err != nil {
			return err
		}
	}
	return nil
}
