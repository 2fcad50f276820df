package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/internal/private"
	"github.com/plugstead/plugstead/manifest"
)

// ErrBusy says that another process is changing the folder.
var ErrBusy = filelock.ErrHeld

// Dir is an installation folder. Its methods allow concurrent calls, also from
// several processes.
type Dir struct {
	path  string // generations, private folders, and what else is of one application
	store string // the lock, unpacked payloads, and what is being made; often path itself
}

// ErrNotPrivate says that others could change what is installed.
var ErrNotPrivate = private.ErrNotPrivate

// Open returns the installation folder at path, which it makes on the first change. The
// error wraps [ErrNotPrivate] if the folder belongs to another user than this one or the
// administrator, or others may write to it.
func Open(path string) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if isDir(filepath.Join(abs, "apps")) {
		return nil, fmt.Errorf("installation folder %s: it is a store that applications share", abs)
	}
	if err := ours(abs); err != nil {
		return nil, err
	}
	return &Dir{abs, abs}, nil
}

// ours makes sure that a folder that is there can be trusted.
func ours(path string) error {
	if st, err := os.Stat(path); err == nil && !st.IsDir() {
		return fmt.Errorf("installation folder %s: not a folder", path)
	}
	if err := private.Trusted(path); err != nil && !isMissing(err) {
		return fmt.Errorf("installation: %w", err)
	}
	return nil
}

// Path returns the absolute path of d.
func (d *Dir) Path() string { return d.path }

// DataDir makes and returns the first private folder of a plugin, for one that no
// generation has; see [Dir.DataPath].
func (d *Dir) DataDir(id manifest.ID) (string, error) {
	if _, err := manifest.ParseID(string(id)); err != nil {
		return "", err
	}
	path := filepath.Join(d.path, "data", id.Namespace(), id.Name())
	return path, durable.MkdirAll(path, 0o700)
}

// CacheDir returns the private folder in which drivers keep what they compile. It
// is not made.
func (d *Dir) CacheDir() string { return filepath.Join(d.path, "cache") }

// Begin waits for the right to change d until ctx ends, then sweeps what a killed
// change left. Applications with one store wait for one another. The error wraps [ErrBusy] if another process holds it.
func (d *Dir) Begin(ctx context.Context) (*Tx, error) {
	for _, dir := range []string{filepath.Join(d.path, "generations"), filepath.Join(d.store, "trees")} {
		if err := durable.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("installation folder: %w", err)
		}
	}
	lock, err := filelock.Exclusive(ctx, filepath.Join(d.store, "lock"))
	if err != nil {
		return nil, err
	}
	tx := &Tx{d: d, lock: lock}
	if err := d.sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("sweep %s: %w", d.store, err), lock.Unlock())
	}
	if tx.Base, err = d.Active(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	tx.held, tx.disabled, tx.overrides, tx.configs = tx.Base.Held, tx.Base.Disabled, tx.Base.Overrides, tx.Base.Configs
	return tx, nil
}

// sweep removes what killed changes left. The lock is held.
func (d *Dir) sweep() error {
	return errors.Join(
		durable.RemoveAll(filepath.Join(d.store, "staging")),
		durable.Sweep(filepath.Join(d.path, "generations")),
		durable.Sweep(filepath.Join(d.store, "trees")),
		d.sweepData(),
	)
}

// Rollback makes a new generation equal to generation to and returns it; to 0 means
// the one before the active one. It needs no network, loads no plugin and
// downloads nothing.
func (d *Dir) Rollback(ctx context.Context, to int) (*Generation, error) {
	tx, err := d.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Abort()
	if to == 0 {
		if to, err = d.before(tx.Base.Number); err != nil {
			return nil, err
		}
	}
	old, err := d.Generation(to)
	if err != nil {
		return nil, err
	}
	for _, r := range old.Records {
		if !d.HasTree(r.Payload) {
			return nil, fmt.Errorf("roll back to generation %d: %w: files of %s are gone", to, ErrBroken, r.ID)
		}
	}
	tx.records, tx.disabled, tx.overrides, tx.configs, tx.from = old.Records, old.Disabled, old.Overrides, old.Configs, to
	return tx.Commit(old.Lock, fmt.Sprintf("rollback to generation %d", to))
}

// before returns the valid generation that precedes n, or what a host went back to by
// itself in n.
func (d *Dir) before(n int) (int, error) {
	history, err := d.History()
	if err != nil {
		return 0, err
	}
	at := n
	for _, g := range history {
		switch {
		case g.Number == at && g.Auto:
			at = g.From // it is that one
		case g.Number < at:
			return g.Number, nil
		}
	}
	return 0, fmt.Errorf("roll back: %w before generation %d", ErrNoGeneration, n)
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
