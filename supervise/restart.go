package supervise

import (
	"context"
	"errors"
	"time"
)

// ErrEnded says that an instance ended without being asked to and gave no reason.
var ErrEnded = errors.New("it ended without being asked to")

// watch starts an instance again when it ends by itself. epoch is that of the
// decision to run it.
func (s *Set) watch(p *Plugin, r *running, epoch uint64) {
	s.watches.Go(func() {
		select {
		case <-r.in.Done():
		case <-s.ctx.Done():
			return
		}
		if p.replace(r, nil, epoch) {
			s.recover(p, r, epoch)
		}
	})
}

// recover closes an instance that ended and starts its image again until that works
// or the budget is spent. It runs in the goroutine of the watch.
func (s *Set) recover(p *Plugin, r *running, epoch uint64) {
	err := r.in.Err()
	if err == nil {
		err = ErrEnded
	}
	r.gone.Store(true)
	_ = r.in.Close() // it is gone; closing frees what is left on this side
	for {
		before, ok := p.mayRestart(s.policy.Restarts, s.policy.Window)
		if !ok {
			s.reportAt(p, epoch, Failed, err)
			return
		}
		if !s.reportAt(p, epoch, Restarting, err) || !sleep(s.ctx, s.policy.Backoff<<min(before, 10)) {
			return
		}
		next, startErr := s.start(s.ctx, r.image)
		if startErr != nil {
			err = startErr
			continue
		}
		if !p.replace(nil, next, epoch) {
			_ = s.stop(next) // somebody decided otherwise meanwhile
			return
		}
		s.reportAt(p, epoch, Running, nil)
		s.watch(p, next, epoch)
		return
	}
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
