package index

import (
	"context"
	"iter"

	"github.com/plugstead/plugstead/manifest"
)

// Lister is an optional interface of an Index that is small enough to list.
type Lister interface {
	Index
	// Names lists the names that have a document, sorted.
	Names(ctx context.Context) ([]manifest.ID, error)
}

// SearchAll searches x by looking at every plugin, in the order of names. It is the
// [Searcher] of an index without one.
func SearchAll(ctx context.Context, x Lister, q Query) iter.Seq2[Hit, error] {
	return func(yield func(Hit, error) bool) {
		names, err := x.Names(ctx)
		if err != nil {
			yield(Hit{}, err)
			return
		}
		left := q.EffectiveLimit()
		for _, id := range names {
			p, err := x.Plugin(ctx, id)
			if err != nil {
				yield(Hit{}, err)
				return
			}
			if h, ok := p.Match(q); ok {
				if left--; left < 0 || !yield(h, nil) {
					return
				}
			}
		}
	}
}
