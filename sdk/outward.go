package sdk

import (
	"context"
	"log/slog"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/internal/guest"
)

// carrier takes the calls of a plugin to its host.
type carrier interface {
	// carry sends a call for a peer, or for the host if peer is empty. add appends the
	// message; take reads the answer, whose memory it must not keep.
	carry(ctx context.Context, t frame.Target, peer string, m *contract.Method, add func([]byte) ([]byte, error), take func([]byte) error) error
	// stream opens a stream, for whom carry sends a call.
	stream(ctx context.Context, t frame.Target, peer string, m *contract.Method) (contract.Stream, error)
	// streams reports whether stream can do that.
	streams() bool
}

// outward is the host or a peer as a contract.Caller.
type outward struct {
	c        carrier
	peer     string                  // empty: the host
	services map[string]frame.Method // of the host, by path
}

func newHost(c carrier, m *frame.OpenMessage) outward {
	byPath := make(map[string]frame.Method, len(m.Services))
	for _, s := range m.Services {
		byPath[s.Path] = s
	}
	return outward{c: c, services: byPath}
}

// newEnv returns what the plugin sees of its host.
func newEnv(c carrier, m *frame.OpenMessage, log func(*frame.LogMessage)) *guest.Env {
	return &guest.Env{
		Log:   guest.NewLogger(slog.Level(m.LogLevel), log),
		Host:  newHost(c, m),
		Peers: func(id string) contract.Caller { return outward{c: c, peer: id} },
	}
}

// Invoke implements contract.Caller.
func (o outward) Invoke(ctx context.Context, m *contract.Method, req, resp any) error {
	target, err := o.target(m)
	if err != nil {
		return err
	}
	if m.Kind() != contract.KindUnary {
		return contract.Errorf(contract.Unimplemented, "%s is a %s and cannot be called with one message", m.Path(), m.Kind())
	}
	add := func(b []byte) ([]byte, error) {
		at := len(b)
		b, err := m.Codec().Append(b, req)
		if err != nil {
			return nil, contract.Errorf(contract.InvalidArgument, "%s: request: %w", m.Path(), err)
		}
		return b, m.CheckSize(len(b) - at)
	}
	take := func(b []byte) error {
		if err := m.CheckSize(len(b)); err != nil {
			return err
		}
		if err := m.Codec().Decode(b, resp); err != nil {
			return contract.Errorf(contract.Internal, "%s: answer: %w", m.Path(), err)
		}
		return nil
	}
	if err := o.c.carry(ctx, target, o.peer, m, add, take); err != nil {
		return contract.AsError(err)
	}
	return nil
}

// target says whom a call of m is for, and why it cannot be made.
func (o outward) target(m *contract.Method) (frame.Target, error) {
	if o.peer == "" {
		return frame.Receiver, o.check(m)
	}
	if !guest.ValidID(o.peer) {
		return 0, contract.Errorf(contract.InvalidArgument, "plugin %.100q: want an id like acme/resize", o.peer)
	}
	return frame.Peer, nil
}

// check compares m with what the host said when it opened the plugin.
func (o outward) check(m *contract.Method) error {
	s, ok := o.services[m.Path()]
	if !ok {
		return contract.Errorf(contract.Unimplemented, "the host does not offer %s to this plugin, which asks for it with the capability host:%s", m.Path(), m.Point().ID())
	}
	hash, err := s.Hash()
	if err != nil {
		return contract.Errorf(contract.Internal, "%s: the host states a bad fingerprint", m.Path())
	}
	return contract.CheckAgreement(m, s.Minor, hash)
}

// Stream implements contract.Caller.
func (o outward) Stream(ctx context.Context, m *contract.Method) (contract.Stream, error) {
	target, err := o.target(m)
	if err != nil {
		return nil, err
	}
	if err := frame.CheckStream(m, m.Kind()); err != nil {
		return nil, err
	}
	s, err := o.c.stream(ctx, target, o.peer, m)
	if err != nil {
		return nil, contract.AsError(err)
	}
	return s, nil
}

// Offers implements contract.Caller. For a peer it asks the host.
func (o outward) Offers(m *contract.Method) bool {
	if m.Kind() != contract.KindUnary && !o.c.streams() {
		return false
	}
	if o.peer == "" {
		s, ok := o.services[m.Path()]
		return ok && s.Kind == int(m.Kind())
	}
	if !guest.ValidID(o.peer) {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), offerTimeout)
	defer cancel()
	nothing := func(b []byte) ([]byte, error) { return b, nil }
	return o.c.carry(ctx, frame.PeerOffer, o.peer, m, nothing, func([]byte) error { return nil }) == nil
}
