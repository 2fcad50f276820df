package contract

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	testPoint  = Define("acme.dev/test", 1, 3)
	echoMethod = Unary[ping, pong](testPoint, "Echo")
	slow       = Unary[ping, pong](testPoint, "Slow", MethodOptions{Timeout: time.Minute})
	small      = Unary[string, string](testPoint, "Small", MethodOptions{MaxBytes: 10})
	watch      = ServerStream[ping, pong](testPoint, "Watch")
	jsonPoint  = Define("acme.dev/json", 1, 0, PointOptions{Codec: JSON})
	jsonEcho   = Unary[ping, pong](jsonPoint, "Echo")
)

// fake is a Caller with one handler, by typed pointers or directly.
type fake struct {
	h        Handler
	released int
}

func (f *fake) Invoke(ctx context.Context, _ *Method, req, resp any) error {
	return f.h.Invoke(ctx, req, resp)
}
func (f *fake) Stream(context.Context, *Method) (Stream, error) { return nil, io.ErrClosedPipe }
func (f *fake) Offers(m *Method) bool                           { return m == f.h.Method }

type fakeDirect struct{ *fake }

func (f fakeDirect) Direct(m *Method) (*Handler, Releaser) {
	if m != f.h.Method {
		return nil, nil
	}
	return &f.h, f
}
func (f fakeDirect) Release(bool) { f.released++ }

// callers returns both kinds of caller of h.
func callers(h Handler) map[string]Caller {
	return map[string]Caller{"pointers": &fake{h: h}, "direct": fakeDirect{&fake{h: h}}}
}

