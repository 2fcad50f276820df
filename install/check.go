package install

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/durable"
)

// ErrTampered says that the files of an installed plugin are not those of its payload any
// more.
var ErrTampered = errors.New("installed files were changed")

// settled is how much older than the hashing the last change of a file must be: two
// changes in one tick of the clock of a file system look like one.
const settled = 2 * time.Second

// seen is what was true of a tree when it was hashed: as long as nothing of it has
// changed, the content has not either. It is kept beside the tree and may be removed.
type seen struct {
	Hashed int64   `json:"hashed"` // nanoseconds since 1970
	Files  []stamp `json:"files"`  // as in the completion record, then the folders
}

// stamp tells two states of a file apart without reading it. Times are in nanoseconds
// since 1970; that of the inode changes with every change of content, name or mode, and
// nobody can set it.
type stamp struct {
	Inode uint64 `json:"i"`
	Size  int64  `json:"s"`
	Mode  uint32 `json:"m"`
	Mtime int64  `json:"t"`
	Ctime int64  `json:"c"`
}

func (d *Dir) seenPath(p artifact.Digest) string { return d.treePath(p) + ".seen" }

// Check makes sure that the files of r are those that were installed. It hashes only what
// may have changed since it was hashed the last time. It returns an error that wraps
// [ErrTampered] and names the first file that differs, or [ErrBroken] if the completion
// record is damaged or gone.
func (d *Dir) Check(ctx context.Context, r Record) error {
	info, err := d.readTree(r.Payload)
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.ID, r.Manifest.Version, err)
	}
	if d.unchanged(r.Payload, info) {
		return nil
	}
	return d.verify(ctx, r, info)
}

// Verify is Check that hashes every file.
func (d *Dir) Verify(ctx context.Context, r Record) error {
	info, err := d.readTree(r.Payload)
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.ID, r.Manifest.Version, err)
	}
	return d.verify(ctx, r, info)
}

func (d *Dir) verify(ctx context.Context, r Record, info treeInfo) error {
	now := time.Now() // before anything is read
	tree := d.treePath(r.Payload)
	err := hashTree(ctx, tree, info.Files)
	if errors.Is(err, ErrTampered) {
		_ = durable.Remove(d.seenPath(r.Payload)) // it is not looked at any more
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.ID, r.Manifest.Version, err)
	}
	if list, err := stamps(tree, info.Files); err == nil {
		if b, err := json.Marshal(seen{now.UnixNano(), list}); err == nil {
			_ = durable.WriteCache(d.seenPath(r.Payload), b, 0o644) // without it, the next check hashes
		}
	}
	return nil
}

// unchanged reports whether the stamps of a tree are those of when it was hashed, and old
// enough to tell.
func (d *Dir) unchanged(p artifact.Digest, info treeInfo) bool {
	b, err := os.ReadFile(d.seenPath(p))
	var was seen
	if err != nil || json.Unmarshal(b, &was) != nil {
		return false
	}
	list, err := stamps(d.treePath(p), info.Files)
	if err != nil || len(list) != len(was.Files) {
		return false
	}
	for i, s := range list {
		if s != was.Files[i] || s.Ctime == 0 || s.Ctime > was.Hashed-int64(settled) || s.Mtime > was.Hashed-int64(settled) {
			return false
		}
	}
	return true
}

// stamps looks at the files of a tree, then at its folders: a folder changes when an
// entry comes or goes.
func stamps(tree string, files []artifact.File) ([]stamp, error) {
	folders := []string{tree}
	known := map[string]bool{".": true}
	out := make([]stamp, 0, len(files)+1)
	for _, f := range files {
		st, err := os.Lstat(filepath.Join(tree, filepath.FromSlash(f.Path)))
		if err != nil {
			return nil, err
		}
		out = append(out, stampOf(st))
		for dir := filepath.Dir(filepath.FromSlash(f.Path)); !known[dir]; dir = filepath.Dir(dir) {
			known[dir] = true
			folders = append(folders, filepath.Join(tree, dir))
		}
	}
	for _, dir := range folders {
		st, err := os.Lstat(dir)
		if err != nil {
			return nil, err
		}
		s := stampOf(st)
		s.Size = 0 // says nothing
		out = append(out, s)
	}
	return out, nil
}

// hashTree compares a tree with the files it should have.
func hashTree(ctx context.Context, tree string, files []artifact.File) error {
	want := make(map[string]artifact.File, len(files))
	for _, f := range files {
		want[f.Path] = f
	}
	err := filepath.WalkDir(tree, func(path string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(tree, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		f, ok := want[name]
		if !ok {
			return fmt.Errorf("%w: %s is new", ErrTampered, name)
		}
		delete(want, name)
		return hashFile(path, f, e.Type())
	})
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, ok := want[f.Path]; ok {
			return fmt.Errorf("%w: %s is gone", ErrTampered, f.Path)
		}
	}
	return nil
}

func hashFile(path string, want artifact.File, mode fs.FileMode) error {
	if !mode.IsRegular() {
		return fmt.Errorf("%w: %s is no file", ErrTampered, want.Path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, want.Size+1))
	if err != nil {
		return err
	}
	if n != want.Size || artifact.Digest("sha256:"+hex.EncodeToString(h.Sum(nil))) != want.Digest {
		return fmt.Errorf("%w: %s", ErrTampered, want.Path)
	}
	return nil
}
