package gate

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New()
		for range 2 {
			if !g.Enter() || g.Closed() {
				t.Fatal("a new gate is closed")
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if !g.Close() || g.Close() || !g.Closed() || g.Enter() {
			t.Error("closing did not close once")
		}
		if err := g.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("wait with two inside: %v", err)
		}
		g.Leave()
		waited := make(chan error)
		go func() { waited <- g.Wait(t.Context()) }()
		synctest.Wait()
		select {
		case <-waited:
			t.Error("waited for one of two")
		default:
		}
		g.Leave()
		if err := errors.Join(<-waited, g.Wait(ctx)); err != nil {
			t.Error(err)
		}
		if g.Enter() {
			t.Error("an empty closed gate was entered")
		}
	})
}

func TestGateEmpty(t *testing.T) {
	g := New()
	g.Close()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Wait(over); err != nil {
		t.Errorf("nobody was inside: %v", err)
	}
}

// TestGateRace: after Wait nobody is inside, whoever tries to enter.
func TestGateRace(t *testing.T) {
	for range 200 {
		g := New()
		var inside atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for g.Enter() {
					inside.Add(1)
					inside.Add(-1)
					g.Leave()
				}
			})
		}
		g.Close()
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := inside.Load(); n != 0 {
			t.Fatalf("%d are inside", n)
		}
		wg.Wait()
	}
}
