package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/verify"
)

// ErrDone says that a transaction ended already.
var ErrDone = errors.New("transaction has ended")

// Tx stages a new generation. Nothing is visible before [Tx.Commit]. A Tx is for
// one goroutine, [Tx.Unpack] apart; Commit or Abort must be called to free the lock, when
// no Unpack is running.
type Tx struct {
	Base    *Generation // the active set when the transaction began
	d       *Dir
	lock    *filelock.Lock
	records []Record
	held    []Held
	auto    bool
	from    int
	// disabled may name plugins that the new generation has not.
	disabled  []manifest.ID
	configs   []Config // the same
	overrides []Override

	mu       sync.Mutex
	unpacked map[artifact.Digest]*sync.Mutex // held by who unpacks that payload
}

// Unpack unpacks the payload of v, read from b, unless it is there already. Several may
// be unpacked at one time. It panics on a zero Verified.
func (t *Tx) Unpack(ctx context.Context, b artifact.Blobs, v verify.Verified) error {
	if !v.OK() {
		panic("install: zero verify.Verified")
	}
	if t.lock == nil {
		return ErrDone
	}
	m, d := v.Manifest(), v.Package().Payload
	t.mu.Lock()
	if t.unpacked == nil {
		t.unpacked = map[artifact.Digest]*sync.Mutex{}
	}
	one := t.unpacked[d.Digest]
	if one == nil {
		one = new(sync.Mutex)
		t.unpacked[d.Digest] = one
	}
	t.mu.Unlock()
	one.Lock() // two plugins may have one payload
	defer one.Unlock()
	if err := t.unpack(ctx, b, d, v.Limits()); err != nil {
		return fmt.Errorf("install %s %s: %w", m.ID, m.Version, err)
	}
	return nil
}

// Add puts v into the new generation, and unpacks its payload, read from b, if
// [Tx.Unpack] has not. Records start in the order they are added. It panics on a zero
// Verified.
func (t *Tx) Add(ctx context.Context, b artifact.Blobs, v verify.Verified) (Record, error) {
	if err := t.Unpack(ctx, b, v); err != nil {
		return Record{}, err
	}
	m, p := v.Manifest(), v.Package()
	r := Record{ID: m.ID, Manifest: m, Runtime: p.Runtime, Platform: p.Platform, Payload: p.Payload.Digest, Tree: t.d.treePath(p.Payload.Digest)}
	if err := checkEntry(r); err != nil {
		return Record{}, fmt.Errorf("install %s %s: %w", m.ID, m.Version, err)
	}
	var err error
	if r.Data, err = t.dataFor(m); err != nil {
		return Record{}, fmt.Errorf("install %s %s: %w", m.ID, m.Version, err)
	}
	t.records = append(t.records, r)
	return r, nil
}

// Drop forgets that the payload p is unpacked, so that the next [Tx.Unpack] does it
// again: its files are damaged.
func (t *Tx) Drop(p artifact.Digest) error {
	if t.lock == nil {
		return ErrDone
	}
	if err := durable.Remove(t.d.treeRecord(p)); err != nil && !isMissing(err) {
		return err
	}
	return durable.SyncDir(filepath.Dir(t.d.treeRecord(p)))
}

// Keep carries an installed plugin over. Dropping one is not keeping it.
func (t *Tx) Keep(r Record) { t.records = append(t.records, r) }

// checkEntry makes sure that what will be started is there.
func checkEntry(r Record) error {
	entry, ok := r.Manifest.Runtimes.Entry(r.Runtime, r.Platform)
	if !ok {
		return fmt.Errorf("plugin.json names no entry for %s on %s", r.Runtime, r.Platform)
	}
	st, err := os.Stat(filepath.Join(r.Tree, filepath.FromSlash(entry)))
	if err != nil || r.Runtime == manifest.RuntimeFiles && !st.IsDir() || r.Runtime != manifest.RuntimeFiles && !st.Mode().IsRegular() {
		return fmt.Errorf("the package lacks its entry %s", entry)
	}
	return nil
}

// Commit makes the staged records the active generation and ends the transaction.
// On an error the old generation stays active.
func (t *Tx) Commit(l resolve.Lock, why string) (*Generation, error) {
	if t.lock == nil {
		return nil, ErrDone
	}
	defer t.Abort()
	g := t.Staged(l)
	g.Why = why
	if g.Records == nil {
		g.Records = []Record{}
	}
	if err := t.d.write(g); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return g, nil
}

// Abort ends the transaction without a new generation. After Commit it does
// nothing, so it may be deferred.
func (t *Tx) Abort() error {
	if t.lock == nil {
		return nil
	}
	lock := t.lock
	t.lock = nil
	err := durable.RemoveAll(filepath.Join(t.d.store, "staging"))
	if isMissing(err) {
		err = nil
	}
	return errors.Join(err, lock.Unlock())
}
