package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/manifest"
)

// ErrInstalled says that the data of a plugin is not removed because that is installed.
var ErrInstalled = errors.New("still installed")

// ErrRunning says that a host runs a generation that has the plugin.
var ErrRunning = errors.New("a host runs it")

// folder is one private folder on disk.
type folder struct {
	id     manifest.ID
	number int // 0: the first; -1: that of overrides
	path   string
}

// remove removes f for good. The lock of private folders is held.
func (f folder) remove() error {
	if err := errors.Join(durable.RemoveAll(f.path), durable.SyncDir(filepath.Dir(f.path))); err != nil {
		return fmt.Errorf("remove data of %s: %w", f.id, err)
	}
	return nil
}

// folders lists the private folders on disk. Other names are left out.
func (d *Dir) folders() ([]folder, error) {
	spaces, err := d.dataSpaces()
	if err != nil {
		return nil, err
	}
	var out []folder
	for _, dir := range spaces {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			name, number, numbered := strings.Cut(e.Name(), "@")
			f := folder{path: filepath.Join(dir, e.Name())}
			if f.id, err = manifest.ParseID(filepath.Base(dir) + "/" + name); err != nil || !e.IsDir() {
				continue
			}
			if f.path == d.DevDataPath(f.id) {
				f.number = -1
				out = append(out, f)
				continue
			}
			if f.number, err = strconv.Atoi(number); numbered && (err != nil || f.path != d.dataPath(f.id, f.number)) {
				continue
			}
			out = append(out, f)
		}
	}
	return out, nil
}

// HasData reports whether there is private data of a plugin.
func (d *Dir) HasData(id manifest.ID) (bool, error) {
	list, err := d.folders()
	return slices.ContainsFunc(list, func(f folder) bool { return f.id == id }), err
}

// Purge removes all private data of plugins that are not installed. Older generations
// that have them stay: after a rollback they begin empty. It returns [ErrInstalled] for one
// that is installed and [ErrRunning] for one that a host runs, and removes nothing then.
func (d *Dir) Purge(ctx context.Context, ids ...manifest.ID) error {
	tx, err := d.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Abort()
	for _, id := range ids {
		if tx.Base.has(id) {
			return fmt.Errorf("purge %s: %w", id, ErrInstalled)
		}
	}
	if err := d.checkNotRunning(ids); err != nil {
		return err
	}
	unlock, err := d.lockData(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	list, err := d.folders()
	if err != nil {
		return err
	}
	for _, f := range list {
		if slices.Contains(ids, f.id) {
			if err := f.remove(); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkNotRunning makes sure that nobody holds a generation which has one of ids.
func (d *Dir) checkNotRunning(ids []manifest.ID) error {
	history, err := d.History()
	if err != nil {
		return err
	}
	for _, g := range history {
		i := slices.IndexFunc(ids, func(id manifest.ID) bool { return g.has(id) })
		if i < 0 {
			continue
		}
		lock, err := filelock.ExclusiveExisting(d.generationPath(g.Number))
		if errors.Is(err, ErrBusy) {
			return fmt.Errorf("purge %s: %w (generation %d)", ids[i], ErrRunning, g.Number)
		}
		if err != nil {
			return err
		}
		if err := lock.Unlock(); err != nil {
			return err
		}
	}
	return nil
}

// collectData removes the private folders that only generations had which are gone: those
// of plugins that a kept generation knows, and that none of them names.
func (d *Dir) collectData(ctx context.Context, out *Collected, active int, before time.Time, dry bool) error {
	if !isDir(filepath.Join(d.path, "data")) {
		return nil
	}
	known, needed := map[manifest.ID]bool{}, map[string]bool{}
	need := func(id manifest.ID, x Data) {
		known[id] = true
		for _, n := range append([]int{x.Folder}, x.From...) {
			needed[d.dataPath(id, n)] = true
			if isDir(d.dataPath(id, n)) {
				break // the others are copied from no more
			}
		}
	}
	for _, g := range out.Kept {
		for _, r := range g.Records {
			need(r.ID, r.Data)
		}
		for _, l := range g.Left {
			need(l.ID, l.Data)
		}
		for _, o := range g.Overrides {
			needed[d.DevDataPath(o.ID)] = true
		}
	}
	unlock, err := d.lockData(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	list, err := d.folders()
	if err != nil {
		return err
	}
	for _, f := range list {
		if !known[f.id] || needed[f.path] || f.number > active || d.younger(f.path, before) {
			continue
		}
		out.Data = append(out.Data, strings.TrimPrefix(filepath.ToSlash(f.path), filepath.ToSlash(filepath.Join(d.path, "data"))+"/"))
		out.Bytes += size(f.path)
		if !dry {
			if err := f.remove(); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}
