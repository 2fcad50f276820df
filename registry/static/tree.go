package static

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/store"
)

// maxSmall is the size of the small files of a tree, in bytes.
const maxSmall = 64 << 10

// Tree is a static tree in a folder, as a source of plugins. It is opened once and follows
// what writers do to the folder.
type Tree struct {
	dir string

	mu        sync.Mutex
	stamp     stamp
	available *index.Available
}

// stamp tells whether a file is still the one that was read.
type stamp struct {
	there bool
	size  int64
	time  time.Time
}

var (
	_ fetch.Source   = (*Tree)(nil)
	_ fetch.Verbatim = (*Tree)(nil)
	_ fetch.Narrower = (*Tree)(nil)
	_ index.Searcher = (*Tree)(nil)
)

// Is reports whether the folder dir looks like a static tree.
func Is(dir string) bool {
	st, err := os.Stat(filepath.Join(dir, filepath.FromSlash(markerPath)))
	return err == nil && st.Mode().IsRegular()
}

// Open opens the tree in the folder dir, or returns [ErrNotTree]. There is nothing to close.
func Open(dir string) (*Tree, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	t := &Tree{dir: path}
	b, err := t.read(markerPath, maxSmall)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNotTree
	}
	var x struct {
		Protocol int `json:"protocol"`
	}
	if err == nil {
		err = strictjson.Unmarshal(b, &x, strictjson.Limits{AllowUnknown: true})
	}
	if err == nil && x.Protocol != 1 {
		err = fmt.Errorf("%w: protocol %d, this program reads 1", ErrNotTree, x.Protocol)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return t, nil
}

// Identity implements fetch.Source.
func (t *Tree) Identity() string { return "static:" + filepath.ToSlash(t.dir) }

// open opens a regular file of the tree, or fails with store.ErrNotFound. It looks before
// it opens, because to open a named pipe is to wait for whoever writes to it.
func (t *Tree) open(path string) (*os.File, error) {
	root, err := os.OpenRoot(t.dir)
	if err != nil {
		return nil, notFound(path, err)
	}
	defer root.Close()
	name := filepath.FromSlash(path)
	st, err := root.Stat(name)
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, notFound(path, err)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, notFound(path, err)
	}
	return f, nil
}

func notFound(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, store.ErrNotFound)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// read reads a file of at most limit bytes.
func (t *Tree) read(path string, limit int64) ([]byte, error) {
	f, err := t.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: more than the limit of %d bytes", path, limit)
	}
	return b, err
}

// Raw implements fetch.Verbatim.
func (t *Tree) Raw(_ context.Context, id manifest.ID) ([]byte, error) {
	b, err := t.read(documentPath(id), index.MaxDocument)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("index of %s: %w", id, index.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("index of %s: %w", id, err)
	}
	return b, nil
}

// Plugin implements index.Index. Releases that are not in the tree count as yanked.
func (t *Tree) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	// The list is read first: a document that is newer than it has releases that are not
	// in it, which is safe.
	a, err := t.Available(ctx)
	if err != nil {
		return nil, err
	}
	b, err := t.Raw(ctx, id)
	if err != nil {
		return nil, err
	}
	p, err := index.Parse(id, b)
	if err != nil {
		return nil, err
	}
	return a.Narrow(p), nil
}

// Narrow implements fetch.Narrower.
func (t *Tree) Narrow(ctx context.Context, p *index.Plugin) (*index.Plugin, error) {
	a, err := t.Available(ctx)
	if err != nil {
		return nil, err
	}
	return a.Narrow(p), nil
}

// Available returns what is in the tree; nil if it does not say, and then everything is.
// The caller does not change it.
func (t *Tree) Available(context.Context) (*index.Available, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var now stamp
	st, err := os.Stat(filepath.Join(t.dir, availablePath))
	if err == nil {
		now = stamp{true, st.Size(), st.ModTime()}
	}
	if now == t.stamp {
		return t.available, nil
	}
	b, err := t.read(availablePath, index.MaxAvailable)
	if errors.Is(err, store.ErrNotFound) {
		t.stamp, t.available = now, nil
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.dir, err)
	}
	a, err := index.ParseAvailable(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.dir, err)
	}
	t.stamp, t.available = now, a
	return a, nil
}

// Names lists the plugins that have a document, sorted. Files of other names are skipped.
func (t *Tree) Names(context.Context) ([]manifest.ID, error) {
	root, err := os.OpenRoot(t.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var out []manifest.ID
	err = fs.WalkDir(root.FS(), documentsPath, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == documentsPath {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		rel := path[len(documentsPath)+1:]
		if id, err := manifest.ParseID(rel); err == nil {
			out = append(out, id)
		}
		return nil
	})
	slices.Sort(out)
	return out, err
}

// Search implements index.Searcher by looking at every plugin, in the order of names.
func (t *Tree) Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	return index.SearchAll(ctx, t, q)
}

// Blobs implements fetch.Source.
func (t *Tree) Blobs(id manifest.ID) artifact.Blobs { return blobs{t, id} }

type blobs struct {
	t  *Tree
	id manifest.ID
}

// Open implements artifact.Blobs.
func (b blobs) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := b.t.open(blobPath(b.id, d))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.t.Identity(), err)
	}
	return f, nil
}
