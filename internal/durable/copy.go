package durable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// CopyTree copies the folder from to the new folder to, all of it durable but the entry of
// to itself. Modes of files and times of their content stay; links are copied as they are.
// What is neither file, folder nor link is left out: sockets and pipes mean nothing without
// their process. Whoever writes below from meanwhile may get old or new content copied. It
// ends with ctx; what an error leaves is for the caller to remove.
func CopyTree(ctx context.Context, from, to string) error {
	src, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer src.Close()
	err = fs.WalkDir(src.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		return copyEntry(ctx, src, name, filepath.Join(to, filepath.FromSlash(name)), e.Type())
	})
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return SyncTree(to)
}

func copyEntry(ctx context.Context, src *os.Root, name, to string, kind fs.FileMode) error {
	switch {
	case kind.IsDir():
		return Mkdir(to, 0o700)
	case kind.IsRegular():
		return copyFile(ctx, src, name, to)
	case kind&fs.ModeSymlink != 0:
		target, err := src.Readlink(name)
		if err != nil {
			return err
		}
		if err := before(Step{Kind: StepCreate, Path: to}); err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	return nil
}

func copyFile(ctx context.Context, src *os.Root, name, to string) (err error) {
	in, err := src.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	if err := before(Step{Kind: StepCreate, Path: to}); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(Writer(out), reader{ctx, in}); err != nil {
		return err
	}
	if err := out.Chmod(st.Mode().Perm()); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := Sync(out); err != nil {
		return err
	}
	return os.Chtimes(to, st.ModTime(), st.ModTime())
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
