package author

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/internal/cmdline"
)

// Limits of a watch.
const (
	maxWatched = 20_000  // files and folders
	maxHashed  = 4 << 20 // bytes of a file whose content is compared, not only its size and time
	maxSettle  = 50      // looks at a folder that changes all the time
)

// DefaultEvery is how often a [Watch] looks at its folder.
const DefaultEvery = 200 * time.Millisecond

// Watch tells when the files of a plugin folder have changed, by looking at them: the
// notifications of systems differ, and get lost. A file that was written anew with the same
// content has not changed, so what a build makes again does not start another one.
//
// What is not looked at: names that begin with a dot, node_modules and dist, folders that
// say by a CACHEDIR.TAG that they are caches, symbolic links, and what Ignore lists.
type Watch struct {
	Root   *os.Root
	Ignore []string      // paths with slashes
	Every  time.Duration // default DefaultEvery

	files map[string]seen
}

// seen is a file as it was.
type seen struct {
	size int64
	time time.Time
	mode fs.FileMode
	sum  [sha256.Size]byte // zero: the file is too large
}

// Mark takes the files as they are now for what is known. An error says that the folder
// cannot be looked at.
func (w *Watch) Mark() error {
	files, err := w.look()
	if err == nil {
		w.files = files
	}
	return err
}

// Wait waits until files differ from those that are known and have come to rest, takes them
// for known and returns their paths, sorted. It returns the error of ctx.
func (w *Watch) Wait(ctx context.Context) ([]string, error) {
	tick := time.NewTicker(cmp.Or(w.Every, DefaultEvery))
	defer tick.Stop()
	for {
		changed, err := w.once(ctx, tick.C)
		if err != nil || len(changed) > 0 {
			return changed, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// once looks until two looks are the same, and returns what has changed.
func (w *Watch) once(ctx context.Context, tick <-chan time.Time) ([]string, error) {
	now, err := w.look()
	if err != nil {
		return nil, err
	}
	if len(differ(w.files, now)) == 0 {
		w.files = now // times may be others
		return nil, nil
	}
	for range maxSettle {
		select {
		case <-tick:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		next, err := w.look()
		if err != nil {
			return nil, err
		}
		rest := maps.Equal(now, next)
		if now = next; rest {
			break
		}
	}
	changed := differ(w.files, now)
	w.files = now
	return changed, nil
}

// differ lists what is not the same in two states, sorted.
func differ(a, b map[string]seen) (out []string) {
	same := func(x, y seen) bool {
		if x.sum == ([sha256.Size]byte{}) || y.sum == ([sha256.Size]byte{}) {
			return x == y
		}
		return x.sum == y.sum && x.mode == y.mode
	}
	for name, x := range a {
		if y, ok := b[name]; !ok || !same(x, y) {
			out = append(out, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// look reads the state of all files. Content is read only of those that have another size or
// time than before.
func (w *Watch) look() (map[string]seen, error) {
	out, count := map[string]seen{}, 0
	fsys := w.Root.FS()
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err != nil {
			return err
		}
		if count++; count > maxWatched {
			return cmdline.New("E0001", "move what is not part of the plugin elsewhere, or into a folder whose name begins with a dot",
				"%s: more than the limit of %d files and folders", w.Root.Name(), maxWatched)
		}
		switch {
		case name == ".":
			return nil
		case w.ignored(fsys, name, e) && e.IsDir():
			return fs.SkipDir
		case e.IsDir() || !e.Type().IsRegular() || w.ignored(fsys, name, e):
			return nil
		}
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		x := seen{size: st.Size(), time: st.ModTime(), mode: st.Mode()}
		if old, ok := w.files[name]; ok && old.size == x.size && old.time.Equal(x.time) && old.mode == x.mode {
			x.sum = old.sum
		} else if x.sum, err = sum(fsys, name, x.size); err != nil {
			return err
		}
		out[name] = x
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", w.Root.Name(), err)
	}
	return out, nil
}

// ignored reports whether an entry is not looked at.
func (w *Watch) ignored(fsys fs.FS, name string, e fs.DirEntry) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, ".") || slices.Contains(w.Ignore, name) {
		return true
	}
	if !e.IsDir() {
		return false
	}
	_, err := fs.Stat(fsys, path.Join(name, "CACHEDIR.TAG"))
	return err == nil || base == "node_modules" || name == "dist"
}

// sum hashes a file. One that is large, or gone meanwhile, has the sum zero.
func sum(fsys fs.FS, name string, size int64) (out [sha256.Size]byte, err error) {
	if size > maxHashed {
		return out, nil
	}
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxHashed)); err != nil {
		return out, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
