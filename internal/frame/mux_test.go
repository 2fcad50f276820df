package frame

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
)

// echo answers every call with its body; "fail" fails, "wait" waits for its context.
func echo(m *Mux) func(*Buf) error {
	return func(b *Buf) error {
		ctx, err := m.Begin(context.Background(), b.ID(), 0)
		if err != nil || ctx == nil {
			b.Free()
			return err
		}
		go func() {
			defer b.Free()
			switch string(b.Body()) {
			case "fail":
				m.ReplyError(b.ID(), contract.Errorf(contract.NotFound, "told to"))
				return
			case "wait":
				<-ctx.Done()
				m.ReplyError(b.ID(), ctx.Err())
				return
			}
			out := NewBuf(Answer)
			out.B = append(out.B, b.Body()...)
			m.Reply(b.ID(), out)
		}()
		return nil
	}
}

// pair connects two echoing ends. kind is "files" for pipes of the system, else memory.
func pair(t *testing.T, kind string) (a, b *Mux) {
	t.Helper()
	var ar, br io.Reader
	var aw, bw io.Writer
	var closers []io.Closer
	if kind == "files" {
		r1, w1, err1 := os.Pipe()
		r2, w2, err2 := os.Pipe()
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		ar, bw, br, aw, closers = r1, w1, r2, w2, []io.Closer{w1, w2, r1, r2}
	} else {
		x, y := net.Pipe()
		ar, aw, br, bw, closers = x, x, y, y, []io.Closer{x, y}
	}
	a, b = NewMux(ar, aw), NewMux(br, bw)
	var wg sync.WaitGroup
	for _, m := range []*Mux{a, b} {
		m.On = echo(m)
		wg.Go(func() { _ = m.Run() })
	}
	t.Cleanup(func() {
		for _, c := range closers {
			c.Close()
		}
		wg.Wait()
	})
	return a, b
}

func request(body string) *Buf {
	b := NewBuf(Call)
	b.B = append(b.B, body...)
	return b
}

func ask(ctx context.Context, m *Mux, body string) (string, error) {
	b, err := m.Do(ctx, request(body))
	if err != nil {
		return "", err
	}
	defer b.Free()
	return string(b.Body()), nil
}

func TestMuxBothWays(t *testing.T) {
	for _, kind := range []string{"files", "memory"} {
		t.Run(kind, func(t *testing.T) {
			a, b := pair(t, kind)
			var wg sync.WaitGroup
			for _, m := range []*Mux{a, b} {
				for worker := range 8 {
					wg.Go(func() {
						for n := range 30 {
							body := strings.Repeat("x", n*n*n*(worker+1)) // up to 200 kB: more than a pipe holds
							if got, err := ask(t.Context(), m, body+"."); err != nil || got != body+"." {
								t.Errorf("%d bytes came back as %d, %v", len(body), len(got), err)
							}
						}
						if _, err := ask(t.Context(), m, "fail"); !errors.Is(err, contract.NotFound) || err.Error() != "told to" {
							t.Errorf("fail: %v", err)
						}
					})
				}
			}
			wg.Wait()
		})
	}
}

func TestMuxCancel(t *testing.T) {
	a, _ := pair(t, "files")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := ask(ctx, a, "wait"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if _, err := ask(ctx, a, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	// The other side heard of it: it serves nothing any more.
	if got, err := ask(t.Context(), a, "x"); err != nil || got != "x" {
		t.Error(got, err)
	}
}

// TestMuxCancelArrives: the cancel frame ends the context of the other side.
func TestMuxCancelArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, "memory")
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error)
		go func() { _, err := ask(ctx, a, "wait"); result <- err }()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := b.Drain(t.Context(), 0); err != nil { // would wait for ever
			t.Error(err)
		}
	})
}

func TestMuxDeadlineOfOtherSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMux(strings.NewReader(""), io.Discard)
		ctx, err := m.Begin(t.Context(), 1, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		<-ctx.Done()
		if time.Since(start) != time.Minute || m.Parent(ctx) != 1 || NewMux(nil, io.Discard).Parent(ctx) != 0 {
			t.Error(time.Since(start), m.Parent(ctx))
		}
	})
}

// TestMuxStandstill: a reader that does not read blocks nobody beyond their deadline.
func TestMuxStandstill(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m := NewMux(nil, w)
	body := strings.Repeat("x", 1<<20)
	var wg sync.WaitGroup
	for range 20 { // more than the queue holds
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, err := ask(ctx, m, body); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	m.End(ErrClosed)
	w.Close()
}

func TestMuxLost(t *testing.T) {
	x, y := net.Pipe()
	m := NewMux(x, x)
	run := make(chan error)
	go func() { run <- m.Run() }()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := ask(t.Context(), m, "x"); !errors.Is(err, ErrLost) {
				t.Errorf("in flight: %v", err)
			}
		})
	}
	for range 10 {
		b, err := Read(y)
		if err != nil {
			t.Fatal(err)
		}
		b.Free()
	}
	y.Close()
	wg.Wait()
	if err := <-run; err != io.EOF {
		t.Errorf("run: %v", err)
	}
	if _, err := ask(t.Context(), m, "x"); !errors.Is(err, ErrClosed) {
		t.Errorf("later: %v", err)
	}
	if _, err := m.Begin(t.Context(), 1, 0); err == nil {
		t.Error("served after the end")
	}
	if err := m.Drain(t.Context(), 0); err == nil {
		t.Error("drained after the end")
	}
}

