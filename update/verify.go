package update

import (
	"context"
	"errors"
	"fmt"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Finding is what was found out about the files of one installed plugin.
type Finding struct {
	ID      manifest.ID
	Version version.Version
	Err     error // wraps install.ErrTampered or install.ErrBroken; nil: they are as installed
}

// Verify hashes the files of installed plugins, of all if none is named, in start order.
// It returns [ErrNotInstalled] for a plugin that is not, and the cause of the end of ctx;
// what is wrong with files is in the findings.
func (u *Updater) Verify(ctx context.Context, ids ...manifest.ID) ([]Finding, error) {
	g, err := u.Dir.Active()
	if err != nil {
		return nil, err
	}
	records := g.Records
	if len(ids) > 0 {
		records = nil
		for _, id := range ids {
			r, ok := g.Find(id)
			if !ok {
				return nil, fmt.Errorf("verify %s: %w", id, ErrNotInstalled)
			}
			records = append(records, r)
		}
	}
	out := []Finding{}
	for _, r := range records {
		err := u.Dir.Verify(ctx, r)
		if err != nil && !errors.Is(err, install.ErrTampered) && !errors.Is(err, install.ErrBroken) {
			return nil, err
		}
		out = append(out, Finding{r.ID, r.Manifest.Version, err})
	}
	return out, nil
}

// Repair installs the files of damaged plugins again, in the versions that are installed.
// What it needs comes from the sources; on an error the set stays as it was, and
// the plugins that are damaged do not start.
func (u *Updater) Repair(ctx context.Context, findings []Finding) (*Plan, *install.Generation, error) {
	if err := u.forget(ctx, findings); err != nil {
		return nil, nil, err
	}
	return u.Change(ctx, Change{Frozen: true})
}

// forget drops the damaged trees.
func (u *Updater) forget(ctx context.Context, findings []Finding) error {
	tx, done, err := u.begin(ctx, 0)
	if err != nil {
		return err
	}
	defer done()
	defer tx.Abort()
	for _, f := range findings {
		if r, ok := tx.Base.Find(f.ID); ok && f.Err != nil {
			if err := tx.Drop(r.Payload); err != nil {
				return err
			}
		}
	}
	return nil
}
