// Package gate counts what is in flight and lets one wait until nothing is.
package gate

import (
	"context"
	"sync"
	"sync/atomic"
)

// Gate is open until it is closed. Make it with New.
type Gate struct {
	state atomic.Int64 // twice the number of uses, plus one when closed
	once  sync.Once
	empty chan struct{}
}

// New returns an open gate.
func New() *Gate { return &Gate{empty: make(chan struct{})} }

// Enter begins a use and reports whether the gate was open. Only then Leave follows.
func (g *Gate) Enter() bool {
	if g.state.Add(2)&1 == 0 {
		return true
	}
	g.Leave()
	return false
}

// Leave ends a use.
func (g *Gate) Leave() {
	if g.state.Add(-2) == 1 {
		g.once.Do(func() { close(g.empty) })
	}
}

// Closed reports whether the gate is closed.
func (g *Gate) Closed() bool { return g.state.Load()&1 == 1 }

// Close closes the gate and reports whether it was open.
func (g *Gate) Close() bool {
	before := g.state.Or(1)
	if before == 0 {
		g.once.Do(func() { close(g.empty) })
	}
	return before&1 == 0
}

// Wait waits until a closed gate is empty. It returns an error of ctx.
func (g *Gate) Wait(ctx context.Context) error {
	select {
	case <-g.empty:
		return nil
	default:
	}
	select {
	case <-g.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
