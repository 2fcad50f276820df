package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/manifest"
)

// Data says which private folder a record has. Its zero value is the first folder of a
// plugin.
type Data struct {
	Folder int `json:"folder,omitempty"` // number of the generation that it began with; 0: the first
	// From are the folders of which the first that is there is copied before the first
	// start; none: it begins empty.
	From []int `json:"from,omitempty"`
}

// Left is the private data of a plugin that is not installed any more.
type Left struct {
	ID    manifest.ID `json:"id"`
	State int         `json:"state,omitempty"` // state.version of what wrote it
	Data  Data        `json:"data,omitzero"`
}

func (d *Dir) dataPath(id manifest.ID, folder int) string {
	name := id.Name()
	if folder > 0 {
		name = fmt.Sprintf("%s@%d", name, folder)
	}
	return filepath.Join(d.path, "data", id.Namespace(), name)
}

// DataPath returns the absolute private folder of r, which need not be there; see
// [Dir.MakeData].
func (d *Dir) DataPath(r Record) string { return d.dataPath(r.ID, r.Data.Folder) }

// MakeData makes the private folder of r if it is not there. One that begins with the data
// of an older version is copied from there; nobody may write to that meanwhile. After a
// kill or an error it is not there, and the older one is as it was.
func (d *Dir) MakeData(ctx context.Context, r Record) error {
	if _, err := manifest.ParseID(string(r.ID)); err != nil {
		return err
	}
	path := d.DataPath(r)
	if isDir(path) {
		return nil
	}
	unlock, err := d.lockData(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	from := d.source(r)
	if isDir(path) || from == "" {
		return durable.MkdirAll(path, 0o700)
	}
	dir := filepath.Dir(path)
	if err := durable.Sweep(dir); err != nil {
		return err
	}
	stage := filepath.Join(dir, durable.TempPrefix+filepath.Base(path))
	if err := durable.CopyTree(ctx, from, stage); err != nil {
		return errors.Join(err, durable.RemoveAll(stage))
	}
	if err := durable.RenameDir(stage, path); err != nil {
		return errors.Join(err, durable.RemoveAll(stage))
	}
	return durable.SyncDir(dir)
}

// source returns the folder that the data of r is copied from, or "".
func (d *Dir) source(r Record) string {
	for _, n := range r.Data.From {
		if path := d.dataPath(r.ID, n); isDir(path) {
			return path
		}
	}
	return ""
}

// lockData takes the lock under which private folders are copied and removed.
func (d *Dir) lockData(ctx context.Context) (unlock func(), err error) {
	dir := filepath.Join(d.path, "data")
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := filelock.Exclusive(ctx, filepath.Join(dir, ".lock"))
	if err != nil {
		return nil, err
	}
	return func() { _ = lock.Unlock() }, nil // closing the file frees it in any case
}

func isDir(path string) bool {
	st, err := os.Lstat(path)
	return err == nil && st.IsDir()
}

// dataFor decides which private folder the plugin of m has in the new generation.
func (t *Tx) dataFor(m *manifest.Manifest) (Data, error) {
	was, state := t.Base.dataOf(m.ID)
	switch {
	case state == m.State.Version:
		return was, nil
	case was.Folder == 0 && !isDir(t.d.dataPath(m.ID, 0)): // nobody wrote anything
		return was, nil
	case state > m.State.Version:
		return t.olderData(m)
	}
	n, err := t.d.next()
	from := []int{was.Folder}
	if !isDir(t.d.dataPath(m.ID, was.Folder)) { // nobody has started that
		from = append(from, was.From...)
	}
	return Data{n, from}, err
}

// olderData returns the folder that the newest generation with the older state.version of
// m had: what newer code wrote it could not read. Without one it begins empty.
func (t *Tx) olderData(m *manifest.Manifest) (Data, error) {
	history, err := t.d.History()
	if err != nil {
		return Data{}, err
	}
	for _, g := range history {
		if r, ok := g.Find(m.ID); ok && r.Manifest.State.Version == m.State.Version {
			return r.Data, nil
		}
	}
	n, err := t.d.next()
	return Data{Folder: n}, err
}

// dataOf returns the private folder of a plugin that is or was installed, and the
// state.version of who wrote it.
func (g *Generation) dataOf(id manifest.ID) (Data, int) {
	if r, ok := g.Find(id); ok {
		return r.Data, r.Manifest.State.Version
	}
	for _, l := range g.Left {
		if l.ID == id {
			return l.Data, l.State
		}
	}
	return Data{}, 0
}

// left lists the data of plugins that were installed in the base, or before, and are not in
// the new generation. What has the first folder and no state.version needs no entry.
func (t *Tx) left() []Left {
	var out []Left
	there := func(id manifest.ID) bool {
		return slices.ContainsFunc(t.records, func(r Record) bool { return r.ID == id })
	}
	for _, l := range t.Base.Left {
		if !there(l.ID) {
			out = append(out, l)
		}
	}
	for _, r := range t.Base.Records {
		if state := r.Manifest.State.Version; !there(r.ID) && (state > 0 || r.Data.Folder > 0) {
			out = append(out, Left{r.ID, state, r.Data})
		}
	}
	slices.SortFunc(out, func(a, b Left) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out
}

// valid reports whether x can be of generation n.
func (x Data) valid(n int) bool {
	return x.Folder >= 0 && x.Folder <= n && !slices.ContainsFunc(x.From, func(f int) bool { return f < 0 || f >= x.Folder })
}

// sweepData removes copies that a kill left. Whoever copies now is left alone.
func (d *Dir) sweepData() error {
	lock, err := filelock.ExclusiveExisting(filepath.Join(d.path, "data", ".lock"))
	if errors.Is(err, ErrBusy) || isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	spaces, err := d.dataSpaces()
	for _, dir := range spaces {
		err = errors.Join(err, durable.Sweep(dir))
	}
	return errors.Join(err, lock.Unlock())
}

// dataSpaces lists the folders of namespaces that hold private folders.
func (d *Dir) dataSpaces() (out []string, err error) {
	entries, err := os.ReadDir(filepath.Join(d.path, "data"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, filepath.Join(d.path, "data", e.Name()))
		}
	}
	return out, nil
}
