package remote

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/internal/guest"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// Outward is what a plugin may call: host services and the plugins it requires.
type Outward struct {
	id       manifest.ID
	requires []manifest.Need
	services map[string]contract.Handler
	peer     func(manifest.ID) contract.Caller
}

// NewOutward takes the services and peers of s for the plugin that m describes.
func NewOutward(m *manifest.Manifest, s load.Spec) *Outward {
	return &Outward{m.ID, m.Requires, guest.ByPath(s.Host), s.Peer}
}

// Serve runs a call of the plugin, whose messages are in codec where CBOR is the
// default, and appends the answer to out. message may be used again when Serve returns.
func (o *Outward) Serve(ctx context.Context, codec contract.Codec, h frame.CallHeader, message, out []byte) ([]byte, error) {
	if h.Target != frame.Receiver {
		return o.relay(ctx, codec, h, message, out)
	}
	service, codec, err := o.service(h, codec)
	if err != nil {
		return nil, err
	}
	return service.InvokeWire(load.WithCaller(ctx, o.id), codec, message, out)
}

// service finds a host service and the codec of its messages.
func (o *Outward) service(h frame.CallHeader, codec contract.Codec) (contract.Handler, contract.Codec, error) {
	service, ok := o.services[string(h.Path)]
	if !ok {
		return service, nil, contract.Errorf(contract.Unimplemented, "the host does not offer %s to plugin %s, which asks for it with the capability host:POINT", h.Path, o.id)
	}
	if c := service.Method.Codec(); c != contract.CBOR {
		codec = c
	}
	return service, codec, nil
}

// find returns the plugin that a call is for, and the method as it hands it on.
func (o *Outward) find(h frame.CallHeader, k contract.Kind) (contract.Caller, *contract.Method, error) {
	id := manifest.ID(h.Peer)
	if !slices.ContainsFunc(o.requires, func(n manifest.Need) bool { return n.ID == id }) {
		return nil, nil, contract.Errorf(contract.FailedPrecondition, "plugin %s calls %.200q, which its manifest does not name under requires", o.id, id)
	}
	var peer contract.Caller
	if o.peer != nil {
		peer = o.peer(id)
	}
	if peer == nil {
		return nil, nil, contract.Errorf(contract.Unavailable, "plugin %s is not running", id)
	}
	m, err := contract.Relay(string(h.Path), k, h.Minor, h.Fingerprint)
	return peer, m, err
}

// relay hands a call on to another plugin.
func (o *Outward) relay(ctx context.Context, codec contract.Codec, h frame.CallHeader, message, out []byte) ([]byte, error) {
	peer, m, err := o.find(h, contract.KindUnary)
	if err != nil {
		return nil, err
	}
	if h.Target == frame.PeerOffer {
		if !peer.Offers(m) {
			return nil, contract.Errorf(contract.Unimplemented, "plugin %s does not implement %s", h.Peer, h.Path)
		}
		return out, nil
	}
	in, answer := contract.Raw{Codec: codec.Name(), Bytes: message}, contract.Raw{}
	if err := peer.Invoke(ctx, m, &in, &answer); err != nil {
		return nil, err
	}
	return append(out, answer.Bytes...), nil
}

// Environ returns the variables that grants allow, as NAME=VALUE, where they are set.
func Environ(grants []manifest.Capability) []string {
	var out []string
	for _, g := range grants {
		name, ok := strings.CutPrefix(string(g), "env:")
		if v, set := os.LookupEnv(name); ok && set {
			out = append(out, name+"="+v)
		}
	}
	return out
}
