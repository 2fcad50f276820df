// Package sdktest runs a plugin in a test, without a host.
//
//	func TestGreet(t *testing.T) {
//		p := sdktest.Start(t, "acme/hello", sdktest.Options{Config: hello.Config{Word: "hi"}})
//		out, err := greeter.Greet.Call(t.Context(), p, greeter.GreetRequest{Name: "Ada"})
//		...
//	}
//
// The host is what [Options] say: services, other plugins, configuration, a private
// folder, a log that a [Recorder] keeps. The clock is that of testing/synctest: within
// synctest.Test a plugin that waits for an hour waits for nothing. When the test ends the
// plugin is stopped, and goroutines that it left are an error.
//
// The owner of an extension point holds implementations to what it promises with a [Suite].
package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
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
	Grants  []string                   // capabilities, "env:HOME" for example; nothing confines a plugin in this process
	DataDir string                     // private folder; default a folder of the test
	Log     *slog.Logger               // default the log of the test; see [Recorder]
	// KeepGoroutines says that goroutines which the plugin leaves are no error.
	KeepGoroutines bool
}

// WithDefaults returns o with a folder of the test and its log where o has none. Start does
// it by itself; an [Implementation] calls it.
func (o Options) WithDefaults(t testing.TB) Options {
	if o.DataDir == "" {
		o.DataDir = t.TempDir()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return o
}

// Plugin is a plugin that runs in a test. It is safe for concurrent use.
type Plugin struct {
	local *guest.Local
	env   *guest.Env
	in    *guest.Instance
	mark  mark

	stop sync.Once
	err  error // of stop
}

var _ contract.Caller = (*Plugin)(nil)

// Start opens the plugin id, which is registered by a package that the test imports, and
// stops it when the test ends. Whatever is wrong ends the test. So do goroutines that the
// plugin has started and that still run when it is stopped.
func Start(t testing.TB, id string, o Options) *Plugin {
	t.Helper()
	p, err := open(t, id, o)
	if err != nil {
		t.Fatalf("start %s: %v", id, err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Errorf("stop %s: %v", id, err)
		}
		if !o.KeepGoroutines {
			p.mark.check(t, "plugin "+id)
		}
	})
	return p
}

// StartError opens the plugin id and returns why that failed. A plugin that opens ends
// the test; goroutines that are left are an error.
func StartError(t testing.TB, id string, o Options) error {
	t.Helper()
	p, err := open(t, id, o)
	if err == nil {
		err = p.Stop(context.Background())
		t.Fatalf("start %s: it started; want an error (stopped: %v)", id, err)
	}
	if p != nil && !o.KeepGoroutines {
		p.mark.check(t, "plugin "+id+", which did not start,")
	}
	return err
}

// open returns a plugin with an error too, if there are goroutines to look for.
func open(t testing.TB, id string, o Options) (*Plugin, error) {
	r := guest.Linked.Find(id)
	if r == nil {
		return nil, errors.New("the plugin is not registered: import its package")
	}
	config, err := encode(o.Config)
	if err != nil {
		return nil, err
	}
	o = o.WithDefaults(t)
	p := &Plugin{mark: newMark(), env: &guest.Env{
		ID: id, Log: o.Log, DataDir: o.DataDir,
		Host:  guest.NewLocal("the test", guest.ByPath(o.Host), nil),
		Peers: func(id string) contract.Caller { return o.Peers[id] },
	}}
	p.mark.do(t.Context(), func(ctx context.Context) { p.in, err = r.Start(ctx, p.env, guest.DecodeConfig(config)) })
	if err != nil {
		return p, err
	}
	p.local = guest.NewLocal("plugin "+id, p.in.Handlers, nil)
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

// within runs f as the plugin.
func (p *Plugin) within(ctx context.Context, f func(context.Context)) {
	if !p.env.Bound {
		ctx = guest.With(ctx, p.env)
	}
	p.mark.do(ctx, f)
}

// run runs a function of the lifecycle as the plugin.
func (p *Plugin) run(ctx context.Context, f func(context.Context) error) (err error) {
	p.mark.do(guest.With(ctx, p.env), func(ctx context.Context) { err = guest.Run(ctx, f) })
	return err
}

// Invoke implements contract.Caller.
func (p *Plugin) Invoke(ctx context.Context, m *contract.Method, req, resp any) (err error) {
	p.within(ctx, func(ctx context.Context) { err = p.local.Invoke(ctx, m, req, resp) })
	return err
}

// Stream implements contract.Caller.
func (p *Plugin) Stream(ctx context.Context, m *contract.Method) (s contract.Stream, err error) {
	p.within(ctx, func(ctx context.Context) { s, err = p.local.Stream(ctx, m) })
	return s, err
}

// Offers implements contract.Caller.
func (p *Plugin) Offers(m *contract.Method) bool { return p.local.Offers(m) }

// Check calls the plugin's Check, if it has one.
func (p *Plugin) Check(ctx context.Context) error { return p.run(ctx, p.in.Check) }

// Quiesce calls the plugin's Quiesce, if it has one.
func (p *Plugin) Quiesce(ctx context.Context) error { return p.run(ctx, p.in.Quiesce) }

// Stop calls the plugin's Stop, if it has one, once; the end of the test does it otherwise.
// A second call returns what the first one did.
func (p *Plugin) Stop(ctx context.Context) error {
	p.stop.Do(func() { p.err = p.run(ctx, p.in.Stop) })
	return p.err
}

// Configure hands a new configuration to the plugin, encoded like Options.Config. A
// plugin without Configure gives an Unimplemented error.
func (p *Plugin) Configure(ctx context.Context, config any) error {
	wire, err := encode(config)
	if err != nil {
		return err
	}
	p.mark.do(guest.With(ctx, p.env), func(ctx context.Context) { err = p.in.Reconfigure(ctx, guest.DecodeConfig(wire)) })
	return err
}
