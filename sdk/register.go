package sdk

import (
	"context"
	"iter"
	"reflect"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/guest"
)

// Env is what the host gives a plugin: its logger, host services, other plugins, and a
// private folder.
type Env = guest.Env

// None is the configuration of a plugin that takes none.
type None struct{}

// Secret is a text of a configuration that nobody is to see: printed or logged it is stars.
// string(s) is the text.
type Secret = guest.Secret

// Checker is an optional interface of a plugin type.
type Checker interface {
	// Check reports whether the plugin is well. The host calls it after a start and from
	// time to time.
	Check(ctx context.Context) error
}

// Quiescer is an optional interface of a plugin type.
type Quiescer interface {
	// Quiesce releases what only one instance can hold, before another one starts. Calls
	// still come.
	Quiesce(ctx context.Context) error
}

// Stopper is an optional interface of a plugin type.
type Stopper interface {
	// Stop ends what open began. No call is in flight, and none comes after it.
	Stop(ctx context.Context) error
}

// Configurer is an optional interface of a plugin type with configuration C. A plugin
// without it is started anew when its configuration changes.
type Configurer[C any] interface {
	// Configure takes a new configuration while calls go on. With an error the plugin
	// keeps the old one.
	Configure(ctx context.Context, c C) error
}

// Register adds a plugin made of functions. Handlers find their Env with [From]. It
// panics on a bad or repeated id and on a missing required method of a point.
func Register(id string, handlers ...contract.Handler) { register(&guest.Linked, id, handlers) }

func register(g *guest.Registry, id string, handlers []contract.Handler) {
	r := &guest.Registration{ID: id}
	for _, h := range handlers {
		if h.Method == nil {
			panic("sdk: plugin " + id + ": empty handler")
		}
		r.Methods = append(r.Methods, h.Method)
	}
	byPath := guest.ByPath(handlers)
	r.Open = func(context.Context, *Env, guest.Decode) (*guest.Instance, error) {
		return &guest.Instance{Handlers: byPath}, nil
	}
	g.Register(r)
}

// From returns the Env of the plugin whose handler got ctx. It is nil in handlers of
// [RegisterType], which keep the Env that open got.
func From(ctx context.Context) *Env { return guest.From(ctx) }

// RegisterType adds a plugin with a state. For each start the host calls open, which
// gets the configuration and makes a *P; fields that the configuration does not set are
// zero. When the plugin is packed, C becomes the schema of its configuration: fields have the
// names of their json tags; the tag doc:"…" describes one, required:"true" says that there has
// to be a value, and fields of type [Secret] hold what nobody is to see. parts bind the methods of *P, see [Unary]. The optional interfaces [Checker],
// [Quiescer], [Stopper] and [Configurer] of *P are found by themselves. It panics like
// [Register].
func RegisterType[P, C any](id string, open func(context.Context, *Env, C) (*P, error), parts ...Part[P]) {
	registerType(&guest.Linked, id, open, parts)
}

func registerType[P, C any](g *guest.Registry, id string, open func(context.Context, *Env, C) (*P, error), parts []Part[P]) {
	if open == nil {
		panic("sdk: plugin " + id + ": open is nil")
	}
	r := &guest.Registration{ID: id}
	if c := reflect.TypeFor[C](); c != reflect.TypeFor[None]() {
		r.Config = c
	}
	for _, p := range parts {
		r.Methods = append(r.Methods, p.method)
	}
	r.Open = func(ctx context.Context, e *Env, decode guest.Decode) (*guest.Instance, error) {
		var c C
		if err := decode(&c); err != nil {
			return nil, err
		}
		e.Bound = true
		p, err := open(ctx, e, c)
		if err != nil {
			return nil, err
		}
		if p == nil {
			return nil, contract.Errorf(contract.Internal, "plugin %s: open returned neither a plugin nor an error", id)
		}
		return instance[P, C](p, parts), nil
	}
	g.Register(r)
}

func instance[P, C any](p *P, parts []Part[P]) *guest.Instance {
	in := &guest.Instance{Handlers: make(map[string]contract.Handler, len(parts))}
	for _, part := range parts {
		in.Handlers[part.method.Path()] = part.bind(p)
	}
	if x, ok := any(p).(Checker); ok {
		in.Check = x.Check
	}
	if x, ok := any(p).(Quiescer); ok {
		in.Quiesce = x.Quiesce
	}
	if x, ok := any(p).(Stopper); ok {
		in.Stop = x.Stop
	}
	if x, ok := any(p).(Configurer[C]); ok {
		in.Configure = func(ctx context.Context, decode guest.Decode) error {
			var c C
			if err := decode(&c); err != nil {
				return err
			}
			return x.Configure(ctx, c)
		}
	}
	return in
}

// Part binds one method of a point to a method of P.
type Part[P any] struct {
	method *contract.Method
	bind   func(*P) contract.Handler
}

// Unary binds f, written (*P).name, to m.
func Unary[P, Req, Resp any](m contract.UnaryMethod[Req, Resp], f func(*P, context.Context, Req) (Resp, error)) Part[P] {
	return Part[P]{m.Method, func(p *P) contract.Handler {
		return m.Handle(func(ctx context.Context, r Req) (Resp, error) { return f(p, ctx, r) })
	}}
}

// ServerStream binds f to m. See contract.ServerStream.
func ServerStream[P, Req, Resp any](m contract.ServerMethod[Req, Resp], f func(*P, context.Context, Req) iter.Seq2[Resp, error]) Part[P] {
	return Part[P]{m.Method, func(p *P) contract.Handler {
		return m.Handle(func(ctx context.Context, r Req) iter.Seq2[Resp, error] { return f(p, ctx, r) })
	}}
}

// ClientStream binds f to m. See contract.ServerStream.
func ClientStream[P, Req, Resp any](m contract.ClientMethod[Req, Resp], f func(*P, context.Context, iter.Seq2[Req, error]) (Resp, error)) Part[P] {
	return Part[P]{m.Method, func(p *P) contract.Handler {
		return m.Handle(func(ctx context.Context, in iter.Seq2[Req, error]) (Resp, error) { return f(p, ctx, in) })
	}}
}

// BidiStream binds f to m. See contract.ServerStream.
func BidiStream[P, Req, Resp any](m contract.BidiMethod[Req, Resp], f func(*P, context.Context, *contract.Duplex[Resp, Req]) error) Part[P] {
	return Part[P]{m.Method, func(p *P) contract.Handler {
		return m.Handle(func(ctx context.Context, d *contract.Duplex[Resp, Req]) error { return f(p, ctx, d) })
	}}
}
