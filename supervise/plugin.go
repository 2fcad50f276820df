package supervise

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// Plugin is a name that keeps working while instances come and go. It is a
// contract.Caller: pass it to the methods of an extension point. Its methods allow
// concurrent calls. A call while no instance runs fails with contract.Unavailable.
type Plugin struct {
	id     manifest.ID
	linked atomic.Bool // part of the program
	cur    atomic.Pointer[running]

	mu       sync.Mutex
	state    State
	err      error
	epoch    uint64      // grows when somebody decides what runs: a restart of before is void
	down     *running    // ended by itself and does not run again yet; or nil
	restarts []time.Time // within the window of the policy
}

var (
	_ contract.Caller = (*Plugin)(nil)
	_ contract.Direct = (*Plugin)(nil)
)

// running is one instance and the calls that use it.
type running struct {
	in     load.Instance
	direct contract.Direct // in, if it is one; or nil
	image  load.Image
	calls  atomic.Int64
	gone   atomic.Bool   // no new calls
	idle   chan struct{} // gets a value when gone and the last call ended
}

func newRunning(in load.Instance, im load.Image) *running {
	d, _ := in.(contract.Direct)
	return &running{in: in, direct: d, image: im, idle: make(chan struct{}, 1)}
}

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

func (p *Plugin) setState(s State, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.err = s, err
}

// decide makes r (or nothing) what runs and returns what ran before.
func (p *Plugin) decide(r *running) (old *running, epoch uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch++
	p.down = nil
	return p.cur.Swap(r), p.epoch
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
	return true
}

// fallen returns what ended by itself and does not run again yet.
func (p *Plugin) fallen() *running {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
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

// acquire returns the running instance, held until release, or nil.
func (p *Plugin) acquire() *running {
	for {
		r := p.cur.Load()
		if r == nil {
			return nil
		}
		// Counted first, checked second: whoever sets gone afterwards sees the count.
		r.calls.Add(1)
		if !r.gone.Load() {
			return r
		}
		r.Release(false)
	}
}

// Release ends the use of an instance. It implements contract.Releaser.
func (r *running) Release(bool) {
	if r.calls.Add(-1) == 0 && r.gone.Load() {
		select {
		case r.idle <- struct{}{}:
		default:
		}
	}
}

// drain refuses new calls and waits until the last one ended, or ctx.
func (r *running) drain(ctx context.Context) error {
	r.gone.Store(true)
	for r.calls.Load() > 0 {
		select {
		case <-r.idle:
		case <-r.in.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (p *Plugin) unavailable() error {
	if _, err := p.State(); err != nil {
		return contract.Errorf(contract.Unavailable, "plugin %s is not running: %v", p.id, err)
	}
	return contract.Errorf(contract.Unavailable, "plugin %s is not running", p.id)
}

// Invoke implements contract.Caller.
func (p *Plugin) Invoke(ctx context.Context, m *contract.Method, req, resp any) error {
	r := p.acquire()
	if r == nil {
		return p.unavailable()
	}
	defer r.Release(false)
	return r.in.Invoke(ctx, m, req, resp)
}

// Offers implements contract.Caller.
func (p *Plugin) Offers(m *contract.Method) bool {
	r := p.acquire()
	if r == nil {
		return false
	}
	defer r.Release(false)
	return r.in.Offers(m)
}

// Direct implements contract.Direct for plugins in this process.
func (p *Plugin) Direct(m *contract.Method) (*contract.Handler, contract.Releaser) {
	r := p.acquire()
	if r == nil {
		return nil, nil
	}
	if r.direct != nil {
		if h, _ := r.direct.Direct(m); h != nil {
			return h, r
		}
	}
	r.Release(false)
	return nil, nil
}

// Stream implements contract.Caller. The stream keeps its instance until it ends or
// is closed.
func (p *Plugin) Stream(ctx context.Context, m *contract.Method) (contract.Stream, error) {
	r := p.acquire()
	if r == nil {
		return nil, p.unavailable()
	}
	s, err := r.in.Stream(ctx, m)
	if err != nil {
		r.Release(false)
		return nil, err
	}
	out := &stream{Stream: s, r: r}
	out.stop = context.AfterFunc(ctx, func() { out.once.Do(func() { r.Release(false) }) })
	return out, nil
}

// stream releases its instance once: at its end, with its context, or when it is closed.
type stream struct {
	contract.Stream
	r    *running
	once sync.Once
	stop func() bool
}

func (s *stream) release() {
	s.stop()
	s.once.Do(func() { s.r.Release(false) })
}

func (s *stream) Recv(msg any) error {
	err := s.Stream.Recv(msg)
	if err != nil {
		s.release()
	}
	return err
}

func (s *stream) Close() error {
	defer s.release()
	return s.Stream.Close()
}

var _ io.Closer = (*stream)(nil)