func TestCall(t *testing.T) {
	h := echoMethod.Handle(func(_ context.Context, p ping) (pong, error) {
		switch p.N {
		case 0:
			return pong{9}, NotFound
		case -1:
			panic("boom")
		}
		return pong(p), nil
	})
	for name, c := range callers(h) {
		if got, err := echoMethod.Call(t.Context(), c, ping{7}); err != nil || got.N != 7 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		var e *Error
		if got, err := echoMethod.Call(t.Context(), c, ping{}); !errors.As(err, &e) || !errors.Is(err, NotFound) || got.N != 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if got, err := echoMethod.Call(t.Context(), c, ping{-1}); !errors.As(err, &e) || e.Reason != ReasonPanic || got.N != 0 {
			t.Errorf("%s: panic: %v, %v", name, got, err)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := echoMethod.Call(over, c, ping{7}); !errors.Is(err, Canceled) {
			t.Errorf("%s: over before: %v", name, err)
		}
		if d, ok := c.(fakeDirect); ok && d.released != 4 {
			t.Errorf("released %d times after 4 calls", d.released)
		}
	}
}

// TestCallOtherTypes: a Direct handler of other types is not called, and released.
func TestCallOtherTypes(t *testing.T) {
	h := Unary[string, string](Define("acme.dev/test", 1, 3), "Echo").Handle(func(context.Context, string) (string, error) { return "", nil })
	h.Method = echoMethod.Method // as a caller would that knows only paths
	c := fakeDirect{&fake{h: h}}
	if _, err := echoMethod.Call(t.Context(), c, ping{}); !errors.Is(err, FailedPrecondition) || AsError(err).Reason != ReasonMismatch {
		t.Error(err)
	}
	if c.released != 1 {
		t.Errorf("released %d times", c.released)
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := slow.Handle(func(ctx context.Context, p ping) (pong, error) {
			<-ctx.Done()
			return pong{}, ctx.Err()
		})
		for name, c := range callers(h) {
			start := time.Now()
			if _, err := slow.Call(t.Context(), c, ping{}); !errors.Is(err, DeadlineExceeded) || time.Since(start) != time.Minute {
				t.Errorf("%s: default: %v after %v", name, err, time.Since(start))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			start = time.Now()
			if _, err := slow.Call(ctx, c, ping{}); !errors.Is(err, DeadlineExceeded) || time.Since(start) != time.Hour {
				t.Errorf("%s: own deadline: %v after %v", name, err, time.Since(start))
			}
			cancel()
		}
	})
}

func TestInvokeWire(t *testing.T) {
	h := small.Handle(func(_ context.Context, s string) (string, error) { return s + s, nil })
	in, err := CBOR.Append(nil, new("ab"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.InvokeWire(t.Context(), nil, in, []byte("head"))
	if err != nil || string(out) != "head\x64abab" {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := h.InvokeWire(t.Context(), JSON, []byte(`"ab"`), nil); err != nil || string(out) != `"abab"` {
		t.Errorf("%q, %v", out, err)
	}
	for in, want := range map[string]Code{"\xff": InvalidArgument, "": InvalidArgument, "\x78\x20" + strings.Repeat("x", 32): ResourceExhausted, "\x66abcdef": ResourceExhausted} {
		if out, err := h.InvokeWire(t.Context(), nil, []byte(in), nil); !errors.Is(err, want) || out != nil {
			t.Errorf("%q: %q, %v, want %v", in, out, err, want)
		}
	}
	for name, h := range map[string]Handler{"empty": {}, "stream": watch.Handle(func(context.Context, ping) iter.Seq2[pong, error] { return nil })} {
		if _, err := h.InvokeWire(t.Context(), nil, nil, nil); !errors.Is(err, Unimplemented) {
			t.Errorf("%s: %v", name, err)
		}
		if err := h.Invoke(t.Context(), &ping{}, &pong{}); !errors.Is(err, Unimplemented) {
			t.Errorf("%s: %v", name, err)
		}
		if err := h.Invoke(t.Context(), &Raw{}, &Raw{}); !errors.Is(err, Unimplemented) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.Serve(t.Context(), nil); !errors.Is(err, Unimplemented) {
		t.Error(err)
	}
	if err := (Handler{}).Serve(t.Context(), nil); !errors.Is(err, Unimplemented) {
		t.Error(err)
	}
}

func TestRelay(t *testing.T) {
	h := echoMethod.Handle(func(_ context.Context, p ping) (pong, error) { return pong(p), nil })
	m, err := Relay(echoMethod.Path(), KindUnary, 3, echoMethod.Fingerprint())
	if err != nil || m.Path() != echoMethod.Path() || m.Fingerprint() != echoMethod.Fingerprint() || m.Limit() != LimitMaxBytes {
		t.Fatal(m, err)
	}
	for _, c := range []Codec{CBOR, JSON} {
		in, err := c.Append(nil, &ping{5})
		if err != nil {
			t.Fatal(err)
		}
		var out Raw
		if err := h.Invoke(t.Context(), &Raw{c.Name(), in}, &out); err != nil || out.Codec != c.Name() || string(out.Bytes) != string(in) {
			t.Errorf("%s: %+v, %v", c.Name(), out, err)
		}
	}
	if err := h.Invoke(t.Context(), &Raw{Codec: "other"}, &Raw{}); AsError(err).Reason != ReasonMismatch {
		t.Errorf("another codec: %v", err)
	}
	if err := jsonEcho.Handle(func(context.Context, ping) (pong, error) { return pong{}, nil }).Invoke(t.Context(), &Raw{Codec: "cbor"}, &Raw{}); AsError(err).Reason != ReasonMismatch {
		t.Errorf("CBOR for a point in JSON: %v", err)
	}
	if err := h.Invoke(t.Context(), &Raw{}, &pong{}); !errors.Is(err, Internal) {
		t.Errorf("half a relay: %v", err)
	}
	c := m.Codec()
	b, err := c.Append([]byte("a"), &Raw{Bytes: []byte("b")})
	if err != nil || string(b) != "ab" {
		t.Error(string(b), err)
	}
	var r Raw
	if err := c.Decode(b, &r); err != nil || string(r.Bytes) != "ab" {
		t.Error(r, err)
	}
	if b[0] = 'x'; string(r.Bytes) != "ab" {
		t.Error("a raw message aliases memory that is used again")
	}
	if _, err := c.Append(nil, &ping{}); err == nil {
		t.Error("a typed message was appended raw")
	}
	if err := c.Decode(nil, &ping{}); err == nil {
		t.Error("a typed message was decoded raw")
	}
	for _, bad := range []string{"", "x", "/a.v1/"} {
		if _, err := Relay(bad, KindUnary, 0, 0); !errors.Is(err, InvalidArgument) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := Relay("/a.v1/B", KindUnary, -1, 0); !errors.Is(err, InvalidArgument) {
		t.Error(err)
	}
}

func TestStreamErrors(t *testing.T) {
	c := &fake{}
	for _, err := range watch.Call(t.Context(), c, ping{}) {
		if !errors.Is(err, io.ErrClosedPipe) || AsError(err) == nil {
			t.Error(err)
		}
	}
}

func BenchmarkDirect(b *testing.B) {
	c := fakeDirect{&fake{h: echoMethod.Handle(func(_ context.Context, p ping) (pong, error) { return pong(p), nil })}}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := echoMethod.Call(ctx, c, ping{1}); err != nil {
			b.Fatal(err)
		}
	}
}
