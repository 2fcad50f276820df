// Package diskspace tells how much room a file system has left.
package diskspace

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// ErrUnknown says that this system does not tell.
var ErrUnknown = errors.New("free space is not known")

// Free returns how many bytes this user may still write below path. Folders that are not
// there yet count as the nearest one above them that is. The error wraps [ErrUnknown] on a
// system that does not tell.
func Free(path string) (int64, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return 0, err
	}
	for {
		n, err := free(path)
		up := filepath.Dir(path)
		if !errors.Is(err, fs.ErrNotExist) || up == path {
			if err != nil {
				return 0, fmt.Errorf("%s: %w", path, err)
			}
			return n, nil
		}
		path = up
	}
}

// product is a times b, or the greatest number there is.
func product(a, b uint64) int64 {
	const most = 1<<63 - 1
	if b != 0 && a > most/b {
		return most
	}
	return int64(a * b)
}
