package supervise

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Reasons that the supervisor gives for the end of an instance.
var (
	ErrEnded  = errors.New("it ended without being asked to") // and gave no reason
	ErrUnwell = errors.New("it was unwell for too long")
)

// watch starts an instance again when it ends by itself or stays unwell. epoch is that of
// the decision to run it.
func (s *Set) watch(p *Plugin, r *running, epoch uint64) {
	s.watches.Go(func() {
		why := s.attend(p, r, epoch)
		if why != nil && p.replace(r, nil, epoch) {
			s.recover(p, r, epoch, why)
		}
	})
}

// attend waits until r has ended, or is unwell in too many heartbeats in a row, and
// returns why. It returns nil when the set is closed.
func (s *Set) attend(p *Plugin, r *running, epoch uint64) error {
	var beat <-chan time.Time
	if s.policy.Heartbeat > 0 {
		t := time.NewTicker(s.policy.Heartbeat)
		defer t.Stop()
		beat = t.C
	}
	for misses := 0; ; {
		select {
		case <-r.in.Done():
			if err := r.in.Err(); err != nil {
				return r.shown(err)
			}
			return ErrEnded
		case <-s.ctx.Done():
			return nil
		case <-beat:
		}
		switch err := s.ask(r); {
		case err == nil && misses > 0:
			misses = 0
			s.reportAt(p, epoch, Running, nil)
		case err == nil:
		case misses+1 >= s.policy.Misses:
			return fmt.Errorf("%w: %w", ErrUnwell, err)
		default:
			misses++
			s.reportAt(p, epoch, Unhealthy, err)
		}
	}
}

// ask is one heartbeat.
func (s *Set) ask(r *running) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.policy.HeartbeatTimeout)
	defer cancel()
	return r.shown(r.in.Health(ctx))
}

// recover closes an instance that ended and starts its image again until that works
// or the budget is spent. It runs in the goroutine of the watch.
func (s *Set) recover(p *Plugin, r *running, epoch uint64, err error) {
	r.uses.Or(1)
	_ = r.in.Close() // it is gone or is to go; closing frees what is left on this side
	for {
		before, ok := p.mayRestart(s.policy.Restarts, s.policy.Window)
		if !ok {
			s.reportAt(p, epoch, Failed, err)
			return
		}
		if !s.reportAt(p, epoch, Restarting, err) || !sleep(s.ctx, s.pause(before)) {
			return
		}
		if err = s.startAgain(p, r, epoch); err == nil {
			return
		}
	}
}

// startAgain starts the image of r once. It returns nil also if somebody decided something
// else meanwhile.
func (s *Set) startAgain(p *Plugin, r *running, epoch uint64) error {
	ctx, end := p.attempt(s.ctx, epoch)
	defer end()
	if ctx.Err() != nil {
		return nil
	}
	p.count.restarts.Add(1)
	next, err := s.start(ctx, r.now())
	if err != nil {
		return err
	}
	if !p.replace(nil, next, epoch) {
		_ = s.stop(next)
		return nil
	}
	s.reportAt(p, epoch, Running, nil)
	s.watch(p, next, epoch)
	return nil
}

// attempt is one start of what had ended. It is over when nothing of it runs, or p does.
type attempt struct {
	cancel context.CancelFunc
	over   chan struct{}
}

// attempt begins one of epoch, after those before; end follows. Its context ends when
// somebody decides what runs.
func (p *Plugin) attempt(ctx context.Context, epoch uint64) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	a := &attempt{cancel, make(chan struct{})}
	p.mu.Lock()
	before := p.again
	p.again = a
	if p.epoch != epoch {
		cancel()
	}
	p.mu.Unlock()
	if before != nil {
		<-before.over
	}
	return ctx, func() {
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.again == a {
			p.again = nil
		}
		close(a.over)
	}
}

// settle waits until a restart that was called off is over, or ctx.
func (p *Plugin) settle(ctx context.Context) error {
	p.mu.Lock()
	a := p.again
	p.mu.Unlock()
	if a == nil {
		return nil
	}
	select {
	case <-a.over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pause is how long to wait before a restart: twice as long each time, and shorter by up
// to a half at random, so that plugins that failed together do not start together.
func (s *Set) pause(before int) time.Duration {
	d, most := max(s.policy.Backoff, 0), max(s.policy.MaxBackoff, 0)
	for range before {
		if d > most/2 {
			d = most
			break
		}
		d *= 2
	}
	d = min(d, most)
	return d/2 + rand.N(d/2+1)
}

// sleep waits and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
