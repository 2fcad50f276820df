package frame

import (
	"sync/atomic"
	"time"
)

// patience is how long the goroutine that reads may be away before another reads on.
const patience = 10 * time.Millisecond

// turn is one goroutine's right to read. It may serve a request in between, which saves
// waking another thread: that takes longer than most answers do. If it is away for too
// long it loses its turn, so nothing that is served there holds the connection up.
type turn struct{ state atomic.Int32 }

const (
	reading int32 = iota
	serving
	lost
)

// turns makes sure that somebody reads.
type turns struct {
	current atomic.Pointer[turn]
	ended   chan error // gets the end of reading

	served atomic.Uint64 // requests begun by goroutines that read
	seen   uint64        // by tick: served of before
	armed  atomic.Bool   // tick will come
	timer  *time.Timer
}

// Serve runs f, which answers a request that On got, and may be called once by On, as its
// last step. If quick is true f is expected to return in microseconds without waiting for
// anything; it may be wrong.
func (m *Mux) Serve(quick bool, f func()) {
	if !quick || m.r.Buffered() > 0 { // what has come since is served side by side
		go f()
		return
	}
	t := m.turns.current.Load()
	t.state.Store(serving)
	m.turns.served.Add(1)
	m.watch()
	returned := false
	defer func() {
		if returned {
			t.state.CompareAndSwap(serving, reading)
		} else if t.state.CompareAndSwap(serving, lost) { // f has ended this goroutine
			m.handOver()
		}
	}()
	f()
	returned = true
}

// watch makes tick come, unless it does already.
func (m *Mux) watch() {
	if m.turns.armed.CompareAndSwap(false, true) {
		m.turns.timer.Reset(patience)
	}
}

// tick lets another goroutine read if the one whose turn it is serves the same request as
// at the tick before. It comes as long as requests do.
func (m *Mux) tick() {
	n := m.turns.served.Load()
	same := n == m.turns.seen
	m.turns.seen = n
	if !same {
		m.turns.timer.Reset(patience)
		return
	}
	if m.turns.current.Load().state.CompareAndSwap(serving, lost) {
		m.handOver()
	}
	m.turns.armed.Store(false)
	if m.turns.served.Load() != n { // begun before it could see that no tick comes
		m.watch()
	}
}

func (m *Mux) handOver() {
	t := new(turn)
	m.turns.current.Store(t)
	go m.follow(t)
}

// follow reads until the connection ends or the turn is lost.
func (m *Mux) follow(t *turn) {
	if err := m.read(t); t.state.Load() != lost {
		m.turns.ended <- err
	}
}

// Pace tells which methods answer so fast that they are quick for [Mux.Serve]. The zero
// value is ready; its methods allow concurrent calls.
type Pace struct{ score atomic.Int32 }

// A quick answer adds one to the score, another takes eight away, since single ones are
// slow for reasons of the system. After one of slowTime it takes thousands to be quick
// again.
const (
	quickTime  = 100 * time.Microsecond
	slowTime   = time.Millisecond
	quickScore = 8
	bestScore  = 32
	slowScore  = -64
	worstScore = -4096
)

// Quick reports whether the method has been quick lately.
func (p *Pace) Quick() bool { return p.score.Load() >= quickScore }

// Took notes how long one answer took.
func (p *Pace) Took(d time.Duration) {
	n := p.score.Load()
	switch {
	case d >= slowTime:
		n = worstScore
	case d > quickTime:
		n = max(n-8, min(n, slowScore))
	default:
		n = min(n+1, bestScore)
	}
	p.score.Store(n) // one of two at once may be lost
}
