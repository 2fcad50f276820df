package supervise

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/plugstead/plugstead/contract"
)

// maxTries is how often one call is made at most.
const maxTries = 3

// acquire returns the running instance, held until it is left, or nil.
func (p *Plugin) acquire() *running {
	for {
		r := p.cur.Load()
		if r == nil || r.enter() {
			return r
		}
	}
}

func (p *Plugin) unavailable() error {
	e := contract.Errorf(contract.Unavailable, "plugin %s is not running", p.id)
	if _, err := p.State(); err != nil {
		e = contract.Errorf(contract.Unavailable, "plugin %s is not running: %v", p.id, err)
	}
	return e.Because(contract.ReasonStopped).NotDelivered()
}

// again reports whether a call of m that failed with err may be made once more: it did
// not arrive, or it does no harm twice and the plugin went away.
func again(m *contract.Method, err error) bool {
	e := contract.AsError(err)
	return e != nil && e.Code == contract.Unavailable &&
		(!e.Delivered() || m.Idempotent && e.Reason == contract.ReasonCrashed)
}

// try runs f on the instance that runs, or on the next if the plugin is started again just
// now. If the instance goes away and the call of m may be made again, it waits for the
// next one, as long as one is to come.
func (p *Plugin) try(ctx context.Context, m *contract.Method, f func(*running) error) error {
	for tries := 1; ; tries++ {
		r := p.acquire()
		for r == nil && p.returns() && p.next(ctx, nil) {
			r = p.acquire()
		}
		if r == nil {
			return late(ctx, p.unavailable())
		}
		err := f(r)
		if err == nil || tries == maxTries || !again(m, err) {
			return err
		}
		if !r.lives(ctx) && !p.next(ctx, r) {
			return late(ctx, err)
		}
		p.count.retried.Add(1)
	}
}

// lives reports whether r is well although a call failed as if it had gone, as of a runtime
// that puts another instance in its place by itself.
func (r *running) lives(ctx context.Context) bool {
	select {
	case <-r.in.Done():
		return false
	default:
		return r.in.Health(ctx) == nil
	}
}

// late is the error of ctx if that ended while a call waited to be made again because of
// err, else err.
func late(ctx context.Context, err error) error {
	cause := ctx.Err()
	if cause == nil {
		return err
	}
	e := contract.AsError(cause)
	if !contract.AsError(err).Delivered() {
		e = e.NotDelivered()
	}
	return e
}

// returns reports whether what ran has ended by itself and may be started again.
func (p *Plugin) returns() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down != nil && p.state != Failed && p.state != Stopped
}

// next waits until another instance than r runs and reports whether one does.
func (p *Plugin) next(ctx context.Context, r *running) bool {
	for {
		p.mu.Lock()
		now, state, changed := p.cur.Load(), p.state, p.wait()
		p.mu.Unlock()
		switch {
		case now != nil && now != r:
			return true
		case now == nil && (state == Failed || state == Stopped):
			return false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// Invoke implements contract.Caller. While the plugin restarts a call waits, as long as its
// context allows. A call that did not reach its plugin, because that ended just then, is
// made again when the plugin runs again; so is an idempotent one that was cut off.
func (p *Plugin) Invoke(ctx context.Context, m *contract.Method, req, resp any) error {
	p.count.calls.Add(1)
	begin := time.Now()
	err := p.try(ctx, m, func(r *running) error {
		defer r.leave()
		return r.in.Invoke(ctx, m, req, resp)
	})
	p.count.took(time.Since(begin))
	if err != nil {
		p.count.failed.Add(1)
	}
	return err
}

// Offers implements contract.Caller.
func (p *Plugin) Offers(m *contract.Method) bool {
	r := p.acquire()
	if r == nil {
		return false
	}
	defer r.leave()
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
			if p.count.calls.Add(1)%sampled == 0 {
				return h, &timed{r, time.Now()}
			}
			return h, r
		}
	}
	r.leave()
	return nil, nil
}

// Stream implements contract.Caller. The stream keeps its instance until it ends or
// is closed.
func (p *Plugin) Stream(ctx context.Context, m *contract.Method) (contract.Stream, error) {
	p.count.calls.Add(1)
	var out *stream
	err := p.try(ctx, m, func(r *running) error {
		s, err := r.in.Stream(ctx, m)
		if err != nil {
			r.leave()
			return err
		}
		out = &stream{Stream: s, r: r}
		return nil
	})
	if err != nil {
		p.count.failed.Add(1)
		return nil, err
	}
	out.stop = context.AfterFunc(ctx, func() { out.once.Do(out.r.leave) })
	return out, nil
}

// stream leaves its instance once: at its end, with its context, or when it is closed.
type stream struct {
	contract.Stream
	r    *running
	once sync.Once
	stop func() bool
}

func (s *stream) end() {
	s.stop()
	s.once.Do(s.r.leave)
}

// Recv implements contract.Stream.
func (s *stream) Recv(msg any) error {
	err := s.Stream.Recv(msg)
	if err != nil {
		if !errors.Is(err, io.EOF) {
			s.r.count.failed.Add(1)
		}
		s.end()
	}
	return err
}

// Close implements contract.Stream.
func (s *stream) Close() error {
	defer s.end()
	return s.Stream.Close()
}
