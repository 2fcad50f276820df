package dropin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/filestamp"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/bundle"
)

// kindOf says what an entry looks like.
func kindOf(path string, st fs.FileInfo) Kind {
	switch {
	case st.IsDir():
		if st, err := os.Lstat(filepath.Join(path, publish.ManifestFile)); err == nil && st.Mode().IsRegular() {
			return PluginFolder
		}
	case st.Mode().IsRegular() && bundle.Is(path):
		return BundleFile
	}
	return ""
}

// read looks at one entry; old is what was known of it, or nil. It returns nil if the entry
// has gone meanwhile.
func (f *Folder) read(name string, old *entry, now time.Time) *entry {
	path := filepath.Join(f.path, name)
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	e := &entry{Entry: Entry{Name: name}, again: true}
	switch {
	case err != nil:
		return f.fails(e, err)
	case st.IsDir():
		return f.readFolder(e, old, now)
	case st.Mode().IsRegular():
		return f.readBundle(e, old, st, now)
	}
	return f.fails(e, fmt.Errorf("%w: a symbolic link or another special file", ErrNoEntry))
}

// readFolder looks at the manifest of a plugin folder, and when its files changed.
func (f *Folder) readFolder(e, old *entry, now time.Time) *entry {
	root, err := os.OpenRoot(filepath.Join(f.path, e.Name))
	if err != nil {
		return f.fails(e, err)
	}
	defer root.Close()
	if old != nil && !old.again && old.Kind == PluginFolder {
		if s, err := stampFolder(root, old.m); err == nil && s.Sum == old.stamp {
			return old
		}
	}
	e.m, err = publish.Load(root)
	switch {
	case e.m != nil: // also if a file that it names is bad
		e.IDs = []manifest.ID{e.m.ID}
	case old != nil && !errors.Is(err, publish.ErrNoManifest):
		e.IDs = old.IDs
	}
	s, serr := stampFolder(root, e.m)
	e.stamp = s.Sum
	switch {
	case serr != nil:
		return f.fails(e, serr)
	case !f.resting(s.Changed, now):
		return f.fails(e, ErrSettling)
	case errors.Is(err, publish.ErrNoManifest):
		return f.fails(e, ErrNoEntry)
	}
	e.Kind = PluginFolder
	e.again = false
	switch {
	case err != nil:
		return f.fails(e, err)
	case s.Bytes > MaxBytes:
		return f.fails(e, fmt.Errorf("%w: %d bytes, more than the limit of %d", ErrTooLarge, s.Bytes, int64(MaxBytes)))
	}
	return e
}

// stampFolder is the stamp of all files that packing reads; m may be nil.
func stampFolder(root *os.Root, m *manifest.Manifest) (filestamp.Stamp, error) {
	names := []string{publish.ManifestFile, "README.md", "CHANGELOG.md", "LICENSE"}
	if m != nil {
		if m.Config != "" {
			names = append(names, m.Config)
		}
		for _, rt := range m.Runtimes.Names() {
			for _, p := range m.Runtimes.Platforms() {
				if entry, ok := m.Runtimes.Entry(rt, p); ok {
					names = append(names, entry)
				}
			}
		}
		names = append(names, m.Files...)
	}
	s, err := filestamp.Of(root.FS(), names...)
	if st, serr := root.Stat("."); serr == nil {
		if t := filestamp.Changed(st); t.After(s.Changed) { // files come and go
			s.Changed = t
		}
	}
	return s, err
}

// readBundle reads the documents of a bundle.
func (f *Folder) readBundle(e, old *entry, st fs.FileInfo, now time.Time) *entry {
	path := filepath.Join(f.path, e.Name)
	changed := filestamp.Changed(st)
	e.stamp = fmt.Sprint(st.Size(), st.ModTime().UnixNano(), changed.UnixNano())
	if old != nil && !old.again && old.stamp == e.stamp {
		return old
	}
	if !f.resting(changed, now) {
		if bundle.Is(path) {
			e.Kind = BundleFile
			if old != nil {
				e.IDs = old.IDs
			}
		}
		return f.fails(e, ErrSettling)
	}
	e.again = false
	if e.Kind = kindOf(path, st); e.Kind == "" {
		return f.fails(e, ErrNoEntry)
	}
	b, err := bundle.Open(path)
	if err == nil {
		err = e.open(b)
	}
	if err != nil {
		e.releases = nil
		if errors.Is(err, bundle.ErrBundle) && old != nil {
			e.IDs = old.IDs
		}
		return f.fails(e, err)
	}
	return e
}

// open lists what a bundle has.
func (e *entry) open(b *bundle.Bundle) error {
	ctx := context.Background() // files alone
	names, err := b.Names(ctx)
	if err != nil {
		return err
	}
	for _, id := range names {
		p, err := b.Plugin(ctx, id)
		if err != nil {
			return fmt.Errorf("%w: %w", bundle.ErrBundle, err)
		}
		for _, r := range p.Releases {
			if y := r.State.Yanked; y != nil && y.Reason == index.NotMirrored {
				continue
			}
			e.releases = append(e.releases, release{r, p.Header})
			if !slices.Contains(e.IDs, id) {
				e.IDs = append(e.IDs, id)
			}
		}
	}
	e.blobs = b.Blobs("")
	return nil
}

// limited reads no more than a number of bytes, and fails if there are more.
func limited(r io.Reader, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		err = ErrTooLarge
	}
	return b, err
}
