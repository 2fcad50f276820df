package supervise

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// changing runs f, which changes the set. Only one does at a time, and its context ends
// when the set is closed; so does the wait for the change before it.
func (s *Set) changing(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(ErrClosed) })()
	select {
	case s.change <- struct{}{}:
		defer func() { <-s.change }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.isClosed() {
		return ErrClosed
	}
	err := f(ctx)
	if err != nil && s.isClosed() {
		return errors.Join(ErrClosed, err)
	}
	return err
}

// Sync makes the running installed plugins equal to images, which stand in start
// order. What runs already from the same bytes with the same grants stays, and takes its
// configuration if that is another one and it can while it runs; what is newer is swapped in
// without losing a call; what is gone is stopped, dependents first. Plugins that are
// part of the program are left alone.
//
// Plugins start side by side, each after those that it requires and that stand before
// it. Every new instance is started and healthy before any is switched, so an error
// leaves everything as it was. A plugin that did not run before is callable at
// once, because others of the same change may need it to start. One whose private folder
// is another one than before is stopped first, so that its data can be copied; calls to it
// fail meanwhile, and after an error it is started again as it was. An exclusive plugin is
// quiesced before its next instance starts, and still serves.
func (s *Set) Sync(ctx context.Context, images []load.Image) error {
	return s.changing(ctx, func(ctx context.Context) error {
		c, err := s.startAll(ctx, images)
		if err != nil {
			return err
		}
		errs := []error{s.swapAll(c.ready)}
		for _, id := range slices.Backward(s.started()) {
			if p := s.plugin(id); !p.linked.Load() && !wanted(images, id) {
				errs = append(errs, s.end(p))
				s.forget(id)
			}
		}
		s.reorder(images)
		// An old instance that does not stop in good order is killed by its driver; the
		// new set serves all the same, so that is no error of the change.
		s.reportStops(errors.Join(errs...))
		return nil
	})
}

func (s *Set) reportStops(err error) {
	if err != nil && s.events.Changed != nil {
		s.events.Changed(Change{State: Stopped, Err: err})
	}
}

func same(a, b load.Image) bool {
	return a.Digest+a.Stamp != "" && a.Digest == b.Digest && a.Stamp == b.Stamp && a.Runtime == b.Runtime && a.Data == b.Data && a.Manifest.Version == b.Manifest.Version &&
		slices.Equal(a.Grants, b.Grants)
}

func wanted(images []load.Image, id manifest.ID) bool {
	return slices.ContainsFunc(images, func(im load.Image) bool { return im.Manifest.ID == id })
}

// Put starts im, or swaps it in for what runs under the same id.
func (s *Set) Put(ctx context.Context, im load.Image) (*Plugin, error) {
	p := s.plugin(im.Manifest.ID)
	err := s.changing(ctx, func(ctx context.Context) error {
		if old := p.cur.Load(); old != nil {
			return s.exchange(ctx, p, old, im)
		}
		r, err := s.start(ctx, im)
		if err != nil {
			return err
		}
		s.install(p, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// exchange starts im and swaps it in for old, which runs.
func (s *Set) exchange(ctx context.Context, p *Plugin, old *running, im load.Image) error {
	quiet := s.quiesceExclusive(ctx, old, im)
	r, err := s.start(ctx, im)
	if err != nil {
		if quiet {
			s.reportStops(s.wakeUp(p, old))
		}
		return err
	}
	s.reportStops(s.swap(r))
	return nil
}

// renew swaps a new instance of the same image in.
func (s *Set) renew(ctx context.Context, p *Plugin, old *running) error {
	return s.exchange(ctx, p, old, old.now())
}

// quiesceExclusive asks old to release what only one instance can hold, if it or im says
// that there is such a thing. old still serves.
func (s *Set) quiesceExclusive(ctx context.Context, old *running, im load.Image) bool {
	if !old.image.Manifest.State.Exclusive && !im.Manifest.State.Exclusive {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, s.policy.Stop)
	defer cancel()
	_ = old.in.Quiesce(ctx) // if it holds on, the new one says so when it starts
	return true
}

// wakeUp swaps a new instance of what old runs in, because old was quiesced for one that
// did not start. If that fails too, old stays.
func (s *Set) wakeUp(p *Plugin, old *running) error {
	r, err := s.start(s.ctx, old.now())
	if err != nil {
		s.report(p, Unhealthy, err)
		return nil
	}
	return s.swap(r)
}

// install makes r the instance of a plugin that had none. If it has one by now, because a
// restart was faster, that is retired.
func (s *Set) install(p *Plugin, r *running) {
	p.linked.Store(r.image.Runtime == manifest.RuntimeInproc)
	s.mu.Lock()
	if !slices.Contains(s.order, p.id) {
		s.order = append(s.order, p.id)
	}
	s.mu.Unlock()
	s.reportStops(s.swap(r))
}

// swap makes r the instance of its plugin and retires the one before.
func (s *Set) swap(r *running) error { return s.swapAll([]*running{r}) }

// swapAll is swap of several. None waits for the calls on another one's old instance.
func (s *Set) swapAll(ready []*running) error {
	olds := make([]*running, len(ready))
	for i, r := range ready {
		p := s.plugin(r.image.Manifest.ID)
		old, epoch := p.decide(r)
		s.report(p, Running, nil)
		s.watch(p, r, epoch)
		if olds[i] = old; old != nil {
			p.count.swaps.Add(1)
		}
	}
	errs := make([]error, len(ready))
	var all sync.WaitGroup
	for i, old := range olds {
		if old != nil {
			all.Go(func() { errs[i] = s.retire(s.over, old) })
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s *Set) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Set) started() []manifest.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.order)
}

func (s *Set) forget(id manifest.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = slices.DeleteFunc(s.order, func(x manifest.ID) bool { return x == id })
}

// reorder puts the installed plugins into their start order, behind linked ones.
func (s *Set) reorder(images []load.Image) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = slices.DeleteFunc(s.order, func(id manifest.ID) bool { return wanted(images, id) })
	for _, im := range images {
		s.order = append(s.order, im.Manifest.ID)
	}
}
