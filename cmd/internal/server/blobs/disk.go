package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/plugstead/plugstead/internal/durable"
)

// Dir keeps objects as files. A kill leaves files that no row of a database names.
type Dir struct {
	path string
	made sync.Map // folders that are known to be there and durable
}

var _ Store = (*Dir)(nil)

// Open opens a folder, which is made if it is missing.
func Open(path string) (*Dir, error) {
	return &Dir{path: path}, durable.MkdirAll(path, 0o700)
}

// file returns the path of an object.
func (d *Dir) file(key string) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", fmt.Errorf("%.80q: %w", key, err)
	}
	return filepath.Join(d.path, filepath.FromSlash(key)), nil
}

// folder makes the folder of a file, unless it is there.
func (d *Dir) folder(file string) error {
	dir := filepath.Dir(file)
	if _, ok := d.made.Load(dir); ok {
		return nil
	}
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	d.made.Store(dir, true)
	return nil
}

// Put implements [Store].
func (d *Dir) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	file, err := d.file(key)
	if err == nil {
		err = d.folder(file)
	}
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, during{ctx, r})
	if err == nil && size >= 0 && n != size {
		err = fmt.Errorf("object %s: %d bytes instead of %d: %w", key, n, size, io.ErrUnexpectedEOF)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return durable.SyncDir(filepath.Dir(file))
}

// during reads until ctx ends.
type during struct {
	ctx context.Context
	r   io.Reader
}

func (d during) Read(p []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	return d.r.Read(p)
}

// Open implements [Store]. It returns an *os.File.
func (d *Dir) Open(_ context.Context, key string) (io.ReadSeekCloser, int64, error) {
	file, err := d.file(key)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("object %s: %w", key, errNone)
	}
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, st.Size(), nil
}

// Join implements [Store]: one part gets a second name, several are copied.
func (d *Dir) Join(ctx context.Context, key string, parts []string) error {
	file, err := d.file(key)
	if err == nil {
		err = d.folder(file)
	}
	if err != nil {
		return err
	}
	if len(parts) != 1 {
		c := &chain{ctx: ctx, s: d, keys: parts}
		return errors.Join(d.Put(ctx, key, c, -1), c.Close())
	}
	first, err := d.file(parts[0])
	if err != nil {
		return err
	}
	if err := os.Link(first, file); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("object %s: %w", parts[0], errNone)
		}
		return err
	}
	return durable.SyncDir(filepath.Dir(file))
}

// Delete implements [Store].
func (d *Dir) Delete(_ context.Context, key string) error {
	file, err := d.file(key)
	if err != nil {
		return err
	}
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// List implements [Store].
func (d *Dir) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		err := filepath.WalkDir(d.path, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) { // gone meanwhile
				return nil
			}
			if err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			rel, err := filepath.Rel(d.path, path)
			key := filepath.ToSlash(rel)
			if err != nil || !e.Type().IsRegular() || !strings.HasPrefix(key, prefix) {
				return err
			}
			st, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && !yield(Object{key, st.Size(), st.ModTime()}, nil) {
				return fs.SkipAll
			}
			return err
		})
		if err != nil {
			yield(Object{}, err)
		}
	}
}

// URL implements [Store]: a folder has no addresses.
func (d *Dir) URL(context.Context, string, time.Duration) (string, error) { return "", nil }
