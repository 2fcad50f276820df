package main

import (
	"context"
	"errors"
	"iter"
	"os/exec"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/bench/echo"
	"github.com/plugstead/plugstead/internal/bench/peer"
	_ "github.com/plugstead/plugstead/internal/bench/plugin" // linked in
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/load/wasm"
	"github.com/plugstead/plugstead/supervise"
)

const peerName = "go-plugin gRPC"

// row is one way to call the same plugin.
type row struct {
	name   string
	tiny   func() error
	large  func() error
	stream func(n int) iter.Seq2[[]byte, error] // n messages of 1 KiB; nil: none
	stop   func()

	series
}

var (
	small   = echo.Message{Name: "Ada", N: 1}
	payload = make([]byte, 64<<10)

	errAnswer = errors.New("wrong answer")
)

// newSet has every driver. All plugins here have one id, so each runs in a set of its own.
func newSet() *supervise.Set {
	return supervise.New([]load.Driver{inproc.Driver{}, process.Driver{}, wasm.Driver{}},
		func(load.Image) (load.Spec, error) { return load.Spec{}, nil }, supervise.Policy{}, supervise.Events{})
}

// ours starts a plugin under supervision.
func ours(ctx context.Context, im load.Image) (*row, error) {
	set := newSet()
	p, err := set.Put(ctx, im)
	if err != nil {
		return nil, errors.Join(err, set.Close())
	}
	big := echo.Message{Name: "Ada", N: 1, Data: payload}
	call := func(m echo.Message) func() error {
		return func() error {
			out, err := echo.Echo.Call(ctx, p, m)
			if err == nil && len(out.Data) != len(m.Data) {
				err = errAnswer
			}
			return err
		}
	}
	r := &row{name: im.Runtime, tiny: call(small), large: call(big), stop: func() { _ = set.Close() }}
	if p.Offers(echo.Many.Method) {
		r.stream = func(n int) iter.Seq2[[]byte, error] { return messages(ctx, p, n) }
	}
	return r, nil
}

func messages(ctx context.Context, p contract.Caller, n int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for m, err := range echo.Many.Call(ctx, p, echo.Message{N: n}) {
			if !yield(m.Data, err) {
				return
			}
		}
	}
}

// theirs starts the peer's plugin.
func theirs(ctx context.Context, work string) (*row, error) {
	c := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: peer.Handshake, Plugins: plugin.PluginSet{peer.Name: peer.Plugin{}}, Cmd: exec.Command(filepath.Join(work, "peer")),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(),
	})
	conn, err := c.Client()
	if err != nil {
		return nil, err
	}
	x, err := conn.Dispense(peer.Name)
	if err != nil {
		c.Kill()
		return nil, err
	}
	e := x.(*peer.Client)
	return &row{
		name: peerName, stop: c.Kill,
		tiny: func() error {
			s, err := e.Tiny(ctx, small.Name)
			if err == nil && s != small.Name {
				err = errAnswer
			}
			return err
		},
		large: func() error {
			b, err := e.Large(ctx, payload)
			if err == nil && len(b) != len(payload) {
				err = errAnswer
			}
			return err
		},
		stream: func(n int) iter.Seq2[[]byte, error] { return e.Many(ctx, n) },
	}, nil
}
