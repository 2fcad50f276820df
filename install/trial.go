package install

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
)

// Trial is the mark of a process that runs a generation which is not known to run well.
// The process holds a lock on it, so that one whose process is gone can be told from one
// whose process runs. Marks are not synced to the disk: a power cut is nobody's fault.
type Trial struct {
	d    *Dir
	path string
	lock *filelock.Lock // nil: it ended
}

func (d *Dir) trialPath(name string) string { return filepath.Join(d.path, "trials", name) }

// Proven returns the number of the newest generation that a host ran long enough, or 0 if
// none is known.
func (d *Dir) Proven() int {
	b, err := os.ReadFile(d.trialPath("proven"))
	if err != nil || len(b) > 20 {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 0 || n > maxNumber {
		return 0
	}
	return n
}

// Prove remembers that generation n runs well, and forgets the marks of processes that
// ended in it or in an older one.
func (d *Dir) Prove(ctx context.Context, n int) error {
	unlock, err := d.lockTrials(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	err = d.deadTrials(func(of int) bool { return of <= n })
	return errors.Join(err, durable.WriteCache(d.trialPath("proven"), []byte(strconv.Itoa(n)+"\n"), 0o644))
}

// BeginTrial marks that this process runs generation n. The caller ends with [Trial.End].
func (d *Dir) BeginTrial(ctx context.Context, n int) (*Trial, error) {
	unlock, err := d.lockTrials(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := d.deadTrials(func(of int) bool { return of < n }); err != nil {
		return nil, err
	}
	path := d.trialPath(fmt.Sprintf("%08d-%s", n, rand.Text()))
	if err := durable.WriteCache(path, nil, 0o644); err != nil {
		return nil, err
	}
	lock, err := filelock.ExclusiveExisting(path)
	if err != nil {
		return nil, errors.Join(err, durable.Remove(path))
	}
	return &Trial{d, path, lock}, nil
}

// End removes the mark: the process did not end while it stood. A second call does
// nothing.
func (t *Trial) End(ctx context.Context) error {
	if t == nil || t.lock == nil {
		return nil
	}
	unlock, err := t.d.lockTrials(ctx) // nobody sees it free and takes it for a dead one
	if err != nil {
		return err
	}
	defer unlock()
	lock := t.lock
	t.lock = nil
	return errors.Join(lock.Unlock(), durable.Remove(t.path))
}

// UncleanEnds returns how many processes ended while they had a mark of generation n: they
// were killed, crashed or left out to end in good order.
func (d *Dir) UncleanEnds(ctx context.Context, n int) (int, error) {
	if _, err := os.Stat(filepath.Join(d.path, "trials")); isMissing(err) {
		return 0, nil
	}
	unlock, err := d.lockTrials(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	count := 0
	err = d.deadTrials(func(of int) bool {
		if of == n {
			count++
		}
		return false
	})
	return count, err
}

// lockTrials takes the lock under which marks are made, looked at and removed.
func (d *Dir) lockTrials(ctx context.Context) (unlock func(), err error) {
	if err := durable.MkdirAll(filepath.Join(d.path, "trials"), 0o755); err != nil {
		return nil, err
	}
	lock, err := filelock.Exclusive(ctx, d.trialPath(".lock"))
	if err != nil {
		return nil, err
	}
	return func() { _ = lock.Unlock() }, nil // closing the file frees it in any case
}

// deadTrials asks about the marks whose processes are gone, by generation, and removes
// those for which the answer is yes.
func (d *Dir) deadTrials(remove func(generation int) bool) error {
	dir := filepath.Join(d.path, "trials")
	if err := durable.Sweep(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		number, _, ok := strings.Cut(e.Name(), "-")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || len(number) != 8 || n < 1 {
			continue // not ours
		}
		lock, err := filelock.ExclusiveExisting(d.trialPath(e.Name()))
		if errors.Is(err, ErrBusy) {
			continue // it runs
		}
		if err != nil {
			return err
		}
		gone := remove(n)
		if err := lock.Unlock(); err != nil {
			return err
		}
		if gone {
			if err := durable.Remove(d.trialPath(e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Before returns the generation to go back to from g: the valid one that precedes it, or
// what a host went back to by itself in g. It returns [ErrNoGeneration] if there is none.
func (d *Dir) Before(g *Generation) (*Generation, error) {
	n, err := d.before(g.Number)
	if err != nil {
		return nil, err
	}
	return d.Generation(n)
}
