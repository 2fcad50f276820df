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
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
)

// Defaults of [CollectOptions].
const (
	DefaultKeep  = 5
	DefaultGrace = 24 * time.Hour
)

// CollectOptions say what [Dir.Collect] leaves.
type CollectOptions struct {
	Keep   int           // newest generations that stay besides the active one; default [DefaultKeep], -1 for none
	Grace  time.Duration // what is younger stays; default [DefaultGrace], -1 for none
	DryRun bool          // say what would go, and remove nothing
}

// Collected is what [Dir.Collect] removed, or would remove.
type Collected struct {
	Generations []int             `json:"generations"` // ascending
	Trees       []artifact.Digest `json:"trees"`
	Data        []string          `json:"data"`  // private folders, below "data"
	Bytes       int64             `json:"bytes"` // of files in the trees and private folders
	Kept        []*Generation     `json:"-"`     // all generations that stay, the newest first
}

// Collect removes old generations and the unpacked payloads that none of the others
// needs, and private folders that only they had: not those of plugins that are not
// installed any more. The active generation stays, those that a running host uses (see [Dir.Use]), the
// newest Keep, what is younger than Grace, and what other applications with the same store
// have. It waits for its turn like every change.
//
// Generations go first, then the payloads: a kill in between leaves payloads that the
// next Collect removes.
func (d *Dir) Collect(ctx context.Context, o CollectOptions) (*Collected, error) {
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	tx, err := d.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Abort()
	out := &Collected{Generations: []int{}, Trees: []artifact.Digest{}, Data: []string{}}
	before := time.Now().Add(-max(0, o.Grace))
	if err := d.collectGenerations(out, tx.Base, before, o); err != nil {
		return out, err
	}
	others, err := tx.Others()
	if err != nil {
		return out, err
	}
	if err := d.collectTrees(ctx, out, others, before, o.DryRun); err != nil {
		return out, err
	}
	return out, d.collectData(ctx, out, tx.Base.Number, before, o.DryRun)
}

func (d *Dir) collectGenerations(out *Collected, active *Generation, before time.Time, o CollectOptions) error {
	numbers, err := d.numbers()
	if err != nil {
		return err
	}
	keep := max(0, o.Keep) + 1
	for _, n := range slices.Backward(numbers) {
		g, err := d.Generation(n)
		switch {
		case errors.Is(err, ErrBroken) && n > active.Number, errors.Is(err, ErrNoGeneration):
			continue // it keeps its number from being used again
		case err != nil && !errors.Is(err, ErrBroken):
			return err
		case err == nil && len(out.Kept) < keep, d.younger(d.generationPath(n), before):
			if g != nil {
				out.Kept = append(out.Kept, g)
			}
			continue
		}
		removed, err := d.removeGeneration(n, o.DryRun)
		if err != nil {
			return err
		}
		if removed {
			out.Generations = append(out.Generations, n)
		} else if g != nil {
			out.Kept = append(out.Kept, g)
		}
	}
	slices.Sort(out.Generations)
	if len(out.Generations) == 0 || o.DryRun {
		return nil
	}
	return durable.SyncDir(filepath.Join(d.path, "generations"))
}

// removeGeneration removes a generation that nobody holds.
func (d *Dir) removeGeneration(n int, dry bool) (bool, error) {
	lock, err := filelock.ExclusiveExisting(d.generationPath(n))
	if errors.Is(err, filelock.ErrHeld) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !dry {
		err = durable.Remove(d.generationPath(n))
	}
	return err == nil, errors.Join(err, lock.Unlock())
}

func (d *Dir) younger(path string, before time.Time) bool {
	st, err := os.Lstat(path)
	return err == nil && st.ModTime().After(before)
}

// collectTrees removes the payloads that no kept generation needs, and none of others.
func (d *Dir) collectTrees(ctx context.Context, out *Collected, others []*Generation, before time.Time, dry bool) error {
	needed := map[string]bool{}
	for _, g := range slices.Concat(out.Kept, others) {
		for _, r := range g.Records {
			needed[r.Payload.Hex()] = true
		}
	}
	entries, err := os.ReadDir(filepath.Join(d.store, "trees"))
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), ".")
		p, err := artifact.ParseDigest("sha256:" + name)
		if err != nil || needed[name] || seen[name] {
			continue // not ours, or in use
		}
		seen[name] = true
		if d.younger(d.treeRecord(p), before) || d.younger(d.treePath(p), before) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		out.Trees = append(out.Trees, p)
		out.Bytes += size(d.treePath(p))
		if !dry {
			if err := d.removeTree(p); err != nil {
				return fmt.Errorf("remove %s: %w", p.Short(), err)
			}
		}
	}
	return nil
}

// removeTree removes a payload: the record first, so that a kill leaves garbage and not a
// tree that looks complete.
func (d *Dir) removeTree(p artifact.Digest) error {
	if err := durable.Remove(d.treeRecord(p)); err != nil && !isMissing(err) {
		return err
	}
	if err := durable.SyncDir(filepath.Dir(d.treePath(p))); err != nil {
		return err
	}
	return errors.Join(durable.RemoveAll(d.seenPath(p)), durable.RemoveAll(d.treePath(p)))
}

// size returns the bytes of the files below a folder that can be looked at.
func size(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // what cannot be read is not counted
		}
		if st, err := e.Info(); err == nil {
			n += st.Size()
		}
		return nil
	})
	return n
}
