// Package sdktest runs a plugin in a test, without a host.
//
//	func TestGreet(t *testing.T) {
//		p := sdktest.Start(t, "acme/hello", sdktest.Options{Config: hello.Config{Word: "hi"}})
//		out, err := greeter.Greet.Call(t.Context(), p, greeter.GreetRequest{Name: "Ada"})
//		...
//	}
package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/guest"
	"github.com/plugstead/plugstead/internal/wireconfig"
)

// Options is what the test gives the plugin instead of a host.
type Options struct {
	Config  any                        // encoded as JSON, as an operator would write it; default none
	Host    []contract.Handler         // host services that the plugin may call
	Peers   map[string]contract.Caller // plugins that it requires, by id
	DataDir string                     // private folder; default a folder of the test
	Log     *slog.Logger               // default the log of the test
}

// Plugin is a plugin that runs in a test. It is safe for concurrent use.
type Plugin struct {
	*guest.Local
	env *guest.Env
	in  *guest.Instance
}

var _ contract.Caller = (*Plugin)(nil)

// Start opens the plugin id, which is registered by a package that the test imports, and
// stops it when the test ends. Whatever is wrong ends the test.
func Start(t testing.TB, id string, o Options) *Plugin {
	t.Helper()
	p, err := open(t, id, o)
	if err != nil {
		t.Fatalf("start %s: %v", id, err)
	}
	t.Cleanup(func() {
		if err := guest.Run(p.context(context.Background()), p.in.Stop); err != nil {
			t.Errorf("stop %s: %v", id, err)
		}
	})
	return p
}

// StartError opens the plugin id and returns why that failed. A plugin that opens ends
// the test.
func StartError(t testing.TB, id string, o Options) error {
	t.Helper()
	p, err := open(t, id, o)
	if err == nil {
		err = guest.Run(p.context(context.Background()), p.in.Stop)
		t.Fatalf("start %s: it started; want an error (stopped: %v)", id, err)
	}
	return err
}

func open(t testing.TB, id string, o Options) (*Plugin, error) {
	r := guest.Linked.Find(id)
	if r == nil {
		return nil, errors.New("the plugin is not registered: import its package")
	}
	config, err := encode(o.Config)
	if err != nil {
		return nil, err
	}
	if o.DataDir == "" {
		o.DataDir = t.TempDir()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	env := &guest.Env{
		ID: id, Log: o.Log, DataDir: o.DataDir,
		Host:  guest.NewLocal("the test", guest.ByPath(o.Host), nil),
		Peers: func(id string) contract.Caller { return o.Peers[id] },
	}
	in, err := r.Start(t.Context(), env, guest.DecodeConfig(config))
	if err != nil {
		return nil, err
	}
	p := &Plugin{env: env, in: in}
	var prepare func(context.Context) context.Context
	if !env.Bound {
		prepare = p.context
	}
	p.Local = guest.NewLocal("plugin "+id, in.Handlers, prepare)
	return p, nil
}

func encode(config any) ([]byte, error) {
	if config == nil {
		return nil, nil
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	return wireconfig.Encode(raw, contract.CBOR)
}

func (p *Plugin) context(ctx context.Context) context.Context { return guest.With(ctx, p.env) }

// Check calls the plugin's Check, if it has one.
func (p *Plugin) Check(ctx context.Context) error { return guest.Run(p.context(ctx), p.in.Check) }

// Quiesce calls the plugin's Quiesce, if it has one.
func (p *Plugin) Quiesce(ctx context.Context) error { return guest.Run(p.context(ctx), p.in.Quiesce) }

// Configure hands a new configuration to the plugin, encoded like Options.Config. A
// plugin without Configure gives an Unimplemented error.
func (p *Plugin) Configure(ctx context.Context, config any) error {
	wire, err := encode(config)
	if err != nil {
		return err
	}
	return p.in.Reconfigure(p.context(ctx), guest.DecodeConfig(wire))
}
