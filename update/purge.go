package update

import (
	"context"

	"github.com/plugstead/plugstead/manifest"
)

// Purge removes all private data of plugins that are not installed; see install.Dir.Purge.
// A rollback does not bring it back.
func (u *Updater) Purge(ctx context.Context, ids ...manifest.ID) error {
	done, err := u.turn.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	return u.Dir.Purge(ctx, ids...)
}
