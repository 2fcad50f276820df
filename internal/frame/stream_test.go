package frame

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/plugstead/plugstead/contract"
)

var rawMessages = Messages{
	Append: func(b []byte, msg any) ([]byte, error) { return append(b, *msg.(*[]byte)...), nil },
	Decode: func(b []byte, msg any) error {
		*msg.(*[]byte) = bytes.Clone(b)
		return nil
	},
	Limit: 1 << 20,
}

func same(err error) error { return err }

// serveStreams lets m run f for every stream that the other side opens.
func serveStreams(m *Mux, f func(context.Context, *Stream) error) {
	m.On = func(b *Buf) error {
		defer b.Free()
		id := b.ID()
		ctx, err := m.Begin(context.Background(), id, 0)
		if err != nil || ctx == nil {
			return err
		}
		s := m.Accept(ctx, id, rawMessages)
		go func() { m.ReplyEnd(id, f(ctx, s)) }()
		return nil
	}
}

func open(t *testing.T, m *Mux, ctx context.Context, ended func()) *Stream {
	t.Helper()
	s, err := m.OpenStream(ctx, NewBuf(StreamOpen), rawMessages, same, ended)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func send(s contract.Stream, body string) error {
	b := []byte(body)
	return s.Send(&b)
}

func recv(s contract.Stream) (string, error) {
	var b []byte
	err := s.Recv(&b)
	return string(b), err
}

// streamPair is two connected ends; the second runs f for every stream.
func streamPair(t *testing.T, f func(context.Context, *Stream) error) *Mux {
	t.Helper()
	x, y := net.Pipe()
	a, b := NewMux(x, x), NewMux(y, y)
	a.On = func(b *Buf) error { b.Free(); return nil }
	serveStreams(b, f)
	var wg sync.WaitGroup
	for _, m := range []*Mux{a, b} {
		wg.Go(func() { _ = m.Run() })
	}
	t.Cleanup(func() {
		x.Close()
		y.Close()
		wg.Wait()
	})
	return a
}

func TestStreamOrder(t *testing.T) {
	a := streamPair(t, func(_ context.Context, s *Stream) error {
		for {
			v, err := recv(s)
			if errors.Is(err, io.EOF) {
				return contract.Errorf(contract.OutOfRange, "that was all")
			}
			if err == nil {
				err = send(s, v+"!")
			}
			if err != nil {
				return err
			}
		}
	})
	ended := make(chan struct{}, 2)
	s := open(t, a, t.Context(), func() { ended <- struct{}{} })
	for _, v := range []string{"", "a", "b"} {
		if err := send(s, v); err != nil {
			t.Fatal(err)
		}
	}
	s.CloseSend()
	s.CloseSend()
	if err := send(s, "late"); !errors.Is(err, contract.FailedPrecondition) {
		t.Error(err)
	}
	for _, want := range []string{"!", "a!", "b!"} {
		if v, err := recv(s); err != nil || v != want {
			t.Error(v, err)
		}
	}
	for range 2 {
		if _, err := recv(s); !errors.Is(err, contract.OutOfRange) {
			t.Error(err)
		}
	}
	s.Close()
	<-ended
	if len(ended) > 0 {
		t.Error("ended was called twice")
	}
}

// TestStreamWindow: a sender stands still when the window is used up, and goes on when
// the other side reads.
func TestStreamWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		a := streamPair(t, func(_ context.Context, s *Stream) error {
			<-read
			for {
				if _, err := recv(s); err != nil {
					return nil
				}
			}
		})
		s := open(t, a, t.Context(), nil)
		sent := 0
		go func() {
			for send(s, string(make([]byte, 1000))) == nil {
				if sent++; sent == 1000 {
					s.CloseSend()
					return
				}
			}
		}()
		synctest.Wait()
		if want := Window/(1000+MessageCost) + 1; sent != want {
			t.Errorf("%d messages were sent before the first was read, want %d", sent, want)
		}
		close(read)
		if _, err := recv(s); err != io.EOF || sent != 1000 {
			t.Error(sent, err)
		}
	})
}

// TestStreamGivenUp: every way to end a stream ends the handler and what waits.
func TestStreamGivenUp(t *testing.T) {
	for name, end := range map[string]func(*Stream, context.CancelFunc){
		"close":  func(s *Stream, _ context.CancelFunc) { s.Close() },
		"cancel": func(_ *Stream, cancel context.CancelFunc) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			over := make(chan error, 1)
			a := streamPair(t, func(ctx context.Context, s *Stream) error {
				_, err := recv(s)
				over <- err
				return err
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan struct{})
			s := open(t, a, ctx, func() { close(ended) })
			got := make(chan error, 1)
			go func() {
				_, err := recv(s)
				got <- err
			}()
			end(s, cancel)
			if err := <-got; !errors.Is(err, contract.Canceled) {
				t.Error(err)
			}
			if err := <-over; !errors.Is(err, contract.Canceled) {
				t.Errorf("the handler got %v", err)
			}
			<-ended
			if err := send(s, "x"); err == nil {
				t.Error("a message was sent on a stream that is over")
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if len(a.waiting) != 0 {
				t.Error("the request is still known")
			}
		})
	}
}

