package supervise

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// State is what a plugin is doing.
type State string

// The states of a plugin.
const (
	Running    State = "running"
	Unhealthy  State = "unhealthy"  // it says that it is not well, or nothing; it is still called
	Restarting State = "restarting" // it ended by itself and is started again
	Failed     State = "failed"     // it ended by itself too often
	Stopped    State = "stopped"
)

// Errors of this step.
var (
	ErrNoDriver = errors.New("this program has no driver for its runtime")
	ErrClosed   = errors.New("the host is closed")
)

// Policy says how plugins are kept. The zero value takes the defaults.
type Policy struct {
	Restarts int           // within Window; default 5; below 0: never
	Window   time.Duration // default 10 minutes
	Drain    time.Duration // how long calls on an old instance may take; default 30 s
	Stop     time.Duration // how long an instance may take to stop; default 5 s
	Shutdown time.Duration // how long all may take to drain and stop when the set is closed; default 30 s

	Backoff    time.Duration // pause before the first restart, doubled each time, a half of it at random; default 100 ms
	MaxBackoff time.Duration // longest pause; default 30 s

	Heartbeat        time.Duration // between two questions whether an instance is well; default 10 s; below 0: never
	HeartbeatTimeout time.Duration // for an answer; default 10 s
	Misses           int           // in a row before an instance is ended and started again; default 3
}

func (p Policy) withDefaults() Policy {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if p.Restarts == 0 {
		p.Restarts = 5
	}
	if p.Misses == 0 {
		p.Misses = 3
	}
	def(&p.Window, 10*time.Minute)
	def(&p.Drain, 30*time.Second)
	def(&p.Stop, 5*time.Second)
	def(&p.Shutdown, 30*time.Second)
	def(&p.Backoff, 100*time.Millisecond)
	def(&p.MaxBackoff, 30*time.Second)
	def(&p.Heartbeat, 10*time.Second)
	def(&p.HeartbeatTimeout, 10*time.Second)
	return p
}

// Change tells that a plugin has a new state.
type Change struct {
	ID    manifest.ID
	State State
	Err   error // why, for Unhealthy, Restarting and Failed
}

// Events tell what is going on. Every field may be nil. They are called by several
// goroutines at once, and must not change the set.
type Events struct{ Changed func(Change) }

// Set is the supervised plugins of one host. Its methods allow concurrent calls;
// [Set.Close] ends all plugins and must be called.
type Set struct {
	drivers []load.Driver
	spec    func(load.Image) (load.Spec, error)
	policy  Policy
	events  Events

	change  chan struct{} // holds one token while the set changes: one change at a time
	mu      sync.Mutex    // guards what follows
	plugins map[manifest.ID]*Plugin
	order   []manifest.ID // in which they were started
	closed  bool
	watches sync.WaitGroup
	ctx     context.Context // ends restarts
	cancel  context.CancelFunc
	over    context.Context // ends what Close has waited for long enough
	expire  context.CancelFunc
}

