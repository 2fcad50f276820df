package update

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/supervise"
)

// DefaultProbe is how long a new plugin may take to start and to say that it is well.
const DefaultProbe = 30 * time.Second

// probe tries what is new in p before the switch, if this process runs plugins. Optional
// ones that fail are set aside; the release of another one is held back.
func (u *Updater) probe(ctx context.Context, tx *install.Tx, p *Plan, tell Events) error {
	set := u.running()
	if set == nil || u.Probe < 0 {
		return nil
	}
	tell.begins("probe")
	within := u.Probe
	if within == 0 {
		within = DefaultProbe
	}
	for {
		images, err := u.probeImages(tx, p)
		if err == nil && len(images) > 0 {
			err = set.Probe(ctx, images, within)
		}
		switch {
		case err == nil:
			return nil
		case !u.degrade(ctx, err):
			return u.refuse(ctx, tx, p, fmt.Errorf("probe, nothing was changed: %w", err))
		}
	}
}

// probeImages lists what would start after p and does not run the same way before, with
// private folders that go with the transaction.
func (u *Updater) probeImages(tx *install.Tx, p *Plan) ([]load.Image, error) {
	var out []load.Image
	for _, im := range u.Images(tx.Staged(p.Lock)) {
		old, ok := p.base.Find(im.Manifest.ID)
		if overrides(im) || ok && string(old.Payload) == im.Digest && old.Runtime == im.Runtime {
			continue
		}
		dir, err := tx.Scratch(filepath.Join("probe", im.Manifest.ID.Namespace(), im.Manifest.ID.Name()))
		if err != nil {
			return nil, err
		}
		im.Data, im.MakeData = dir, nil
		im.Check = nil // what has just arrived was verified; the start behind the switch checks
		out = append(out, im)
	}
	return out, nil
}

// refuse ends tx with the set that was, in which the release that cause names is held
// back. A probe that somebody ended says nothing about it.
func (u *Updater) refuse(ctx context.Context, tx *install.Tx, p *Plan, cause error) error {
	e, ok := errors.AsType[*supervise.StartError](cause)
	if !ok || ctx.Err() != nil {
		return cause
	}
	tx.Return(p.base)
	if !hold(tx, &p.Lock, cause) {
		return cause
	}
	m := e.Image.Manifest
	g, err := tx.Commit(p.base.Lock, fmt.Sprintf("held back %s %s: %s", m.ID, m.Version, shorten(e.Err.Error())))
	if err == nil {
		u.equals(p.base.Number, g.Number)
	}
	return errors.Join(cause, err)
}
