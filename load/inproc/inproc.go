// Package inproc starts plugins that are linked into the program.
//
// They share the memory of the host: calls cost almost nothing, and nothing contains a
// plugin except that a panic in a handler becomes an error.
//
// Messages are handed over as they are. What a message points to, the elements of slices and
// maps too, belongs to caller and handler alike: neither may change it as long as the other
// may look at it, which for a unary call is until it has returned, and for what one of them
// keeps, and for messages of streams, ever after. A plugin that goes by this works the same in
// every runtime. [Driver.Copy] finds those that do not.
package inproc

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/guest"
	"github.com/plugstead/plugstead/internal/wireconfig"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// Driver is the in-process runtime. The zero value is ready.
type Driver struct {
	// Copy makes every message of calls in both directions a copy, encoded and decoded as
	// between processes. It is for tests, and for plugins that change what they are given;
	// a call takes some microseconds instead of a tenth of one.
	Copy bool
}

var _ load.Driver = Driver{}

// Runtime returns manifest.RuntimeInproc.
func (Driver) Runtime() string { return manifest.RuntimeInproc }

// Prepare checks that the plugin is linked into this program.
func (Driver) Prepare(_ context.Context, im load.Image) error {
	_, err := find(im)
	return err
}

// Linked returns an image of every plugin that is registered in this program, sorted by
// id. Manifests say what can be known from the registration: the id, and the points
// whose methods the plugin implements.
func Linked() []load.Image {
	var out []load.Image
	for _, r := range guest.Linked.All() {
		out = append(out, load.Image{Manifest: describe(r), Runtime: manifest.RuntimeInproc})
	}
	return out
}

func describe(r *guest.Registration) *manifest.Manifest {
	m := &manifest.Manifest{ID: manifest.ID(r.ID)}
	for _, x := range r.Methods {
		p := x.Point()
		ref := manifest.PointRef{ID: p.ID(), Major: p.Major(), Minor: p.Minor()}
		if !slices.Contains(m.Provides, ref) {
			m.Provides = append(m.Provides, ref)
		}
	}
	slices.SortFunc(m.Provides, func(a, b manifest.PointRef) int { return strings.Compare(a.String(), b.String()) })
	return m
}

func find(im load.Image) (*guest.Registration, error) {
	r := guest.Linked.Find(string(im.Manifest.ID))
	if r == nil {
		return nil, contract.Errorf(contract.NotFound, "plugin %s is not linked into this program", im.Manifest.ID)
	}
	return r, nil
}

// Start opens the plugin. Every start makes a new instance with a state of its own. A plugin
// that goes on opening some seconds after the end of ctx is given up: nothing can end it, and
// it is stopped if it opens after all.
func (d Driver) Start(ctx context.Context, im load.Image, s load.Spec) (load.Instance, error) {
	if err := ctx.Err(); err != nil {
		return nil, contract.AsError(err)
	}
	r, err := find(im)
	if err != nil {
		return nil, err
	}
	config, err := wireconfig.Encode(s.Config, contract.CBOR)
	if err != nil {
		return nil, err
	}
	env := &guest.Env{
		ID: r.ID, Log: s.Logger(), DataDir: s.DataDir,
		Host: d.local("the host", guest.ByPath(s.Host), func(ctx context.Context) context.Context {
			return load.WithCaller(ctx, im.Manifest.ID)
		}),
		Peers: func(peer string) contract.Caller {
			if s.Peer == nil {
				return nil
			}
			return s.Peer(manifest.ID(peer))
		},
	}
	in, err := open(ctx, r, env, guest.DecodeConfig(config))
	if err != nil {
		return nil, err
	}
	return d.newInstance(env, in), nil
}

// open waits a little longer than ctx, so that one that looks at it leaves nothing behind.
func open(ctx context.Context, r *guest.Registration, env *guest.Env, config guest.Decode) (*guest.Instance, error) {
	type result struct {
		in  *guest.Instance
		err error
	}
	opened := make(chan result, 1)
	go func() {
		x := result{err: contract.Errorf(contract.Internal, "plugin %s ended its goroutine while it was opened", r.ID).Because(contract.ReasonPanic)}
		defer func() { opened <- x }()
		x.in, x.err = r.Start(ctx, env, config)
	}()
	late, stop := context.WithCancel(context.Background())
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(patience, stop) })()
	select {
	case x := <-opened:
		return x.in, x.err
	case <-late.Done():
		go func() {
			if x := <-opened; x.err == nil {
				ctx, cancel := context.WithTimeout(guest.With(context.Background(), env), patience)
				defer cancel()
				_ = guest.Run(ctx, x.in.Stop) // nobody is left to hear of it
			}
		}()
		return nil, contract.AsError(ctx.Err())
	}
}

func (d Driver) local(name string, handlers map[string]contract.Handler, prepare func(context.Context) context.Context) *guest.Local {
	l := guest.NewLocal(name, handlers, prepare)
	if d.Copy {
		return l.Copying()
	}
	return l
}

// Reconfigure implements load.Reconfigurer. It waits no longer than ctx.
func (i *instance) Reconfigure(ctx context.Context, config json.RawMessage) error {
	wire, err := wireconfig.Encode(config, contract.CBOR)
	if err != nil {
		return err
	}
	return i.run(ctx, func(ctx context.Context) error { return i.in.Reconfigure(ctx, guest.DecodeConfig(wire)) })
}
