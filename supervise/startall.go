package supervise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
)

// change is what a Sync has started so far.
type change struct {
	mu    sync.Mutex
	ready []*running // wait for their switch
	fresh []started
	quiet []exclusive
	taken []taken
}

// taken is a plugin that took the configuration of to while it ran with that of before.
type taken struct {
	r          *running
	before, to load.Image
}

// started is a plugin that a change has started, or tried to, although nothing ran: what had
// run until it ended by itself, or nil; what was stopped for the change, or nil.
type started struct {
	p    *Plugin
	down *running
	was  *load.Image
}

// exclusive is an instance that was quiesced for the next one.
type exclusive struct {
	p   *Plugin
	old *running
}

func (c *change) add(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// startAll starts what does not run yet, side by side where nothing is required. After an
// error all is as it was.
func (s *Set) startAll(ctx context.Context, images []load.Image) (*change, error) {
	c := &change{}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := inOrder(len(images), func(i int) []int { return requiredBefore(images, i) }, func(i int) error {
		return s.startOne(ctx, c, images[i])
	}, cancel)
	if err == nil {
		return c, nil
	}
	for _, r := range slices.Backward(c.ready) {
		err = errors.Join(err, s.stop(r))
	}
	for _, f := range slices.Backward(c.fresh) {
		err = errors.Join(err, s.undo(f))
	}
	for _, x := range slices.Backward(c.taken) {
		s.reportStops(s.configure(s.over, x.r, x.before))
	}
	for _, q := range slices.Backward(c.quiet) {
		s.reportStops(s.wakeUp(q.p, q.old))
	}
	return nil, err
}

func (s *Set) startOne(ctx context.Context, c *change, im load.Image) error {
	p := s.plugin(im.Manifest.ID)
	old, down := p.standing()
	if old != nil && same(old.image, im) {
		done, err := s.startConfigured(ctx, c, old, im)
		if done || err != nil {
			return err
		}
	}
	switch {
	case old != nil && moves(old.image, im), down != nil && moves(down.image, im):
		return s.startMoved(ctx, c, old, down, im)
	case old != nil && s.quiesceExclusive(ctx, old, im):
		c.add(func() { c.quiet = append(c.quiet, exclusive{p, old}) })
	}
	r, err := s.start(ctx, im)
	switch {
	case err != nil:
		return err
	case old != nil:
		c.add(func() { c.ready = append(c.ready, r) })
		return nil
	}
	c.add(func() { c.fresh = append(c.fresh, started{p, down, nil}) })
	s.install(p, r)
	return nil
}

// startMoved starts im, whose private folder begins with the data of old, which runs, or of
// down, which would run again. Neither does any more when that is copied.
func (s *Set) startMoved(ctx context.Context, c *change, old, down *running, im load.Image) error {
	f := started{p: s.plugin(im.Manifest.ID), down: down}
	if old != nil {
		before := old.now()
		f.was = &before
	}
	c.add(func() { c.fresh = append(c.fresh, f) })
	s.quiesce(f.p)
	if err := f.p.settle(ctx); err != nil {
		return err
	}
	r, err := s.start(ctx, im)
	if err != nil {
		return err
	}
	s.install(f.p, r)
	return nil
}

// startConfigured gives r, which runs the same as im, the configuration of im. It reports
// whether that is done; a plugin that takes one only when it starts has to be started anew.
func (s *Set) startConfigured(ctx context.Context, c *change, r *running, im load.Image) (done bool, err error) {
	before := r.now()
	if before.Config == im.Config {
		return true, nil
	}
	err = s.configure(ctx, r, im)
	switch {
	case errors.Is(err, contract.Unimplemented):
		return false, nil
	case is[*StartError](err):
		return false, err
	case err != nil:
		return false, &StartError{im, fmt.Errorf("configure: %w", err)}
	}
	c.add(func() { c.taken = append(c.taken, taken{r, before, im}) })
	return true, nil
}

// configure gives r the configuration of im while it runs.
func (s *Set) configure(ctx context.Context, r *running, im load.Image) error {
	live, ok := r.in.(load.Reconfigurer)
	if !ok {
		return contract.Errorf(contract.Unimplemented, "its runtime cannot")
	}
	spec, err := s.specOf(ctx, im)
	if err != nil {
		return err
	}
	if err := live.Reconfigure(ctx, spec.Config); err != nil {
		return r.shown(err)
	}
	r.config.Store(&im.Config)
	return nil
}

// moves reports whether b has a private folder of its own, which begins with the data of
// a: a must not run any more when it is made.
func moves(a, b load.Image) bool { return a.Data != "" && b.Data != "" && a.Data != b.Data }

// quiesce stops a plugin whose data is to be copied. Calls fail until the next one runs.
func (s *Set) quiesce(p *Plugin) {
	if r := p.cur.Load(); r != nil {
		ctx, cancel := context.WithTimeout(s.over, s.policy.Stop)
		_ = r.in.Quiesce(ctx) // it is stopped in any case
		cancel()
	}
	s.reportStops(s.end(p))
}

// resume starts again what was stopped for a change that failed.
func (s *Set) resume(p *Plugin, im load.Image) error {
	r, err := s.start(s.ctx, im)
	if err != nil {
		s.report(p, Failed, err)
		return err
	}
	s.install(p, r)
	return nil
}

// undo stops what a change that failed has started. A plugin that waited for its
// restart waits again.
func (s *Set) undo(f started) error {
	err := s.end(f.p)
	if f.was != nil {
		return errors.Join(err, s.resume(f.p, *f.was))
	}
	if f.down == nil {
		s.forget(f.p.id)
		return err
	}
	why := f.down.shown(f.down.in.Err())
	if why == nil {
		why = ErrEnded
	}
	_, epoch := f.p.decide(nil)
	f.p.replace(f.down, nil, epoch)
	f.p.setStateAt(epoch, Restarting, why) // calls wait from now on
	s.watches.Go(func() { s.recover(f.p, f.down, epoch, why) })
	return err
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