// New returns an empty set. spec says what an instance gets.
func New(drivers []load.Driver, spec func(load.Image) (load.Spec, error), p Policy, e Events) *Set {
	s := &Set{drivers: drivers, spec: spec, policy: p.withDefaults(), events: e, change: make(chan struct{}, 1), plugins: map[manifest.ID]*Plugin{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.over, s.expire = context.WithCancel(context.Background())
	return s
}

func (s *Set) driver(im load.Image) (load.Driver, error) {
	for _, d := range s.drivers {
		if d.Runtime() == im.Runtime {
			return d, nil
		}
	}
	return nil, fmt.Errorf("start %s: %w: %s", im.Manifest.ID, ErrNoDriver, im.Runtime)
}

// Prepare does the slow work of a start once, for example compiling.
func (s *Set) Prepare(ctx context.Context, im load.Image) error {
	d, err := s.driver(im)
	if err != nil {
		return err
	}
	if err := d.Prepare(ctx, im); err != nil {
		return fmt.Errorf("prepare %s %s: %w", im.Manifest.ID, im.Manifest.Version, err)
	}
	return nil
}

// StartError says that a plugin did not start, or was not well when it had.
type StartError struct {
	Image load.Image
	Err   error
}

// Error implements error.
func (e *StartError) Error() string {
	return fmt.Sprintf("start %s %s: %v", e.Image.Manifest.ID, e.Image.Manifest.Version, e.Err)
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// start starts an instance and waits until it is healthy.
func (s *Set) start(ctx context.Context, im load.Image) (*running, error) {
	spec, err := s.specOf(ctx, im)
	if err != nil {
		return nil, err
	}
	return s.launch(ctx, im, spec)
}

// specOf returns what an instance gets, its private folder included. That this cannot be
// had says nothing about the plugin: it is no StartError, but for its configuration.
func (s *Set) specOf(ctx context.Context, im load.Image) (load.Spec, error) {
	spec, err := s.spec(im)
	if err == nil && im.Data != "" {
		spec.DataDir = im.Data
		if im.MakeData != nil {
			err = im.MakeData(ctx)
		}
	}
	switch {
	case errors.Is(err, config.ErrSecret), errors.Is(err, config.ErrForm):
		return spec, &StartError{im, err} // an application may be without this plugin
	case err != nil:
		return spec, fmt.Errorf("before the start of %s: %w", im.Manifest.ID, err)
	}
	return spec, nil
}

// launch is start with what the instance gets.
func (s *Set) launch(ctx context.Context, im load.Image, spec load.Spec) (*running, error) {
	d, err := s.driver(im)
	if err != nil {
		return nil, err
	}
	r := &running{hide: spec.Hide}
	fail := func(err error) (*running, error) { return nil, &StartError{im, r.shown(err)} }
	if im.Check != nil {
		if err := im.Check(ctx); err != nil {
			return fail(err)
		}
	}
	in, err := d.Start(ctx, im, spec)
	if err != nil {
		return fail(err)
	}
	r = newRunning(s.plugin(im.Manifest.ID), in, im)
	r.hide = spec.Hide
	if err := in.Health(ctx); err != nil {
		return fail(errors.Join(err, s.stop(r)))
	}
	return r, nil
}

// Plugin returns the plugin of an id, which may not be running, or nil.
func (s *Set) Plugin(id manifest.ID) *Plugin {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plugins[id]
}

// Peer returns a caller for a plugin that may come later. It is what an instance
// gets for the plugins it requires.
func (s *Set) Peer(id manifest.ID) contract.Caller { return s.plugin(id) }

// plugin returns the plugin of id and makes its name if it is new.
func (s *Set) plugin(id manifest.ID) *Plugin {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.plugins[id]
	if p == nil {
		p = &Plugin{id: id, state: Stopped}
		s.plugins[id] = p
	}
	return p
}

// Plugins lists the plugins that run, by id.
func (s *Set) Plugins() []*Plugin {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Plugin
	for _, p := range s.plugins {
		if p.cur.Load() != nil {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *Plugin) int { return strings.Compare(string(a.id), string(b.id)) })
	return out
}

// Implementing yields the running plugins that provide p, by id. The loop may
// change the set.
func (s *Set) Implementing(p *contract.Point) iter.Seq[*Plugin] {
	return func(yield func(*Plugin) bool) {
		for _, x := range s.Plugins() {
			if m := x.Manifest(); m != nil && provides(m, p) && !yield(x) {
				return
			}
		}
	}
}

func provides(m *manifest.Manifest, p *contract.Point) bool {
	return slices.ContainsFunc(m.Provides, func(r manifest.PointRef) bool { return r.ID == p.ID() && r.Major == p.Major() })
}

// reportAt is report of a restart; it reports whether that still counts.
func (s *Set) reportAt(p *Plugin, epoch uint64, state State, err error) bool {
	if !p.setStateAt(epoch, state, err) {
		return false
	}
	if s.events.Changed != nil {
		s.events.Changed(Change{p.id, state, err})
	}
	return true
}

func (s *Set) report(p *Plugin, state State, err error) {
	p.setState(state, err)
	if s.events.Changed != nil {
		s.events.Changed(Change{p.id, state, err})
	}
}
