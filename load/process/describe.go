package process

import (
	"context"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/remote"
	"github.com/plugstead/plugstead/manifest"
)

var _ load.Describer = Driver{}

// Describe implements load.Describer: it starts the program, hears its hello, and ends it.
func (d Driver) Describe(ctx context.Context, im load.Image) (*manifest.Built, error) {
	d = d.withDefaults()
	path, err := program(im)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, contract.AsError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, d.StartTimeout)
	defer cancel()
	box, err := d.sandbox(im, load.Spec{})
	if err != nil {
		return nil, err
	}
	p, err := launch(ctx, path, im, load.Spec{}, box, remote.Describing)
	if err != nil {
		return nil, contract.Errorf(contract.FailedPrecondition, "describe %s: %w", im.Manifest.ID, err)
	}
	i := newInstance(d, p, im, load.Spec{})
	select {
	case err = <-i.hello:
	case <-ctx.Done():
		err = ctx.Err()
	}
	i.asked.Store(true)
	p.kill() // nothing is open that would have to be closed
	<-i.done
	if err != nil {
		return nil, contract.Errorf(contract.FailedPrecondition, "describe %s: %w (the program %s)", im.Manifest.ID, err, p.ending())
	}
	return i.table.Built(), nil
}
