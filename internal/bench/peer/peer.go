// Package peer is the same plugin over hashicorp/go-plugin with gRPC.
//
// To need no generated code it sends protobuf's well-known types: a string for the
// small message, bytes for the large one.
package peer

import (
	"context"

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

var desc = grpc.ServiceDesc{
	ServiceName: service, HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{
		{MethodName: "Tiny", Handler: echo[wrapperspb.StringValue]},
		{MethodName: "Large", Handler: echo[wrapperspb.BytesValue]},
	},
}

func echo[T any](_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	in := new(T)
	return in, decode(in)
}
