//go:build !wasip1

package sdk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/internal/guest"
)

// host is the other end of serve, frame by frame.
type host struct {
	t   *testing.T
	in  *os.File // what the plugin writes
	out *os.File // what the plugin reads
	end chan error
}

func serveTest(t *testing.T, g *guest.Registry, id string) *host {
	t.Helper()
	in, theirOut, err1 := os.Pipe()
	theirIn, out, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, in: in, out: out, end: make(chan error, 1)}
	go func() {
		h.end <- serve(theirIn, theirOut, g, id)
		theirIn.Close()
		theirOut.Close()
	}()
	t.Cleanup(func() { in.Close(); out.Close() })
	return h
}

// send writes a frame. It is made here by hand, as another program would.
func (h *host) send(kind frame.Type, id uint64, body []byte) {
	h.t.Helper()
	b := frame.NewBuf(kind)
	b.B = append(b.B, body...)
	n := len(b.B) - 4
	copy(b.B, []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
	b.B[5], b.B[6] = byte(id), byte(id>>8)
	if _, err := h.out.Write(b.B); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) want(kind frame.Type, id uint64) []byte {
	h.t.Helper()
	b, err := frame.Read(h.in)
	if err != nil {
		h.t.Fatalf("want %v %d: %v", kind, id, err)
	}
	if b.Type() != kind || b.ID() != id {
		h.t.Fatalf("got %v %d %q, want %v %d", b.Type(), b.ID(), b.Body(), kind, id)
	}
	return bytes.Clone(b.Body())
}

func (h *host) wantFail(id uint64, code contract.Code) {
	h.t.Helper()
	if e := frame.ParseError(h.want(frame.Fail, id), contract.CBOR); e.Code != code {
		h.t.Errorf("got %v: %v, want %v", e.Code, e, code)
	}
}

func (h *host) open(plugin string) []byte {
	h.t.Helper()
	b, err := frame.AppendOpen(nil, contract.CBOR, 0, nil, &frame.OpenMessage{Plugin: plugin})
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

var zero = make([]byte, 8)

// stopping is a plugin whose calls and end the test holds in its hand.
type stopping struct {
	release chan struct{}
	stopped atomic.Bool
}

func (s *stopping) registry() *guest.Registry {
	g := new(guest.Registry)
	g.Register(&guest.Registration{ID: "a/a", Methods: []*contract.Method{double.Method}, Open: func(context.Context, *Env, guest.Decode) (*guest.Instance, error) {
		return &guest.Instance{
			Handlers: guest.ByPath([]contract.Handler{double.Handle(func(ctx context.Context, n num) (num, error) {
				switch n.N {
				case 1:
					<-s.release
				case 2:
					runtime.Goexit()
				case 3:
					<-ctx.Done()
					return n, ctx.Err()
				}
				if s.stopped.Load() {
					return n, contract.Errorf(contract.Internal, "called after Stop")
				}
				return num{2 * n.N}, nil
			})}),
			Stop: func(context.Context) error { s.stopped.Store(true); return nil },
		}, nil
	}})
	return g
}

func call(t *testing.T, n int) []byte {
	t.Helper()
	b, err := contract.CBOR.Append(frame.AppendCall(nil, 0, 0, double.Path()), num{n})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestServe(t *testing.T) {
	s := &stopping{release: make(chan struct{})}
	h := serveTest(t, s.registry(), "")
	if hello, _, err := frame.ParseHello(h.want(frame.Hello, 0)); err != nil || hello.Plugin != "a/a" {
		t.Fatal(hello, err)
	}
	h.send(frame.Call, 1, call(t, 5))
	h.wantFail(1, contract.FailedPrecondition) // not open
	h.send(frame.Ping, 2, zero)
	h.wantFail(2, contract.FailedPrecondition)
	h.send(frame.Open, 3, h.open("a/a"))
	h.want(frame.Answer, 3)
	h.send(frame.Ping, 4, zero)
	h.want(frame.Answer, 4)
	h.send(frame.Call, 5, call(t, 5))
	if got := h.want(frame.Answer, 5); string(got) != "\xa1\x61N\x0a" {
		t.Errorf("%q", got)
	}
	h.send(frame.Call, 6, call(t, 2))
	h.wantFail(6, contract.Internal) // the handler ended its goroutine
	h.send(frame.Call, 7, call(t, 3))
	h.send(frame.Cancel, 7, nil)
	h.wantFail(7, contract.Canceled)
	h.send(frame.Call, 8, call(t, 1)) // in flight while stop comes
	h.send(frame.Stop, 9, zero)
	close(s.release)
	if got := h.want(frame.Answer, 8); string(got) != "\xa1\x61N\x02" {
		t.Errorf("the call in flight: %q", got)
	}
	h.want(frame.Answer, 9)
	if err := <-h.end; err != nil || !s.stopped.Load() {
		t.Error(err)
	}
	if _, err := frame.Read(h.in); err != io.EOF {
		t.Error(err)
	}
}

// TestServeHostGone: the plugin ends, and cleans up, when its input ends.
func TestServeHostGone(t *testing.T) {
	s := &stopping{release: make(chan struct{})}
	h := serveTest(t, s.registry(), "a/a")
	h.want(frame.Hello, 0)
	h.send(frame.Open, 1, h.open("a/a"))
	h.want(frame.Answer, 1)
	h.send(frame.Call, 2, call(t, 3)) // ends with its context
	h.out.Close()
	if err := <-h.end; err != nil || !s.stopped.Load() {
		t.Error(err, s.stopped.Load())
	}
	before := serveTest(t, s.registry(), "a/a")
	before.want(frame.Hello, 0)
	before.out.Close()
	if err := <-before.end; err != nil {
		t.Errorf("before open: %v", err)
	}
}

func TestServeErrors(t *testing.T) {
	if err := <-serveTest(t, new(guest.Registry), "a/a").end; !errors.Is(err, contract.NotFound) {
		t.Errorf("no such plugin: %v", err)
	}
	for name, f := range map[string]func(*host){
		"open twice":       func(h *host) { h.send(frame.Open, 1, h.open("a/a")); h.send(frame.Open, 2, h.open("a/a")) },
		"hello":            func(h *host) { h.send(frame.Hello, 1, zero) },
		"log":              func(h *host) { h.send(frame.Log, 0, zero) },
		"short limit":      func(h *host) { h.send(frame.Ping, 1, zero[:7]) },
		"call header":      func(h *host) { h.send(frame.Call, 1, nil) },
		"number 0":         func(h *host) { h.send(frame.Ping, 0, zero) },
		"unknown type":     func(h *host) { h.send(100, 1, zero) },
		"answer to no one": func(h *host) { h.send(frame.Answer, 1, nil) },
	} {
		h := serveTest(t, new(stopping).registry(), "")
		h.want(frame.Hello, 0)
		f(h)
		if err := <-h.end; !errors.Is(err, frame.ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := serveTest(t, new(stopping).registry(), "")
	h.want(frame.Hello, 0)
	h.send(frame.Open, 1, h.open("b/b"))
	h.wantFail(1, contract.NotFound)
	h.send(frame.Stop, 2, zero)
	h.want(frame.Answer, 2)
	if err := <-h.end; err != nil {
		t.Error(err)
	}
}

func TestPipes(t *testing.T) {
	for _, c := range []struct{ in, out, want string }{
		{"", "", "PLUGSTEAD_IN is not set"}, {"3x", "4", "PLUGSTEAD_IN"}, {"-1", "4", "PLUGSTEAD_IN"}, {"99999999999", "4", "PLUGSTEAD_IN"},
	} {
		t.Setenv("PLUGSTEAD_IN", c.in)
		t.Setenv("PLUGSTEAD_OUT", "")
		if _, _, err := pipes(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "started by its application") {
			t.Errorf("%q: %v", c.in, err)
		}
	}
}

// TestLogOutward: log records of the plugin become frames; what is too large does not.
func TestLogOutward(t *testing.T) {
	g := new(guest.Registry)
	register(g, "a/a", []contract.Handler{double.Handle(func(ctx context.Context, n num) (num, error) {
		log := From(ctx).Log
		log.Info("hello", "n", n.N)
		many := make([]any, 0, 100)
		for range 50 {
			many = append(many, "k", strings.Repeat("x", 10000))
		}
		log.Info("too large", many...)
		return n, nil
	})})
	h := serveTest(t, g, "")
	h.want(frame.Hello, 0)
	h.send(frame.Open, 1, h.open("a/a"))
	h.want(frame.Answer, 1)
	h.send(frame.Call, 2, call(t, 5))
	var m frame.LogMessage
	if err := contract.CBOR.Decode(h.want(frame.Log, 0), &m); err != nil || m.Message != "hello" || m.Attrs[0].Value != uint64(5) || time.Since(time.Unix(0, m.Time)) > time.Hour {
		t.Errorf("%+v, %v", m, err)
	}
	h.want(frame.Answer, 2)
}
