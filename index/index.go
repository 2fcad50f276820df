package index

import (
	"context"
	"errors"
	"iter"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// ErrNotFound says that an index knows no plugin of a name.
var ErrNotFound = errors.New("unknown plugin")

// Index answers what a resolver asks. Implementations allow concurrent calls.
type Index interface {
	// Plugin returns the document of one plugin, or ErrNotFound. The caller does
	// not change what it gets.
	Plugin(ctx context.Context, id manifest.ID) (*Plugin, error)
}

// Searcher is an optional interface of an Index.
type Searcher interface {
	// Search yields plugins, the best match first.
	Search(ctx context.Context, q Query) iter.Seq2[Hit, error]
}

// Query says what to search for. Zero fields do not filter.
type Query struct {
	Text    string // words, all of which must match
	Point   string // id of an extension point
	Runtime string // name of a runtime
	Limit   int    // default 50, at most 200
}

// Limits of Query.Limit.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// EffectiveLimit returns Limit, or the default, never more than [MaxLimit].
func (q Query) EffectiveLimit() int {
	if q.Limit <= 0 {
		return DefaultLimit
	}
	return min(q.Limit, MaxLimit)
}

// Hit is one search result.
type Hit struct {
	ID      manifest.ID     `json:"id"`
	Version version.Version `json:"version"` // the newest that is neither yanked nor a pre-release
	Summary string          `json:"summary,omitempty"`
}
