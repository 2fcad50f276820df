package wasm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"

	"github.com/plugstead/plugstead/internal/private"
)

// cacheFolder is ours within the folder of the image.
const cacheFolder = "wasm"

// openCache opens the folder of compiled code. Compiled code is run as it is, so the
// folder must belong to this user alone.
func openCache(parent string) (wazero.CompilationCache, error) {
	if !filepath.IsAbs(parent) {
		return nil, fmt.Errorf("cache folder %q: want an absolute path", parent)
	}
	dir := filepath.Join(parent, cacheFolder)
	if err := private.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return wazero.NewCompilationCacheWithDir(dir)
}

// clearCache removes what was compiled. Whoever uses it has it in memory.
func clearCache(parent string) error {
	if err := os.RemoveAll(filepath.Join(parent, cacheFolder)); err != nil {
		return fmt.Errorf("clear a damaged cache: %w", err)
	}
	return nil
}

func closeCache(c wazero.CompilationCache) error {
	if c == nil {
		return nil
	}
	return c.Close(context.Background())
}
