//go:build !unix

package wasm

import (
	"fmt"
	"io/fs"
)

func checkPrivate(dir string, info fs.FileInfo) error {
	if !info.IsDir() {
		return fmt.Errorf("cache folder %s: %w: it is no folder", dir, errNotPrivate)
	}
	return nil
}
