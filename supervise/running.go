package supervise

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
)

// running is one instance and the calls that use it.
type running struct {
	in     load.Instance
	direct contract.Direct // in, if it is one; or nil
	image  load.Image
	hide   func(error) error      // what nobody is to see; nil: nothing
	count  *counters              // of the plugin
	config atomic.Pointer[string] // that it took while it ran; nil: that of image

	uses atomic.Int64  // twice the number of calls, plus one when it takes no new ones
	idle chan struct{} // gets a value when it takes no new ones and the last has ended
}

func newRunning(p *Plugin, in load.Instance, im load.Image) *running {
	d, _ := in.(contract.Direct)
	return &running{in: in, direct: d, image: im, count: &p.count, idle: make(chan struct{}, 1)}
}

// shown is an error of r as it may be told.
func (r *running) shown(err error) error {
	if r.hide == nil || err == nil {
		return err
	}
	return r.hide(err)
}

// now is the image of r with the configuration that it runs with.
func (r *running) now() load.Image {
	im := r.image
	if c := r.config.Load(); c != nil {
		im.Config = *c
	}
	return im
}

// enter begins a use and reports whether new ones are taken. Only then leave follows.
func (r *running) enter() bool {
	if r.uses.Add(2)&1 == 0 {
		return true
	}
	r.leave()
	return false
}

// leave ends a use.
func (r *running) leave() {
	if r.uses.Add(-2) == 1 {
		select {
		case r.idle <- struct{}{}:
		default:
		}
	}
}

// Release ends a call. It implements contract.Releaser.
func (r *running) Release(failed bool) {
	if failed {
		r.count.failed.Add(1)
	}
	r.leave()
}

// timed is a use whose duration counts.
type timed struct {
	*running
	begin time.Time
}

// Release implements contract.Releaser.
func (t *timed) Release(failed bool) {
	t.count.took(time.Since(t.begin))
	t.running.Release(failed)
}

// drain refuses new calls and waits until the last one ended, or ctx.
func (r *running) drain(ctx context.Context) error {
	r.uses.Or(1)
	for r.uses.Load() > 1 {
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
