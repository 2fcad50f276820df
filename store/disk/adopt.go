package disk

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/durable"
)

// Adopt keeps the file at path, which is on the file system of the store, as the bytes
// of d. It does what Put does without copying: afterwards path is gone. If the file does
// not have exactly those bytes the error wraps artifact.ErrDigest, the store is as it was
// and the file stays. Nobody may write to the file meanwhile.
func (s *Store) Adopt(ctx context.Context, d artifact.Descriptor, path string) error {
	if err := d.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.adopt(d, path); err != nil {
		return fmt.Errorf("adopt %s: %w", d.Digest.Short(), err)
	}
	return nil
}

func (s *Store) adopt(d artifact.Descriptor, path string) error {
	if err := checkFile(d, path); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o644); err != nil {
		return err
	}
	to := s.path(d.Digest)
	if err := durable.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if s.cache {
		return durable.MoveCache(path, to)
	}
	return durable.MoveFile(path, to)
}

// checkFile reads all of a file.
func checkFile(d artifact.Descriptor, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, artifact.Verify(f, d))
	return err
}
