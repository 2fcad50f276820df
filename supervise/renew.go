package supervise

import (
	"context"
	"errors"
	"fmt"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// Reconfigure gives the running plugin of an id the configuration that the set's spec has
// for it now. A plugin that takes one only when it starts is swapped for a new instance
// without losing a call. After an error the plugin runs with what it had. One that does
// not run gets its configuration at its next start.
func (s *Set) Reconfigure(ctx context.Context, id manifest.ID) error {
	return s.changing(ctx, func(ctx context.Context) error {
		p := s.Plugin(id)
		if p == nil {
			return nil
		}
		r := p.cur.Load()
		if r == nil {
			return nil
		}
		spec, err := s.specOf(ctx, r.now())
		if err != nil {
			return err
		}
		err = contract.Errorf(contract.Unimplemented, "its runtime cannot")
		if live, ok := r.in.(load.Reconfigurer); ok {
			err = live.Reconfigure(ctx, spec.Config)
		}
		if errors.Is(err, contract.Unimplemented) {
			return s.renew(ctx, p, r)
		}
		if err != nil {
			return fmt.Errorf("configure %s: %w", id, r.shown(err))
		}
		return nil
	})
}

// Restart starts the plugin of an id anew: one that runs is swapped for a new instance of
// the same image without losing a call, one that has failed is started with its whole
// budget of restarts. It fails with contract.Unavailable if nothing of that id was to run.
func (s *Set) Restart(ctx context.Context, id manifest.ID) error {
	return s.changing(ctx, func(ctx context.Context) error {
		p := s.Plugin(id)
		if p == nil {
			return contract.Errorf(contract.Unavailable, "there is no plugin %s", id)
		}
		p.forgive()
		if r := p.cur.Load(); r != nil {
			return s.renew(ctx, p, r)
		}
		down := p.fallen()
		if down == nil {
			return p.unavailable()
		}
		r, err := s.start(ctx, down.now())
		if err != nil {
			return err
		}
		s.install(p, r)
		return nil
	})
}
