package supervise

import (
	"context"
	"errors"
	"slices"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// Sync makes the running installed plugins equal to images, which stand in start
// order. What runs already from the same bytes stays; what is newer is swapped in
// without losing a call; what is gone is stopped, dependents first. Plugins that are
// part of the program are left alone.
//
// Every new instance is started and healthy before any is switched, so an error
// leaves everything as it was. A plugin that did not run before is callable at
// once, because others of the same change may need it to start. One whose private folder
// is another one than before is stopped first, so that its data can be copied; calls to it
// fail meanwhile, and after an error it is started again as it was.
func (s *Set) Sync(ctx context.Context, images []load.Image) error {
	s.change.Lock()
	defer s.change.Unlock()
	if s.isClosed() {
		return ErrClosed
	}
	ready, err := s.startAll(ctx, images)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range ready {
		errs = append(errs, s.swap(r))
	}
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
}

func (s *Set) reportStops(err error) {
	if err != nil && s.events.Changed != nil {
		s.events.Changed(Change{State: Stopped, Err: err})
	}
}

// startAll starts what does not run yet. The result waits for its switch.
func (s *Set) startAll(ctx context.Context, images []load.Image) (ready []*running, err error) {
	var fresh []started
	for _, im := range images {
		p := s.plugin(im.Manifest.ID)
		old := p.cur.Load()
		if old != nil && same(old.image, im) {
			continue
		}
		var was *load.Image
		if old != nil && moves(old.image, im) {
			was, old = &old.image, nil
			s.quiesce(p)
		}
		down := p.fallen()
		if down != nil && moves(down.image, im) {
			p.decide(nil) // its restart is void: it would write to what is copied
		}
		r, err := s.start(ctx, im)
		if err != nil {
			if was != nil {
				fresh = append(fresh, started{p, down, was})
			}
			for _, r := range slices.Backward(ready) {
				err = errors.Join(err, s.stop(r))
			}
			for _, f := range slices.Backward(fresh) {
				err = errors.Join(err, s.undo(f))
			}
			return nil, err
		}
		if old != nil {
			ready = append(ready, r)
			continue
		}
		fresh = append(fresh, started{p, down, was})
		s.install(p, r)
	}
	return ready, nil
}

// started is a plugin that a change has started although nothing ran: what had run until
// it ended by itself, or nil; what was stopped for the change, or nil.
type started struct {
	p    *Plugin
	down *running
	was  *load.Image
}

// moves reports whether b has a private folder of its own, which begins with the data of
// a: a must not run any more when it is made.
func moves(a, b load.Image) bool { return a.Data != "" && b.Data != "" && a.Data != b.Data }

// quiesce stops a plugin whose data is to be copied. Calls fail until the next one runs.
func (s *Set) quiesce(p *Plugin) {
	if r := p.cur.Load(); r != nil {
		ctx, cancel := context.WithTimeout(context.Background(), s.policy.Stop)
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
	_, epoch := f.p.decide(nil)
	f.p.replace(f.down, nil, epoch)
	s.watches.Go(func() { s.recover(f.p, f.down, epoch) })
	return err
}

func same(a, b load.Image) bool {
	return a.Digest+a.Stamp != "" && a.Digest == b.Digest && a.Stamp == b.Stamp && a.Runtime == b.Runtime && a.Data == b.Data && a.Manifest.Version == b.Manifest.Version
}

func wanted(images []load.Image, id manifest.ID) bool {
	return slices.ContainsFunc(images, func(im load.Image) bool { return im.Manifest.ID == id })
}

// Put starts im, or swaps it in for what runs under the same id.
func (s *Set) Put(ctx context.Context, im load.Image) (*Plugin, error) {
	s.change.Lock()
	defer s.change.Unlock()
	if s.isClosed() {
		return nil, ErrClosed
	}
	r, err := s.start(ctx, im)
	if err != nil {
		return nil, err
	}
	p := s.plugin(im.Manifest.ID)
	if p.cur.Load() == nil {
		s.install(p, r)
		return p, nil
	}
	s.reportStops(s.swap(r))
	return p, nil
}

// install makes r the instance of a plugin that has none.
func (s *Set) install(p *Plugin, r *running) {
	p.linked.Store(r.image.Runtime == manifest.RuntimeInproc)
	_, epoch := p.decide(r)
	s.mu.Lock()
	if !slices.Contains(s.order, p.id) {
		s.order = append(s.order, p.id)
	}
	s.mu.Unlock()
	s.report(p, Running, nil)
	s.watch(p, r, epoch)
}

// swap makes r the instance of its plugin and retires the one before.
func (s *Set) swap(r *running) error {
	p := s.plugin(r.image.Manifest.ID)
	old, epoch := p.decide(r)
	s.report(p, Running, nil)
	s.watch(p, r, epoch)
	if old == nil {
		return nil
	}
	return s.retire(old)
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
