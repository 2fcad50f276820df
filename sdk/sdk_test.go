package sdk

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/guest"
)

type num struct{ N int }

var (
	point  = contract.Define("acme.dev/p", 1, 0)
	double = contract.Unary[num, num](point, "Double")
	other  = contract.Unary[num, num](point, "Other", contract.MethodOptions{Optional: true})
	count  = contract.ServerStream[num, num](point, "Count", contract.MethodOptions{Optional: true})
	sum    = contract.ClientStream[num, num](point, "Sum", contract.MethodOptions{Optional: true})
	chat   = contract.BidiStream[num, num](point, "Chat", contract.MethodOptions{Optional: true})
)

type config struct{ Factor int }

type plugin struct {
	config
	log []string
}

var (
	_ Checker            = (*plugin)(nil)
	_ Quiescer           = (*plugin)(nil)
	_ Stopper            = (*plugin)(nil)
	_ Configurer[config] = (*plugin)(nil)
)

func (p *plugin) Check(context.Context) error { p.log = append(p.log, "check"); return nil }

func (p *plugin) Quiesce(context.Context) error { p.log = append(p.log, "quiesce"); return nil }

func (p *plugin) Stop(context.Context) error                  { p.log = append(p.log, "stop"); return nil }
func (p *plugin) Configure(_ context.Context, c config) error { p.config = c; return nil }
func (p *plugin) double(_ context.Context, n num) (num, error) {
	return num{n.N * p.Factor}, nil
}

func (p *plugin) count(context.Context, num) iter.Seq2[num, error] {
	return func(func(num, error) bool) {}
}

func (p *plugin) sum(context.Context, iter.Seq2[num, error]) (num, error) { return num{p.Factor}, nil }
func (p *plugin) chat(context.Context, *contract.Duplex[num, num]) error  { return nil }

func decode(c any, err error) guest.Decode {
	return func(v any) error {
		if p, ok := v.(*config); ok && err == nil {
			*p = c.(config)
		}
		return err
	}
}

func TestRegisterType(t *testing.T) {
	var g guest.Registry
	var made *plugin
	open := func(_ context.Context, e *Env, c config) (*plugin, error) {
		switch c.Factor {
		case 0:
			return nil, nil
		case 1:
			return nil, contract.Errorf(contract.Aborted, "one")
		}
		made = &plugin{config: c}
		return made, nil
	}
	registerType(&g, "a/a", open, []Part[plugin]{
		Unary(double, (*plugin).double), ServerStream(count, (*plugin).count), ClientStream(sum, (*plugin).sum), BidiStream(chat, (*plugin).chat),
	})
	r := g.Find("a/a")
	if hello := r.Hello(); len(hello.Methods) != 4 || hello.Methods[1].Kind != int(contract.KindServer) || hello.Plugin != "a/a" {
		t.Errorf("%+v", hello)
	}
	env := &Env{}
	in, err := r.Start(t.Context(), env, decode(config{5}, nil))
	if err != nil || !env.Bound {
		t.Fatal(err)
	}
	c := guest.NewLocal("it", in.Handlers, nil)
	if n, err := double.Call(t.Context(), c, num{2}); err != nil || n.N != 10 {
		t.Error(n, err)
	}
	if n, err := sum.Call(t.Context(), c, func(func(num, error) bool) {}); err != nil || n.N != 5 {
		t.Error(n, err)
	}
	for range count.Call(t.Context(), c, num{}) {
		t.Error("an empty stream has a message")
	}
	if err := in.Reconfigure(t.Context(), decode(config{7}, nil)); err != nil || made.Factor != 7 {
		t.Error(err)
	}
	if err := in.Reconfigure(t.Context(), decode(nil, errors.New("bad"))); err == nil || made.Factor != 7 {
		t.Error(err)
	}
	for _, f := range []func(context.Context) error{in.Check, in.Quiesce, in.Stop} {
		if err := f(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if fmt.Sprint(made.log) != "[check quiesce stop]" {
		t.Error(made.log)
	}
	second, err := r.Start(t.Context(), &Env{}, decode(config{3}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := double.Call(t.Context(), guest.NewLocal("it", second.Handlers, nil), num{2}); err != nil || n.N != 6 {
		t.Error("two starts share a state", n, err)
	}
	for want, d := range map[contract.Code]guest.Decode{
		contract.Internal: decode(config{0}, nil), contract.Aborted: decode(config{1}, nil), contract.DataLoss: decode(nil, contract.DataLoss),
	} {
		if _, err := r.Start(t.Context(), &Env{}, d); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// TestRegisterPlain: a type without a lifecycle has none.
func TestRegisterPlain(t *testing.T) {
	var g guest.Registry
	type bare struct{}
	registerType(&g, "a/a", func(context.Context, *Env, None) (*bare, error) { return &bare{}, nil },
		[]Part[bare]{Unary(double, func(_ *bare, _ context.Context, n num) (num, error) { return n, nil })})
	in, err := g.Find("a/a").Start(t.Context(), &Env{}, decode(nil, nil))
	if err != nil || in.Check != nil || in.Quiesce != nil || in.Stop != nil || in.Configure != nil {
		t.Error(in, err)
	}
}

func TestRegister(t *testing.T) {
	var g guest.Registry
	register(&g, "a/a", []contract.Handler{double.Handle(func(ctx context.Context, n num) (num, error) {
		return num{len(From(ctx).ID)}, nil
	})})
	env := &Env{ID: "a/a"}
	in, err := g.Find("a/a").Start(t.Context(), env, nil)
	if err != nil || env.Bound {
		t.Fatal(err)
	}
	c := guest.NewLocal("it", in.Handlers, func(ctx context.Context) context.Context { return guest.With(ctx, env) })
	if n, err := double.Call(t.Context(), c, num{}); err != nil || n.N != 3 {
		t.Error(n, err)
	}
	if From(t.Context()) != nil {
		t.Error("an Env out of nothing")
	}
}

func TestRegisterPanics(t *testing.T) {
	handler := double.Handle(func(_ context.Context, n num) (num, error) { return n, nil })
	optional := other.Handle(func(_ context.Context, n num) (num, error) { return n, nil })
	for want, f := range map[string]func(*guest.Registry){
		"empty handler":           func(g *guest.Registry) { register(g, "a/a", []contract.Handler{{}}) },
		"registered twice":        func(g *guest.Registry) { register(g, "a/a", nil); register(g, "a/a", nil) },
		"want an id":              func(g *guest.Registry) { register(g, "hello", []contract.Handler{handler}) },
		"without its method":      func(g *guest.Registry) { register(g, "a/a", []contract.Handler{optional}) },
		"Double twice":            func(g *guest.Registry) { register(g, "a/a", []contract.Handler{handler, handler}) },
		"plugin a/a: open is nil": func(g *guest.Registry) { registerType[plugin, None](g, "a/a", nil, nil) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("panic %q, want %q", got, want)
				}
			}()
			f(new(guest.Registry))
		}()
	}
}