func TestStreamLost(t *testing.T) {
	r1, w1, err1 := os.Pipe()
	r2, w2, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	a := NewMux(r1, w2)
	a.On = func(b *Buf) error { b.Free(); return nil }
	var wg sync.WaitGroup
	wg.Go(func() { _ = a.Run() })
	ended := make(chan struct{})
	s := open(t, a, t.Context(), func() { close(ended) })
	w1.Close() // the other side goes away
	if _, err := recv(s); !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	<-ended
	if err := send(s, "x"); err != io.EOF {
		t.Error(err)
	}
	if _, err := a.OpenStream(t.Context(), NewBuf(StreamOpen), rawMessages, same, nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	wg.Wait()
	for _, f := range []*os.File{r1, r2, w2} {
		f.Close()
	}
}

// TestStreamHostile: frames that break a rule end the connection, those of streams that
// have ended do not.
func TestStreamHostile(t *testing.T) {
	credit := func(n uint32) []byte { return binary.LittleEndian.AppendUint32([]byte{0}, n) }
	full := raw(Message, 1, append([]byte{0}, make([]byte, Window)...))
	for name, c := range map[string]struct {
		frames []byte
		bad    bool
	}{
		"message without side":     {raw(Message, 1, nil), true},
		"side 2":                   {raw(Message, 1, []byte{2}), true},
		"never opened":             {raw(Message, 2, []byte{0}), true},
		"never opened by receiver": {raw(Message, 1, []byte{1}), true},
		"id 0":                     {raw(Message, 0, []byte{0}), true},
		"over the window":          {append(full, raw(Message, 1, []byte{0})...), true},
		"over the limit":           {raw(Message, 1, append([]byte{0}, make([]byte, rawMessages.Limit+1)...)), true},
		"after the end":            {append(raw(End, 1, []byte{0}), raw(Message, 1, []byte{0})...), true},
		"two ends":                 {append(raw(End, 1, []byte{0}), raw(End, 1, []byte{0})...), true},
		"end with a body":          {raw(End, 1, []byte{0, 1}), true},
		"credit over the window":   {raw(Credit, 1, credit(1)), true},
		"short credit":             {raw(Credit, 1, []byte{0, 1}), true},
		"a unary call":             {append(raw(Call, 2, nil), raw(Message, 2, []byte{0})...), true},
		"no credit":                {raw(Credit, 1, credit(0)), false},
		"one message":              {full, false},
		"after a cancel":           {append(raw(Cancel, 1, nil), raw(Message, 1, []byte{0})...), false},
	} {
		in := append(raw(StreamOpen, 1, nil), c.frames...)
		m := NewMux(bytes.NewReader(in), io.Discard)
		accept := func(ctx context.Context, s *Stream) error {
			<-ctx.Done()
			return nil
		}
		serveStreams(m, accept)
		streams := m.On
		m.On = func(b *Buf) error {
			if b.Type() == Call {
				defer b.Free()
				_, err := m.Begin(context.Background(), b.ID(), 0)
				return err
			}
			return streams(b)
		}
		err := m.Run()
		if errors.Is(err, ErrProtocol) != c.bad || !c.bad && err != io.EOF {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzStreams feeds frames of any content to both ends of streams.
func FuzzStreams(f *testing.F) {
	f.Add(append(raw(StreamOpen, 1, nil), raw(Message, 1, []byte{0, 7})...))
	f.Add(append(raw(StreamOpen, 1, nil), raw(End, 1, []byte{0})...))
	f.Add(append(raw(Message, 1, []byte{1, 7}), raw(Answer, 1, nil)...))
	f.Add(append(raw(Credit, 1, []byte{1, 0, 0, 0, 0}), raw(Fail, 1, []byte{0xa0})...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := NewMux(bytes.NewReader(b), io.Discard)
		var wg sync.WaitGroup
		serveStreams(m, func(_ context.Context, s *Stream) error {
			for {
				if _, err := recv(s); err != nil {
					return err
				}
			}
		})
		s := open(t, m, t.Context(), nil)
		wg.Go(func() {
			for {
				if _, err := recv(s); err != nil {
					return
				}
			}
		})
		if err := m.Run(); err == nil {
			t.Error("the connection ended without a reason")
		}
		wg.Wait()
	})
}
