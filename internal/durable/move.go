package durable

import (
	"fmt"
	"os"
	"path/filepath"
)

// MoveFile gives a complete file another name on the same file system, in place of what
// has that name. The file and both folders are synced. Nobody may write to the file.
func MoveFile(from, to string) error {
	f, err := os.OpenFile(from, os.O_RDWR, 0) // Windows syncs only what may be written
	if err != nil {
		return fmt.Errorf("move to %s: %w", to, err)
	}
	err = Sync(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = MoveCache(from, to)
	}
	for _, dir := range []string{filepath.Dir(to), filepath.Dir(from)} {
		if err == nil {
			err = SyncDir(dir)
		}
	}
	return err
}

// MoveCache is MoveFile without fsync, for what can be made again and is checked when it
// is read.
func MoveCache(from, to string) error {
	if err := rename(from, to); err != nil {
		return fmt.Errorf("move to %s: %w", to, err)
	}
	return nil
}
