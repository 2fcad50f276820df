package static

import (
	"context"
	"errors"

	"github.com/plugstead/plugstead/registry/mirror"
)

var _ mirror.Tree = (*Writer)(nil)

// Copy adds s to the tree in dir, which it makes if it is missing or empty; see
// mirror.ToTree. Besides the errors of the source it returns those of [Create] and
// [Writer].
func Copy(ctx context.Context, s *mirror.Set, dir string) (rep mirror.Report, err error) {
	w, err := Create(ctx, dir)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	return mirror.ToTree(ctx, s, w)
}
