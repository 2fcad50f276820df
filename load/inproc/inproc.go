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

// Start opens the plugin. Every start makes a new instance with a state of its own.
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
	in, err := r.Start(ctx, env, guest.DecodeConfig(config))
	if err != nil {
		return nil, err
	}
	return d.newInstance(env, in), nil
}

func (d Driver) local(name string, handlers map[string]contract.Handler, prepare func(context.Context) context.Context) *guest.Local {
	l := guest.NewLocal(name, handlers, prepare)
	if d.Copy {
		return l.Copying()
	}
	return l
}

// Reconfigure implements load.Reconfigurer.
func (i *instance) Reconfigure(ctx context.Context, config json.RawMessage) error {
	wire, err := wireconfig.Encode(config, contract.CBOR)
	if err != nil {
		return err
	}
	return i.in.Reconfigure(i.context(ctx), guest.DecodeConfig(wire))
}
