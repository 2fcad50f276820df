package supervise

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// Probe finds out whether images would run: it starts them in their order beside what
// runs, asks each whether it is well, and stops them all. Each may take as long as within.
// Those that require each other meet the probed ones, otherwise what runs. Nothing else
// calls them, and what runs is left alone. The folder for their data is [load.Image.Data]:
// the caller sets one that it throws away.
//
// An exclusive plugin is left out while an instance of it runs: both would want what only
// one can hold. It returns a [*StartError] of the first that fails.
func (s *Set) Probe(ctx context.Context, images []load.Image, within time.Duration) error {
	return s.changing(ctx, func(ctx context.Context) error { return s.probe(ctx, images, within) })
}

func (s *Set) probe(ctx context.Context, images []load.Image, within time.Duration) (err error) {
	p := probed{set: s, peers: map[manifest.ID]contract.Caller{}}
	defer func() {
		for _, r := range slices.Backward(p.started) {
			err = errors.Join(err, p.end(r))
		}
	}()
	for _, im := range images {
		if im.Manifest.State.Exclusive && s.plugin(im.Manifest.ID).cur.Load() != nil {
			continue
		}
		if err := p.start(ctx, im, within); err != nil {
			return err
		}
	}
	return nil
}

// probed are instances that nobody but each other calls.
type probed struct {
	set     *Set
	started []*running

	mu    sync.Mutex
	peers map[manifest.ID]contract.Caller
}

func (p *probed) start(ctx context.Context, im load.Image, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	spec, err := p.set.specOf(ctx, im)
	if err != nil {
		return err
	}
	spec.Log = spec.Logger().With("probe", true)
	if outer := spec.Peer; outer != nil {
		spec.Peer = func(id manifest.ID) contract.Caller { return p.peer(id, outer) }
	}
	r, err := p.set.launch(ctx, im, spec)
	if err != nil {
		return err
	}
	p.started = append(p.started, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peers[im.Manifest.ID] = r.in
	return nil
}

// peer returns what the host lets a plugin call, or the probed one in its place.
func (p *probed) peer(id manifest.ID, outer func(manifest.ID) contract.Caller) contract.Caller {
	c := outer(id)
	if c == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if in, ok := p.peers[id]; ok {
		return in
	}
	return c
}

// end stops a probed instance. One that does not stop in good order is killed by its
// driver, which is no error of the probe.
func (p *probed) end(r *running) error {
	select {
	case <-r.in.Done():
		err := r.shown(r.in.Err())
		if err == nil {
			err = ErrEnded
		}
		return &StartError{r.image, errors.Join(err, r.shown(r.in.Close()))}
	default:
		p.set.reportStops(p.set.stop(r))
		return nil
	}
}
