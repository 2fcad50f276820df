package frame

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// quickPair connects a to b, which serves every request by f as if that were quick.
func quickPair(t *testing.T, f func(body string)) (a, b *Mux, end func() error) {
	t.Helper()
	x, y := net.Pipe()
	a, b = NewMux(x, x), NewMux(y, y)
	b.On = func(in *Buf) error {
		ctx, err := b.Begin(context.Background(), in.ID(), 0)
		if err != nil || ctx == nil {
			return err
		}
		b.Serve(true, func() {
			answered := false
			defer func() {
				if !answered {
					b.ReplyError(in.ID(), io.ErrUnexpectedEOF)
				}
			}()
			f(string(in.Body()))
			answered = true
			b.Reply(in.ID(), NewBuf(Answer))
		})
		return nil
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = a.Run() })
	ended := make(chan error, 1)
	wg.Go(func() { ended <- b.Run() })
	return a, b, func() error {
		x.Close()
		y.Close()
		wg.Wait()
		return <-ended
	}
}

func demand(t *testing.T, m *Mux, body string) error {
	answer, err := m.Do(t.Context(), request(body))
	answer.Free()
	return err
}

// TestReaderServes: the goroutine that reads answers itself, and keeps its turn.
func TestReaderServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, end := quickPair(t, func(string) {})
		synctest.Wait()
		first := b.turns.current.Load()
		for i := range 100 {
			if err := demand(t, a, strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(i%3) * patience)
		}
		if b.turns.current.Load() != first || b.turns.served.Load() != 100 {
			t.Errorf("%d served", b.turns.served.Load())
		}
		time.Sleep(3 * patience)
		if b.turns.armed.Load() {
			t.Error("ticks go on")
		}
		if err := end(); err == nil {
			t.Error("no error at the end")
		}
	})
}

// TestReaderWaits: what a quick request waits for arrives all the same, soon, again and
// again, and also the end of the connection.
func TestReaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open chan struct{}
		a, b, end := quickPair(t, func(body string) {
			switch body {
			case "wait":
				<-open
			case "open":
				close(open)
			}
		})
		for range 5 {
			open = make(chan struct{})
			begin, first := time.Now(), b.turns.current.Load()
			var both sync.WaitGroup
			both.Go(func() {
				if err := demand(t, a, "wait"); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			both.Go(func() {
				if err := demand(t, a, "open"); err != nil {
					t.Error(err)
				}
			})
			both.Wait()
			if d := time.Since(begin); d > 2*patience || b.turns.current.Load() == first {
				t.Errorf("waited %v", d)
			}
		}
		open = make(chan struct{})
		waits := make(chan error)
		go func() { waits <- demand(t, a, "wait") }()
		synctest.Wait()
		ended := make(chan error)
		go func() { ended <- end() }()
		if err := <-waits; !errors.Is(err, ErrLost) {
			t.Error(err)
		}
		close(open)
		if err := <-ended; err == nil {
			t.Error("no error at the end")
		}
	})
}

// TestReaderEnds: a handler that ends its goroutine ends no connection.
func TestReaderEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, end := quickPair(t, func(body string) {
			if body == "exit" {
				runtime.Goexit()
			}
		})
		for range 3 {
			if err := demand(t, a, "exit"); err == nil {
				t.Error("no error")
			}
			if err := demand(t, a, "x"); err != nil {
				t.Error(err)
			}
		}
		if err := end(); err == nil {
			t.Error("no error at the end")
		}
	})
}

// TestTurnsChange: many requests that wait for random times all get their answer.
func TestTurnsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, end := quickPair(t, func(body string) {
			n, _ := strconv.Atoi(body)
			time.Sleep(time.Duration(n) * patience / 4)
		})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 50 {
					if err := demand(t, a, strconv.Itoa((i*31+j*17)%13)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if err := end(); err == nil {
			t.Error("no error at the end")
		}
	})
}

func TestPace(t *testing.T) {
	var p Pace
	quick := func(n int, d time.Duration) bool {
		for range n {
			p.Took(d)
		}
		return p.Quick()
	}
	for i, c := range []struct {
		n    int
		d    time.Duration
		want bool
	}{
		{quickScore - 1, quickTime, false},
		{1, quickTime, true},
		{1, quickTime + 1, false},
		{8, 0, true},
		{1000, 0, true},
		{3, quickTime + 1, true},
		{1, quickTime + 1, false},
		{100, quickTime + 1, false},
		{-slowScore, 0, false},
		{quickScore, 0, true},
		{1, slowTime, false},
		{1000, 0, false},
		{3200, 0, true},
	} {
		if got := quick(c.n, c.d); got != c.want {
			t.Errorf("%d: after %d of %v: %v, score %d", i, c.n, c.d, got, p.score.Load())
		}
	}
}
