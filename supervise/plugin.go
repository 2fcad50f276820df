package supervise

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/manifest"
)

// Plugin is a name that keeps working while instances come and go. It is a
// contract.Caller: pass it to the methods of an extension point. Its methods allow
// concurrent calls. A call waits for a restart, and fails with contract.Unavailable if none
// is to come.
type Plugin struct {
	id     manifest.ID
	linked atomic.Bool // part of the program
	cur    atomic.Pointer[running]
	count  counters

	mu       sync.Mutex
	state    State
	err      error
	epoch    uint64        // grows when somebody decides what runs: a restart of before is void
	down     *running      // ended by itself and does not run again yet; or nil
	again    *attempt      // the restart that goes on; or nil
	restarts []time.Time   // within the window of the policy
	changed  chan struct{} // closed at the next change of state or instance; nil: nobody waits
}

var (
	_ contract.Caller = (*Plugin)(nil)
	_ contract.Direct = (*Plugin)(nil)
)

// ID names the plugin.
func (p *Plugin) ID() manifest.ID { return p.id }

// Manifest describes the version that runs, or nil if none does.
func (p *Plugin) Manifest() *manifest.Manifest {
	if r := p.cur.Load(); r != nil {
		return r.image.Manifest
	}
	return nil
}

// Runtime names the runtime of the version that runs, or "".
func (p *Plugin) Runtime() string {
	if r := p.cur.Load(); r != nil {
		return r.image.Runtime
	}
	return ""
}

// State says what p is doing, and why if it is not running.
func (p *Plugin) State() (State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state, p.err
}

// Ready waits until an instance runs and is well. It fails with contract.Unavailable if
// none is to come, and with the error of ctx.
func (p *Plugin) Ready(ctx context.Context) error {
	for {
		p.mu.Lock()
		state, changed := p.state, p.wait()
		p.mu.Unlock()
		switch state {
		case Running:
			return nil
		case Failed, Stopped:
			return p.unavailable()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return contract.AsError(ctx.Err())
		}
	}
}

// wait is called with mu held; the channel is closed at the next change.
func (p *Plugin) wait() <-chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// wake is called with mu held, after a change.
func (p *Plugin) wake() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

func (p *Plugin) setState(s State, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.err = s, err
	p.wake()
}

// decide makes r (or nothing) what runs and returns what ran before. A restart that goes on
// is called off.
func (p *Plugin) decide(r *running) (old *running, epoch uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch++
	p.down = nil
	if r != nil {
		p.restarts = nil // the budget is that of what runs
	}
	if p.again != nil {
		p.again.cancel()
	}
	old = p.cur.Swap(r)
	p.wake()
	return old, p.epoch
}

// replace makes next run instead of down, which ended by itself, or nothing. It does
// nothing if somebody decided something else since.
func (p *Plugin) replace(down, next *running, epoch uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoch != epoch {
		return false
	}
	if p.down = down; next != nil {
		p.down = nil
	}
	p.cur.Store(next)
	p.wake()
	return true
}

// fallen returns what ended by itself and does not run again yet.
func (p *Plugin) fallen() *running {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

// standing returns what runs, or else what fallen returns.
func (p *Plugin) standing() (now, down *running) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cur.Load(), p.down
}

// setStateAt is setState of a restart, which is void when somebody decided something
// else since.
func (p *Plugin) setStateAt(epoch uint64, s State, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoch != epoch {
		return false
	}
	p.state, p.err = s, err
	p.wake()
	return true
}

// mayRestart counts a restart and returns how many there were within the window
// before it, or false if the budget is spent.
func (p *Plugin) mayRestart(budget int, window time.Duration) (before int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.restarts = slices.DeleteFunc(p.restarts, func(t time.Time) bool { return time.Since(t) > window })
	if len(p.restarts) >= budget {
		return len(p.restarts), false
	}
	p.restarts = append(p.restarts, time.Now())
	return len(p.restarts) - 1, true
}

// forgive makes the budget of restarts whole again.
func (p *Plugin) forgive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.restarts = nil
}
