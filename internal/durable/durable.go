// Package durable writes files that survive a kill or a power cut.
//
// Every write is the same sequence of system calls: create a temporary file
// beside the target (O_EXCL), write, fsync, close, then publish it with
// rename(2) (replace) or link(2) (create once), then fsync the folder. A reader
// sees the old bytes or all the new ones, never a part. A temporary file left by
// a kill starts with [TempPrefix] and means nothing; [Sweep] removes it.
// [WriteCache] and [WriteCacheFrom] leave out the two fsyncs.
//
// No other package renames files.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// TempPrefix starts the name of every file that is not published yet.
const TempPrefix = ".tmp-"

// ErrExist says that [Create] found its target already there.
var ErrExist = fs.ErrExist

// WriteFile replaces path with b, or creates it. It makes no folders.
func WriteFile(path string, b []byte, perm fs.FileMode) error {
	return publish(path, perm, writeBytes(b))
}

// Create makes path with b and fails with [ErrExist] if path is there already,
// whatever its content. Of several processes that create one path exactly one
// succeeds. After any other error path is not there, unless the disk refuses to remove
// it, too.
func Create(path string, b []byte, perm fs.FileMode) error {
	return CreateFrom(path, perm, writeBytes(b))
}

// CreateFrom makes path with what fill writes and fails with [ErrExist] if path
// is there already. An error of fill leaves nothing behind.
func CreateFrom(path string, perm fs.FileMode, fill func(io.Writer) error) error {
	dir, err := stage(path, perm, fill, create, Sync)
	if err != nil {
		return err
	}
	if err := syncNew(path, dir); err != nil {
		return errors.Join(err, Remove(path))
	}
	return nil
}

// WriteFrom replaces path with what fill writes, or creates it. An error of fill
// changes nothing.
func WriteFrom(path string, perm fs.FileMode, fill func(io.Writer) error) error {
	return publish(path, perm, fill)
}

func writeBytes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// WriteCache is WriteFile without fsync, for what can be made again: readers see all
// the new bytes or the old ones, but after a power cut perhaps neither, and check what
// they read.
func WriteCache(path string, b []byte, perm fs.FileMode) error {
	return WriteCacheFrom(path, perm, writeBytes(b))
}

// WriteCacheFrom is WriteCache of what fill writes. An error of fill changes nothing.
func WriteCacheFrom(path string, perm fs.FileMode, fill func(io.Writer) error) error {
	_, err := stage(path, perm, fill, rename, func(*os.File) error { return nil })
	return err
}

func publish(path string, perm fs.FileMode, fill func(io.Writer) error) error {
	dir, err := stage(path, perm, fill, rename, Sync)
	if err != nil {
		return err
	}
	return syncNew(path, dir)
}

// syncNew makes the entry of path durable.
func syncNew(path, dir string) error {
	if err := SyncDir(dir); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// stage writes a temporary file beside path and moves it there. It returns their folder.
func stage(path string, perm fs.FileMode, fill func(io.Writer) error, move func(from, to string) error, sync func(*os.File) error) (dir string, err error) {
	dir = filepath.Dir(path)
	f, err := os.CreateTemp(dir, TempPrefix+"*")
	if err != nil {
		return dir, fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if err = before(Step{Kind: StepCreate, Path: f.Name()}); err != nil {
		return dir, err
	}
	if err = fill(Writer(f)); err != nil {
		return dir, err
	}
	// CreateTemp makes 0600 files; the mode asked for must not depend on umask.
	if err = f.Chmod(perm); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return dir, err
	}
	if err = sync(f); err != nil {
		return dir, err
	}
	if err = f.Close(); err != nil {
		return dir, err
	}
	return dir, move(f.Name(), path)
}

func create(from, to string) error {
	if err := link(from, to); err != nil {
		return err
	}
	_ = Remove(from) // its other name counts; what stays is swept
	return nil
}

// RenameDir moves a complete folder to a new name on the same file system. The
// caller has synced the content with [SyncTree]. The move is durable once the folder
// it moved to is synced, with [SyncDir] or by writing a file there. It fails with
// [ErrExist] if something has the name already.
func RenameDir(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("rename %s: %w", to, ErrExist)
	}
	return rename(from, to)
}

// SyncDir makes the entries of a folder durable.
func SyncDir(dir string) error {
	if err := before(Step{Kind: StepSyncDir, Path: dir}); err != nil {
		return err
	}
	return syncDir(dir)
}

// SyncTree makes all folders below and including root durable. Files must have
// been synced by who wrote them.
func SyncTree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return SyncDir(path)
	})
}

// MkdirAll makes dir and its missing parents, all of exactly that mode, and makes their
// entries durable.
func MkdirAll(dir string, perm fs.FileMode) error {
	if st, err := os.Stat(dir); err == nil && st.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	if err := Mkdir(dir, perm); err != nil {
		if errors.Is(err, fs.ErrExist) {
			if st, err := os.Stat(dir); err == nil && st.IsDir() {
				return nil
			}
		}
		return err
	}
	return SyncDir(parent)
}

// Sweep removes temporary files that a kill left directly in dir. The caller
// holds the lock under which files are written there.
func Sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), TempPrefix) {
			continue
		}
		if err := RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
