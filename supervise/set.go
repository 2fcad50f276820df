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

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// State is what a plugin is doing.
type State string

// The states of a plugin.
const (
	Running    State = "running"
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
	Backoff  time.Duration // first pause before a restart, doubled each time; default 100 ms
	Drain    time.Duration // how long calls on an old instance may take; default 30 s
	Stop     time.Duration // how long an instance may take to stop; default 5 s
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
	def(&p.Window, 10*time.Minute)
	def(&p.Backoff, 100*time.Millisecond)
	def(&p.Drain, 30*time.Second)
	def(&p.Stop, 5*time.Second)
	return p
}

// Change tells that a plugin has a new state.
type Change struct {
	ID    manifest.ID
	State State
	Err   error // why, for Restarting and Failed
}

// Events tell what is going on. Every field may be nil.
type Events struct{ Changed func(Change) }

// Set is the supervised plugins of one host. Its methods allow concurrent calls;
// [Set.Close] ends all plugins and must be called.
type Set struct {
	drivers []load.Driver
	spec    func(load.Image) (load.Spec, error)
	policy  Policy
	events  Events

	change  sync.Mutex // one Sync, Put or Close at a time
	mu      sync.Mutex // guards what follows
	plugins map[manifest.ID]*Plugin
	order   []manifest.ID // in which they were started
	closed  bool
	watches sync.WaitGroup
	ctx     context.Context // ends restarts
	cancel  context.CancelFunc
}

// New returns an empty set. spec says what an instance gets.
func New(drivers []load.Driver, spec func(load.Image) (load.Spec, error), p Policy, e Events) *Set {
	s := &Set{drivers: drivers, spec: spec, policy: p.withDefaults(), events: e, plugins: map[manifest.ID]*Plugin{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
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
// had says nothing about the plugin: it is no StartError.
func (s *Set) specOf(ctx context.Context, im load.Image) (load.Spec, error) {
	spec, err := s.spec(im)
	if err == nil && im.Data != "" {
		spec.DataDir = im.Data
		if im.MakeData != nil {
			err = im.MakeData(ctx)
		}
	}
	if err != nil {
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
	fail := func(err error) (*running, error) { return nil, &StartError{im, err} }
	if im.Check != nil {
		if err := im.Check(ctx); err != nil {
			return fail(err)
		}
	}
	in, err := d.Start(ctx, im, spec)
	if err != nil {
		return fail(err)
	}
	r := newRunning(in, im)
	if err := in.Health(ctx); err != nil {
		return fail(errors.Join(err, s.stop(r)))
	}
	return r, nil
}

// stop ends an instance that nobody calls any more.
func (s *Set) stop(r *running) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.policy.Stop)
	defer cancel()
	err := r.in.Stop(ctx)
	return errors.Join(err, r.in.Close())
}

// retire lets the calls on r finish and stops it.
func (s *Set) retire(r *running) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.policy.Drain)
	defer cancel()
	err := r.drain(ctx)
	return errors.Join(err, s.stop(r))
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

// Close stops every plugin, the last started first. It returns when all ended.
func (s *Set) Close() error {
	s.change.Lock()
	defer s.change.Unlock()
	s.mu.Lock()
	s.closed = true
	order := slices.Clone(s.order)
	s.order = nil
	s.mu.Unlock()
	s.cancel()
	var errs []error
	for _, id := range slices.Backward(order) {
		if err := s.end(s.plugin(id)); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", id, err))
		}
	}
	s.watches.Wait()
	return errors.Join(errs...)
}

// end takes the instance of p away and retires it.
func (s *Set) end(p *Plugin) error {
	old, _ := p.decide(nil)
	s.report(p, Stopped, nil)
	if old == nil {
		return nil
	}
	return s.retire(old)
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