func TestMuxProtocolErrors(t *testing.T) {
	for name, in := range map[string][]byte{
		"answer never asked for": raw(Answer, 1, nil),
		"fail never asked for":   raw(Fail, 7, nil),
		"request without number": raw(Call, 0, nil),
		"request number twice":   append(raw(Call, 5, []byte("wait")), raw(Call, 5, []byte("wait"))...),
		"length":                 {1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		x, y := net.Pipe()
		m := NewMux(x, x)
		m.On = echo(m)
		go func() { _, _ = y.Write(in); _, _ = io.Copy(io.Discard, y) }()
		if err := m.Run(); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
		x.Close()
		y.Close()
	}
}

func TestMuxSkips(t *testing.T) {
	in := append(raw(FirstIgnored, 0, []byte("new")), raw(Cancel, 99, nil)...)
	m := NewMux(strings.NewReader(string(in)), io.Discard)
	m.On = func(b *Buf) error { t.Errorf("got %v", b.Type()); return nil }
	if err := m.Run(); err != io.EOF {
		t.Error(err)
	}
}

func TestMuxTooManyRequests(t *testing.T) {
	x, y := net.Pipe()
	defer x.Close()
	defer y.Close()
	m := NewMux(x, x)
	m.On = echo(m)
	go func() { _ = m.Run() }()
	go func() {
		for id := range uint64(MaxServing + 1) {
			_, _ = y.Write(raw(Call, id+1, []byte("wait")))
		}
	}()
	b, err := Read(y)
	if err != nil || b.Type() != Fail || b.ID() != MaxServing+1 || !errors.Is(ParseError(b.Body(), contract.CBOR), contract.ResourceExhausted) {
		t.Error(b, err)
	}
}

func TestMuxContext(t *testing.T) {
	x, y := net.Pipe()
	defer x.Close()
	defer y.Close()
	m := NewMux(x, x)
	go func() { _ = m.Run() }()
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
	defer cancel()
	done := make(chan error)
	go func() { _, err := ask(ctx, m, "x"); done <- err }()
	b, err := Read(y)
	if err != nil {
		t.Fatal(err)
	}
	if within := m.Context(b.ID()); within == nil || within.Value(key{}) != "v" {
		t.Error("the context of a request in flight is not found")
	}
	if _, err := y.Write(raw(Answer, b.ID(), nil)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || m.Context(b.ID()) != nil || m.Context(0) != nil {
		t.Error("the context of a request that ended is found", err)
	}
}

// TestLateAndBroken: when the time of a call is over and the connection is broken too, the
// error is one of the two that callers know.
func TestLateAndBroken(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range []error{os.ErrClosed, io.ErrClosedPipe} {
		if got := unsent(ctx, request("x"), err); !errors.Is(got, ErrClosed) || !errors.Is(got, err) {
			t.Error(got)
		}
	}
	if got := unsent(ctx, request("x"), ctx.Err()); got != context.Canceled {
		t.Error(got)
	}
}

// TestRefusalsAreBounded: somebody who makes more requests than are served, and reads no
// answers, costs a bounded amount of memory and no goroutines.
func TestRefusalsAreBounded(t *testing.T) {
	r, theirs, err1 := os.Pipe()
	unread, w, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	defer w.Close()
	defer r.Close()
	m := NewMux(r, w)
	m.On = func(b *Buf) error { // served for ever
		defer b.Free()
		_, err := m.Begin(context.Background(), b.ID(), 0)
		return err
	}
	go func() {
		defer theirs.Close()
		for id := range uint64(MaxServing + 200_000) {
			b := NewBuf(Call)
			if err := b.seal(id + 1); err != nil {
				panic(err)
			}
			if _, err := theirs.Write(b.B); err != nil {
				return
			}
			b.Free()
		}
	}()
	before := runtime.NumGoroutine()
	if err := m.Run(); !errors.Is(err, ErrProtocol) {
		t.Errorf("ended with %v", err)
	}
	if n := runtime.NumGoroutine() - before; n > 100 {
		t.Errorf("%d goroutines more", n)
	}
}

// TestWaitingForRoomIsNotSent: a request that waits for room when the connection ends was not
// sent, and says so: it can be made again elsewhere.
func TestWaitingForRoomIsNotSent(t *testing.T) {
	for _, kind := range []string{"request", "stream"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, y := net.Pipe() // nobody reads
				defer x.Close()
				defer y.Close()
				m := NewMux(x, x)
				large := func() *Buf { return request(strings.Repeat("x", maxQueue)) }
				results := make(chan error, 2)
				for range 2 { // one is being written, one fills the queue
					go func() { _, err := m.Do(t.Context(), large()); results <- err }()
					synctest.Wait()
				}
				late := make(chan error, 1)
				go func() {
					if kind == "request" {
						_, err := m.Do(t.Context(), large())
						late <- err
						return
					}
					_, err := m.OpenStream(t.Context(), large(), Messages{}, func(err error) error { return err }, func() { t.Error("it began") })
					late <- err
				}()
				synctest.Wait()
				m.End(io.EOF)
				if err := <-late; !errors.Is(err, ErrClosed) {
					t.Errorf("without room: %v", err)
				}
				for range 2 {
					if err := <-results; !errors.Is(err, ErrLost) {
						t.Errorf("with room: %v", err)
					}
				}
			})
		})
	}
}
