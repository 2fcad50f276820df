package sqlstore

import (
	"context"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// Import puts the documents of plugins in the place of those that are there, in one change:
// for copies of another registry. Their artifacts are not looked at. actor is who does it.
func (s *Store) Import(ctx context.Context, actor string, list []*index.Plugin) (rec registry.Receipt, err error) {
	err = s.seq.do(ctx, func(ctx context.Context, tx querier) (bool, error) {
		t := &change{ctx: ctx, tx: tx, s: s, c: registry.Commit{Actor: actor}, docs: map[manifest.ID]artifact.Digest{}}
		for _, p := range list {
			if err := t.save(p); err != nil {
				return false, err
			}
		}
		rec, err = t.receipt()
		return true, err
	})
	return rec, err
}
