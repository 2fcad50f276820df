package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
)

type num struct{ N int }

var (
	point    = contract.Define("acme.dev/p", 1, 0)
	double   = contract.Unary[num, num](point, "Double")
	optional = contract.Unary[num, num](point, "Optional", contract.MethodOptions{Optional: true})
	count    = contract.ServerStream[num, num](point, "Count", contract.MethodOptions{Optional: true})
	sum      = contract.ClientStream[num, num](point, "Sum", contract.MethodOptions{Optional: true})
	chat     = contract.BidiStream[num, num](point, "Chat", contract.MethodOptions{Optional: true})
)

func panicOf(f func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

func TestRegister(t *testing.T) {
	var g Registry
	if _, err := g.Pick(""); !errors.Is(err, contract.FailedPrecondition) {
		t.Errorf("none: %v", err)
	}
	first := &Registration{ID: "b/b", Methods: []*contract.Method{double.Method}}
	g.Register(first)
	if got, err := g.Pick(""); got != first || err != nil {
		t.Error(got, err)
	}
	g.Register(&Registration{ID: "a/a"})
	if all := g.All(); len(all) != 2 || all[0].ID != "a/a" {
		t.Error(all)
	}
	if got, err := g.Pick("b/b"); got != first || err != nil {
		t.Error(got, err)
	}
	if _, err := g.Pick("c/c"); !errors.Is(err, contract.NotFound) {
		t.Errorf("unknown: %v", err)
	}
	if _, err := g.Pick(""); !errors.Is(err, contract.FailedPrecondition) {
		t.Errorf("two: %v", err)
	}
	for want, r := range map[string]*Registration{
		"registered twice":        {ID: "b/b"},
		"want an id":              {ID: "B"},
		"twice":                   {ID: "c/c", Methods: []*contract.Method{double.Method, double.Method}},
		"without its method Doub": {ID: "c/c", Methods: []*contract.Method{optional.Method}},
	} {
		if got := panicOf(func() { g.Register(r) }); !strings.Contains(got, want) {
			t.Errorf("panic %q, want %q", got, want)
		}
	}
}

func TestPeer(t *testing.T) {
	for _, e := range []*Env{{}, {Peers: func(string) contract.Caller { return nil }}} {
		p := e.Peer("a/b")
		if _, err := double.Call(t.Context(), p, num{}); !errors.Is(err, contract.Unavailable) || !strings.Contains(err.Error(), "a/b") {
			t.Error(err)
		}
		if _, err := p.Stream(t.Context(), count.Method); !errors.Is(err, contract.Unavailable) || p.Offers(double.Method) {
			t.Error(err)
		}
	}
}

func TestStartAndRun(t *testing.T) {
	boom := &Registration{ID: "a/a", Open: func(context.Context, *Env, Decode) (*Instance, error) { panic("boom") }}
	if _, err := boom.Start(t.Context(), &Env{}, nil); contract.AsError(err).Reason != contract.ReasonPanic {
		t.Error(err)
	}
	env := &Env{ID: "a/a"}
	seen := &Registration{ID: "a/a", Open: func(ctx context.Context, e *Env, _ Decode) (*Instance, error) {
		if From(ctx) != env || e != env {
			t.Error("open does not see its Env")
		}
		return nil, io.EOF
	}}
	if _, err := seen.Start(t.Context(), env, nil); !errors.Is(err, io.EOF) || contract.AsError(err) != err {
		t.Errorf("%#v", err)
	}
	if err := Run(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if err := Run(t.Context(), func(context.Context) error { panic("x") }); contract.AsError(err).Reason != contract.ReasonPanic {
		t.Error(err)
	}
	if err := (&Instance{}).Reconfigure(t.Context(), nil); !errors.Is(err, contract.Unimplemented) {
		t.Error(err)
	}
}

func TestDecodeConfig(t *testing.T) {
	type inner struct{ X int }
	type config struct {
		A int `json:"a"`
		B inner
		C []inner
	}
	enc := func(v any) []byte {
		b, err := contract.CBOR.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	c := config{A: 7}
	if err := DecodeConfig(nil)(&c); err != nil || c.A != 7 {
		t.Error(c, err)
	}
	if err := DecodeConfig(enc(map[string]any{"B": map[string]int{"X": 2}}))(&c); err != nil || c.A != 7 || c.B.X != 2 {
		t.Error(c, err)
	}
	for want, v := range map[string]any{
		`["aa"]`:        map[string]any{"a": 1, "aa": 2},
		`["B" "zz"]`:    map[string]any{"B": map[string]any{"Y": 1}, "zz": 0, "a": 1},
		`["C"]`:         map[string]any{"C": []any{map[string]any{"X": 1, "Y": 2}}},
		"configuration": map[string]any{"a": "text"},
	} {
		if err := DecodeConfig(enc(v))(&config{}); !errors.Is(err, contract.InvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", v, err, want)
		}
	}
	if err := DecodeConfig([]byte{0xff})(&config{}); !errors.Is(err, contract.InvalidArgument) {
		t.Error(err)
	}
}

func FuzzDecodeConfig(f *testing.F) {
	f.Add([]byte{0xa1, 0x61, 'a', 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var c struct {
			A int
			B map[string]struct{ X []string }
		}
		if err := DecodeConfig(b)(&c); err != nil && !errors.Is(err, contract.InvalidArgument) {
			t.Error(err)
		}
	})
}

type envKeyOfTest struct{}

func TestLocal(t *testing.T) {
	h := double.Handle(func(ctx context.Context, n num) (num, error) {
		if ctx.Value(envKeyOfTest{}) != nil {
			n.N++
		}
		return num{2 * n.N}, nil
	})
	plain := NewLocal("it", ByPath([]contract.Handler{h}), nil)
	if got, err := double.Call(t.Context(), plain, num{4}); err != nil || got.N != 8 {
		t.Error(got, err)
	}
	if d, _ := plain.Direct(double.Method); d == nil || plain.Offers(optional.Method) || !plain.Offers(double.Method) {
		t.Error("a plain handler is not called directly")
	}
	prepared := NewLocal("it", ByPath([]contract.Handler{h}), func(ctx context.Context) context.Context {
		return context.WithValue(ctx, envKeyOfTest{}, 1)
	})
	if got, err := double.Call(t.Context(), prepared, num{4}); err != nil || got.N != 10 {
		t.Error("the context was not prepared", got, err)
	}
	if _, err := optional.Call(t.Context(), plain, num{}); !errors.Is(err, contract.Unimplemented) || !strings.Contains(err.Error(), "it does not implement") {
		t.Error(err)
	}
	if _, err := plain.Stream(t.Context(), count.Method); !errors.Is(err, contract.Unimplemented) {
		t.Error(err)
	}
	other := contract.Unary[string, string](contract.Define("acme.dev/p", 1, 0), "Double")
	if _, err := other.Call(t.Context(), plain, "x"); contract.AsError(err).Reason != contract.ReasonMismatch {
		t.Error(err)
	}
}

func streams(t *testing.T) *Local {
	t.Helper()
	return NewLocal("it", ByPath([]contract.Handler{
		count.Handle(func(_ context.Context, n num) iter.Seq2[num, error] {
			return func(yield func(num, error) bool) {
				for i := range n.N {
					if i == 5 {
						yield(num{}, contract.Errorf(contract.OutOfRange, "five"))
						return
					}
					if !yield(num{i}, nil) {
						return
					}
				}
			}
		}),
		sum.Handle(func(_ context.Context, in iter.Seq2[num, error]) (out num, err error) {
			for n, err := range in {
				if err != nil {
					return out, err
				}
				if out.N += n.N; n.N < 0 {
					return out, contract.Errorf(contract.InvalidArgument, "negative")
				}
			}
			return out, nil
		}),
		chat.Handle(func(ctx context.Context, d *contract.Duplex[num, num]) error {
			for n, err := range d.All() {
				if err != nil {
					return err
				}
				if n.N == 0 {
					panic("zero")
				}
				if err := d.Send(num{-n.N}); err != nil {
					return err
				}
			}
			return nil
		}),
	}), nil)
}

func sequence(ns ...int) iter.Seq2[num, error] {
	return func(yield func(num, error) bool) {
		for _, n := range ns {
			if !yield(num{n}, nil) {
				return
			}
		}
	}
}

// TestStreams: nothing is left behind, however a stream ends; the bubble would tell.
func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := streams(t)
		var got []int
		var last error
		for n, err := range count.Call(t.Context(), l, num{9}) {
			if last = err; err == nil {
				got = append(got, n.N)
			}
		}
		if !reflect.DeepEqual(got, []int{0, 1, 2, 3, 4}) || !errors.Is(last, contract.OutOfRange) {
			t.Error(got, last)
		}
		for range count.Call(t.Context(), l, num{4}) {
			break
		}
		if n, err := sum.Call(t.Context(), l, sequence(1, 2, 3)); err != nil || n.N != 6 {
			t.Error(n, err)
		}
		// The handler ends before it has read everything: the sender must not hang.
		if _, err := sum.Call(t.Context(), l, sequence(1, -1, 3, 4, 5)); !errors.Is(err, contract.InvalidArgument) {
			t.Error(err)
		}
		if _, err := sum.Call(t.Context(), l, func(yield func(num, error) bool) { yield(num{}, io.ErrNoProgress) }); !errors.Is(err, io.ErrNoProgress) {
			t.Error(err)
		}
	})
}

func TestTwoWayStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := streams(t)
		d, err := chat.Call(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := d.Send(num{i + 1}); err != nil {
				t.Error(err)
			}
			if n, err := d.Recv(); err != nil || n.N != -i-1 {
				t.Error(n, err)
			}
		}
		d.CloseSend()
		if _, err := d.Recv(); err != io.EOF {
			t.Error(err)
		}
		if err := d.Send(num{1}); !errors.Is(err, contract.FailedPrecondition) {
			t.Errorf("send after the end: %v", err)
		}
		if d, err = chat.Call(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		if err := d.Send(num{0}); err != nil {
			t.Error(err)
		}
		if _, err := d.Recv(); contract.AsError(err).Reason != contract.ReasonPanic {
			t.Errorf("panic: %v", err)
		}
		if err := d.Send(num{1}); err != io.EOF {
			t.Errorf("send to a handler that has ended: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if d, err = chat.Call(ctx, l); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Recv(); !errors.Is(err, contract.DeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}
		if d, err = chat.Call(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		d.Close()
		synctest.Wait()
		if _, err := d.Recv(); !errors.Is(err, contract.Canceled) {
			t.Errorf("closed: %v", err)
		}
	})
}

// TestLogger runs the standard suite of slog handlers over our records.
func TestLogger(t *testing.T) {
	var records []map[string]any
	h := NewLogger(slog.LevelInfo, func(m *frame.LogMessage) {
		r := map[string]any{slog.LevelKey: m.Level, slog.MessageKey: m.Message}
		if m.Time != 0 {
			r[slog.TimeKey] = m.Time
		}
		flatten(r, m.Attrs)
		records = append(records, r)
	}).Handler()
	if err := slogtest.TestHandler(h, func() []map[string]any { return records }); err != nil {
		t.Error(err)
	}
}

func flatten(into map[string]any, attrs []frame.Attr) {
	for _, a := range attrs {
		if a.Kind == "group" {
			m := map[string]any{}
			if flatten(m, a.Group); len(m) > 0 {
				into[a.Key] = m
			}
			continue
		}
		into[a.Key] = a.Value
	}
}

func TestLoggerTexts(t *testing.T) {
	var got *frame.LogMessage
	log := NewLogger(slog.LevelWarn, func(m *frame.LogMessage) { got = m })
	if log.Info("x"); got != nil {
		t.Error("a record below the level was sent")
	}
	nested := slog.String("x", "y")
	for range 20 {
		nested = slog.Attr{Key: "g", Value: slog.GroupValue(nested)}
	}
	log.Error("bad \xff", "k\xff", "\xfe", "long", strings.Repeat("x", 1<<20), "err", io.EOF, "nil", nil, nested)
	if got.Message != "bad \uFFFD" || got.Attrs[0].Key != "k\uFFFD" || got.Attrs[0].Value != "\uFFFD" || got.Attrs[2].Value != "EOF" {
		t.Errorf("%+v", got)
	}
	b, err := contract.CBOR.Append(nil, got)
	if err != nil || len(b) > frame.MaxLog {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	var again frame.LogMessage
	if err := contract.CBOR.Decode(b, &again); err != nil || bytes.Contains(b, []byte{0xff, 0xfe}) {
		t.Error(err)
	}
}

func TestServed(t *testing.T) {
	var g Registry
	var panics int
	g.Register(&Registration{ID: "a/a", Methods: []*contract.Method{double.Method}, Open: func(context.Context, *Env, Decode) (*Instance, error) {
		return &Instance{
			Handlers: ByPath([]contract.Handler{double.Handle(func(ctx context.Context, n num) (num, error) {
				if n.N < 0 {
					panic("negative")
				}
				return num{len(From(ctx).ID) + n.N}, nil
			})}),
			Check: func(ctx context.Context) error { return contract.Errorf(contract.Aborted, "%s", From(ctx).ID) },
		}, nil
	}})
	env := &Env{Log: NewLogger(slog.LevelInfo, func(m *frame.LogMessage) {
		if m.Message == "panic in a handler" {
			panics++
		}
	})}
	r, err := g.Pick("a/a")
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Serve(t.Context(), env, &frame.OpenMessage{DataDir: "/d"}, nil)
	if err != nil || env.ID != "a/a" || env.DataDir != "/d" {
		t.Fatal(err)
	}
	h := frame.CallHeader{Path: []byte(double.Path())}
	call := func(n int) (out num, err error) {
		in, err := contract.CBOR.Append(nil, num{n})
		if err != nil {
			return out, err
		}
		b, err := s.Call(t.Context(), h, in, nil)
		if err != nil {
			return out, err
		}
		return out, contract.CBOR.Decode(b, &out)
	}
	if got, err := call(4); err != nil || got.N != 7 {
		t.Error(got, err)
	}
	if _, err := call(-1); contract.AsError(err).Reason != contract.ReasonPanic || panics != 1 {
		t.Error(err, panics)
	}
	for _, bad := range []frame.CallHeader{{Path: []byte("/a.v1/B")}, {Path: h.Path, Target: frame.Peer}} {
		if _, err := s.Call(t.Context(), bad, nil, nil); !errors.Is(err, contract.Unimplemented) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := s.Lifecycle(t.Context(), frame.Ping, nil); !errors.Is(err, contract.Aborted) || err.Error() != "a/a" {
		t.Error(err)
	}
	for _, x := range []frame.Type{frame.Quiesce, frame.Stop} {
		if err := s.Lifecycle(t.Context(), x, nil); err != nil {
			t.Error(err)
		}
	}
	for _, x := range []frame.Type{frame.Configure, frame.Answer} {
		if err := s.Lifecycle(t.Context(), x, nil); !errors.Is(err, contract.Unimplemented) {
			t.Error(err)
		}
	}
}

// TestStreamGoroutineEnds: a stream whose handler ends its goroutine, as a test that fails
// does, ends with an error, and its end is told.
func TestStreamGoroutineEnds(t *testing.T) {
	h := count.Handle(func(context.Context, num) iter.Seq2[num, error] {
		return func(func(num, error) bool) { runtime.Goexit() }
	})
	s, ended, err := NewLocal("plugin a/b", ByPath([]contract.Handler{h}), nil).Open(t.Context(), count.Method)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := errors.Join(s.Send(&num{1}), s.CloseSend()); err != nil {
		t.Fatal(err)
	}
	<-ended
	if err := s.Recv(new(num)); contract.AsError(err).Reason != contract.ReasonPanic {
		t.Errorf("ended with %v", err)
	}
}
