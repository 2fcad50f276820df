package supervise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/plugstead/plugstead/load"
)

// Close ends what goes on, a change of the set too, and stops every plugin, those that
// require others first. Calls in flight may end, within [Policy.Drain]; all together takes
// no longer than [Policy.Shutdown] and the time in which the drivers end by force what is
// left. It returns when all have ended.
func (s *Set) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel() // a change that goes on fails and is undone
	ctx, cancel := context.WithTimeout(context.Background(), s.policy.Shutdown)
	defer cancel()
	defer context.AfterFunc(ctx, s.expire)()
	s.change <- struct{}{}
	defer func() { <-s.change }()
	var mu sync.Mutex
	var errs []error
	order, after := s.dependentsFirst()
	_ = inOrder(len(order), after, func(i int) error { // an error here does not keep the others
		if err := s.endWithin(ctx, order[i].p); err != nil {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, fmt.Errorf("stop %s: %w", order[i].p.id, err))
		}
		return nil
	}, func() {})
	s.watches.Wait()
	return errors.Join(errs...)
}

// closing is a plugin that is to be stopped and what runs, or ran, under its name.
type closing struct {
	p     *Plugin
	image *load.Image
}

// dependentsFirst takes the order of the plugins away and returns it turned round. after(i)
// are those that require i.
func (s *Set) dependentsFirst() (order []closing, after func(i int) []int) {
	s.mu.Lock()
	ids := s.order
	s.order = nil
	s.mu.Unlock()
	for _, id := range slices.Backward(ids) {
		c := closing{p: s.plugin(id)}
		if r := c.p.cur.Load(); r != nil {
			c.image = &r.image
		}
		order = append(order, c)
	}
	return order, func(i int) (out []int) {
		for j := range i {
			if order[i].image != nil && order[j].image != nil && requires(*order[j].image, *order[i].image) {
				out = append(out, j)
			}
		}
		return out
	}
}

// end takes the instance of p away and retires it.
func (s *Set) end(p *Plugin) error { return s.endWithin(s.over, p) }

func (s *Set) endWithin(ctx context.Context, p *Plugin) error {
	old, _ := p.decide(nil)
	s.report(p, Stopped, nil)
	if old == nil {
		return nil
	}
	return s.retire(ctx, old)
}

// retire lets the calls on r finish and stops it. ctx bounds both further.
func (s *Set) retire(ctx context.Context, r *running) error {
	drain, cancel := context.WithTimeout(ctx, s.policy.Drain)
	defer cancel()
	err := r.drain(drain)
	return errors.Join(err, s.stopWithin(ctx, r))
}

// stop ends an instance that nobody calls any more.
func (s *Set) stop(r *running) error { return s.stopWithin(s.over, r) }

func (s *Set) stopWithin(ctx context.Context, r *running) error {
	ctx, cancel := context.WithTimeout(ctx, s.policy.Stop)
	defer cancel()
	err := r.in.Stop(ctx)
	return r.shown(errors.Join(err, r.in.Close()))
}
