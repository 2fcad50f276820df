package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/internal/guest"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

type num struct{ N int }

var (
	point    = contract.Define("acme.dev/p", 1, 2)
	double   = contract.Unary[num, num](point, "Double")
	tiny     = contract.Unary[string, string](point, "Tiny", contract.MethodOptions{MaxBytes: 4})
	stream   = contract.ServerStream[num, num](point, "Stream")
	absent   = contract.Unary[num, num](point, "Absent")
	jsonly   = contract.Define("acme.dev/j", 1, 0, contract.PointOptions{Codec: contract.JSON})
	jdouble  = contract.Unary[num, num](jsonly, "Double")
	provider = &manifest.Manifest{ID: "acme/p", Provides: []manifest.PointRef{{ID: "acme.dev/p", Major: 1}}}
)

func hello(t *testing.T, c contract.Codec, change func(*frame.HelloMessage)) []byte {
	t.Helper()
	h := &frame.HelloMessage{Protocol: 1, Plugin: "acme/p"}
	for _, m := range []*contract.Method{double.Method, tiny.Method, stream.Method} {
		h.Methods = append(h.Methods, frame.Describe(m))
	}
	if change != nil {
		change(h)
	}
	b, err := c.Append(nil, h)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTable(t *testing.T) {
	for _, c := range []contract.Codec{contract.CBOR, contract.JSON} {
		x, err := NewTable(provider, hello(t, c, nil), false)
		if err != nil {
			t.Fatal(err)
		}
		if x.Codec() != c || x.CodecOf(double.Method) != c || x.CodecOf(jdouble.Method) != contract.JSON {
			t.Error(x.Codec())
		}
		if !x.Offers(double.Method) || x.Offers(stream.Method) || x.Offers(absent.Method) {
			t.Error("Offers is wrong")
		}
		if err := x.Check(double.Method); err != nil {
			t.Error(err)
		}
		if err := x.Check(stream.Method); !errors.Is(err, contract.Unimplemented) {
			t.Error(err)
		}
		if err := x.Check(absent.Method); !errors.Is(err, contract.Unimplemented) {
			t.Error(err)
		}
		b, err := x.Append([]byte("h"), double.Method, &num{4})
		var got num
		if err != nil || x.Decode(b[1:], double.Method, nil, &got) != nil || got.N != 4 {
			t.Error(got, err)
		}
		if _, err := x.Append(nil, tiny.Method, new("12345")); !errors.Is(err, contract.ResourceExhausted) {
			t.Error(err)
		}
		if err := x.Decode([]byte("12345"), tiny.Method, nil, new("")); !errors.Is(err, contract.ResourceExhausted) {
			t.Error(err)
		}
		if err := x.Decode([]byte{0xff}, double.Method, nil, &got); !errors.Is(err, contract.Internal) {
			t.Error(err)
		}
	}
}

func TestTableErrors(t *testing.T) {
	for name, b := range map[string][]byte{
		"garbage":       []byte("x"),
		"other plugin":  hello(t, contract.CBOR, func(h *frame.HelloMessage) { h.Plugin = "acme/q" }),
		"point missing": hello(t, contract.CBOR, func(h *frame.HelloMessage) { h.Methods = nil }),
		"other major": hello(t, contract.CBOR, func(h *frame.HelloMessage) {
			h.Methods = []frame.Method{{Path: "/acme.dev/p.v2/Double"}}
		}),
	} {
		if _, err := NewTable(provider, b, true); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	x, err := NewTable(provider, hello(t, contract.CBOR, func(h *frame.HelloMessage) { h.Methods[0].Fingerprint = "0000000000000001" }), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Check(double.Method); contract.AsError(err).Reason != contract.ReasonMismatch {
		t.Error(err)
	}
	relay, err := contract.Relay(tiny.Path(), contract.KindUnary, 2, tiny.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Append(nil, relay, &contract.Raw{Codec: "json"}); contract.AsError(err).Reason != contract.ReasonMismatch {
		t.Errorf("a message in JSON for a plugin that speaks CBOR: %v", err)
	}
	if _, err := x.Append(nil, relay, &contract.Raw{Codec: "cbor"}); err != nil || x.Check(relay) != nil {
		t.Error(err, x.Check(relay))
	}
}

// callPeer is a caller that doubles raw or typed numbers.
func callPeer() contract.Caller {
	h := double.Handle(func(_ context.Context, n num) (num, error) { return num{2 * n.N}, nil })
	return guest.NewLocal("peer", guest.ByPath([]contract.Handler{h}), nil)
}

func TestOutward(t *testing.T) {
	m := &manifest.Manifest{ID: "acme/a", Requires: []manifest.Need{{ID: "acme/p"}, {ID: "acme/gone"}}}
	service := jdouble.Handle(func(ctx context.Context, n num) (num, error) {
		if load.Caller(ctx) != "acme/a" {
			t.Errorf("called by %q", load.Caller(ctx))
		}
		return num{2 * n.N}, nil
	})
	o := NewOutward(m, load.Spec{Host: []contract.Handler{service}, Peer: func(id manifest.ID) contract.Caller {
		if id == "acme/p" {
			return callPeer()
		}
		return nil
	}})
	call := func(h frame.CallHeader, message string) (string, error) {
		out, err := o.Serve(t.Context(), contract.CBOR, h, []byte(message), []byte("h"))
		return string(out), err
	}
	if got, err := call(frame.CallHeader{Path: []byte(jdouble.Path())}, `{"N":3}`); err != nil || got != `h{"N":6}` {
		t.Error(got, err)
	}
	peer := frame.CallHeader{Target: frame.Peer, Path: []byte(double.Path()), Peer: []byte("acme/p"), Minor: 2, Fingerprint: double.Fingerprint()}
	if got, err := call(peer, "\xa1\x61N\x03"); err != nil || got != "h\xa1\x61N\x06" {
		t.Errorf("%q, %v", got, err)
	}
	peer.Target = frame.PeerOffer
	if got, err := call(peer, ""); err != nil || got != "h" {
		t.Error(got, err)
	}
	change := func(f func(*frame.CallHeader)) frame.CallHeader {
		h := peer
		h.Target = frame.Peer
		f(&h)
		return h
	}
	for name, c := range map[string]struct {
		h    frame.CallHeader
		want contract.Code
	}{
		"no service":    {frame.CallHeader{Path: []byte(absent.Path())}, contract.Unimplemented},
		"not required":  {change(func(h *frame.CallHeader) { h.Peer = []byte("acme/x") }), contract.FailedPrecondition},
		"not running":   {change(func(h *frame.CallHeader) { h.Peer = []byte("acme/gone") }), contract.Unavailable},
		"bad path":      {change(func(h *frame.CallHeader) { h.Path = []byte("x") }), contract.InvalidArgument},
		"other types":   {change(func(h *frame.CallHeader) { h.Fingerprint++ }), contract.FailedPrecondition},
		"no method":     {change(func(h *frame.CallHeader) { h.Path = []byte(absent.Path()) }), contract.Unimplemented},
		"offers absent": {change(func(h *frame.CallHeader) { h.Path, h.Target = []byte(absent.Path()), frame.PeerOffer }), contract.Unimplemented},
	} {
		if _, err := call(c.h, "\xa0"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestEnviron(t *testing.T) {
	t.Setenv("PLUGSTEAD_TEST_A", "a=b")
	got := Environ([]manifest.Capability{"env:PLUGSTEAD_TEST_A", "env:PLUGSTEAD_TEST_NOT_SET", "net:a:1"})
	if len(got) != 1 || got[0] != "PLUGSTEAD_TEST_A=a=b" {
		t.Errorf("%q", got)
	}
}

func logger() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && a.Value.Time().Year() != 2023 {
			return slog.Attr{}
		}
		return a
	}})), &b
}

func TestLog(t *testing.T) {
	for in, want := range map[string]string{
		`{"level":4,"msg":"m","time":1700000000000000000}`:                     "level=WARN msg=m\n",
		`{"msg":"m","attrs":[{"k":"a","v":"x"},{"k":"b","v":1.5}]}`:            "level=INFO msg=m a=x b=1.5\n",
		`{"msg":"m","attrs":[{"k":"d","t":"duration","v":2000000000}]}`:        "level=INFO msg=m d=2s\n",
		`{"msg":"m","attrs":[{"k":"g","t":"group","g":[{"k":"a","v":true}]}]}`: "level=INFO msg=m g.a=true\n",
		`{"level":-4,"msg":"unwanted"}`:                                        "",
		`{"msg":5}`:                                                            "cannot be read",
		`{"level":99999999,"msg":"loud"}`:                                      "msg=loud",
		`{"msg":"m","attrs":[{"k":"d","t":"duration","v":"text"}]}`:            "level=INFO msg=m d=text\n",
		`{"msg":"m","attrs":[{"k":"o","v":{"x":[1,null]}}]}`:                   `msg=m o="map`,
	} {
		l, b := logger()
		Log(l, contract.JSON, []byte(in))
		if got := b.String(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	l, b := logger()
	Log(l, contract.JSON, bytes.Repeat([]byte(" "), frame.MaxLog+1))
	if !strings.Contains(b.String(), "too large") {
		t.Error(b)
	}
	deep, wide := frame.Attr{Key: "x", Value: 1}, make([]frame.Attr, 1000)
	for range 12 {
		deep = frame.Attr{Key: "g", Kind: "group", Group: []frame.Attr{deep}}
	}
	for i := range wide {
		wide[i] = frame.Attr{Key: fmt.Sprint("k", i), Value: i}
	}
	for _, attrs := range [][]frame.Attr{{deep}, wide} {
		body, err := contract.CBOR.Append(nil, &frame.LogMessage{Message: "m", Attrs: attrs})
		if err != nil {
			t.Fatal(err)
		}
		l, b := logger()
		if Log(l, contract.CBOR, body); b.Len() > 2000 || !strings.Contains(b.String(), "msg=m") && !strings.Contains(b.String(), "cannot be read") {
			t.Errorf("%d bytes: %.300s", b.Len(), b)
		}
	}
}

func FuzzLog(f *testing.F) {
	f.Add([]byte(`{"level":4,"msg":"m","time":17,"attrs":[{"k":"g","t":"group","g":[{"k":"a","t":"time","v":1e300}]}]}`))
	b, err := contract.CBOR.Append(nil, &frame.LogMessage{Message: "m", Attrs: []frame.Attr{{Key: "k", Kind: "time", Value: -5}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	l := slog.New(slog.NewJSONHandler(new(bytes.Buffer), nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		Log(l, contract.JSON, b)
		Log(l, contract.CBOR, b)
	})
}

func TestLogLevel(t *testing.T) {
	for level, want := range map[slog.Level]int{slog.LevelDebug: -4, slog.LevelInfo: 0, slog.LevelWarn + 1: 8, slog.LevelError + 1: 9} {
		l := slog.New(slog.NewTextHandler(new(bytes.Buffer), &slog.HandlerOptions{Level: level}))
		if got := logLevel(l); got != want {
			t.Errorf("%v: %d, want %d", level, got, want)
		}
	}
}

// FuzzLines: whatever the pieces, the same lines come out, and no long ones.
func FuzzLines(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n\nthree"), 2)
	f.Add(bytes.Repeat([]byte("x"), 3*maxLine), 5000)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		split := func(step int) (out []string) {
			l := &Lines{Log: slog.New(slog.DiscardHandler), Each: func(s string) { out = append(out, s) }}
			for rest := b; len(rest) > 0; {
				n, err := l.Write(rest[:min(max(step, 1), len(rest))])
				if err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			l.Flush()
			return out
		}
		whole, pieces := split(len(b)), split(step)
		if fmt.Sprint(whole) != fmt.Sprint(pieces) {
			t.Errorf("%q\n%q", whole, pieces)
		}
		for _, s := range whole {
			if len(s) > 3*maxLine {
				t.Errorf("a line of %d bytes", len(s))
			}
		}
	})
}

func TestHint(t *testing.T) {
	var h Hint
	if h.After() != "" {
		t.Error(h.After())
	}
	h.Note("\x1b[31mred\u202e\a\tend")
	if h.After() != ":  [31mred   end" {
		t.Errorf("%q", h.After())
	}
	h.Note("one")
	h.Note("two")
	if h.After() != ": two" {
		t.Error(h.After())
	}
	h.Note("panic: boom")
	h.Note("goroutine 1")
	if h.After() != ": panic: boom" {
		t.Error(h.After())
	}
	for last, want := range map[string]string{
		"TypeError: x is not a function": "TypeError: x is not a function", "Error: boom": "Error: boom",
		"java.io.IOException: gone": "java.io.IOException: gone",
		"some Error: here":          "the end", "Error:": "the end", "warning: x": "the end",
	} {
		var h Hint
		h.Note(last)
		h.Note("the end")
		if h.After() != ": "+want {
			t.Error(h.After())
		}
	}
}

// TestHintHides the whole of a secret before a line is cut.
func TestHintHides(t *testing.T) {
	h := Hint{Hide: func(err error) error { return errors.New(strings.ReplaceAll(err.Error(), "hunter2", "*****")) }}
	h.Note(strings.Repeat("x", maxHint-5) + "hunter2")
	if got := h.After(); strings.Contains(got, "hunt") || !strings.HasSuffix(got, "x*****") {
		t.Errorf("%q", got)
	}
}

func TestOpenMessage(t *testing.T) {
	x, err := NewTable(provider, hello(t, contract.JSON, nil), true)
	if err != nil {
		t.Fatal(err)
	}
	h := double.Handle(func(_ context.Context, n num) (num, error) { return n, nil })
	got, err := json.Marshal(x.Open(load.Spec{Host: []contract.Handler{h}, Log: slog.New(slog.DiscardHandler)}, "/d"))
	want := fmt.Sprintf(`{"plugin":"acme/p","data_dir":"/d","log_level":9,"services":[{"path":"/acme.dev/p.v1/Double","minor":2,"fingerprint":"%016x"}]}`, double.Fingerprint())
	if err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}
