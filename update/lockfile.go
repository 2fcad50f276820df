package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/resolve"
)

// ReadLock reads a lock file. A file that is not there is an empty lock. Errors are
// those of [resolve.ParseLock], wrapped with the path.
func ReadLock(path string) (*resolve.Lock, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &resolve.Lock{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, resolve.MaxLock+1))
	if err != nil {
		return nil, err
	}
	l, err := resolve.ParseLock(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// WriteLock replaces a lock file. It refuses a lock that could not be read back.
func WriteLock(path string, l *resolve.Lock) error {
	b := l.Text()
	if _, err := resolve.ParseLock(b); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return durable.WriteFile(path, b, 0o644)
}

// WriteLock solves c and writes c.LockFile. It installs nothing.
func (u *Updater) WriteLock(ctx context.Context, c Change) (*Plan, error) {
	p, err := u.Plan(ctx, c)
	if err != nil || !p.Writes() {
		return p, err
	}
	return p, WriteLock(p.lockFile, &p.Lock)
}

// MergeLock takes the conflict of a merge in c.LockFile apart, solves the requests of
// both sides with the plugins of both preferred, the newer version of one that both have,
// and writes the file. Which side is called ours makes no difference. It installs nothing.
func (u *Updater) MergeLock(ctx context.Context, c Change) (*Plan, error) {
	b, err := os.ReadFile(c.LockFile)
	if err != nil {
		return nil, err
	}
	ours, theirs, err := resolve.MergeLocks(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.LockFile, err)
	}
	g, err := u.Dir.Active()
	if err != nil {
		return nil, err
	}
	u.locate(&g.Lock)
	from := join(ours, theirs)
	p := &Plan{base: g, why: "merge", whole: u.Dir.HasTree, Requests: from.Requests}
	c.Rules.Downgrade = true // one of two versions is the older one
	ix := u.openIndex(ctx, c)
	defer ix.Close()
	if err := u.solve(ctx, ix, p, from, c); err != nil {
		return nil, err
	}
	if err := u.finish(p); err != nil {
		return nil, err
	}
	return p, WriteLock(c.LockFile, &p.Lock)
}

// frozen plans exactly what a lock says.
func (u *Updater) frozen(p *Plan, l *resolve.Lock) (err error) {
	if err := errors.Join(l.Check(u.Host, p.Requests)...); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	p.Lock = *l
	p.Lock.Plugins = slices.Clone(l.Plugins) // grants may come
	p.solution, err = l.Solution(u.Host)
	return err
}

// Differs reports whether a lock file and the installed set hold different plugins or
// requests, after a rollback for example.
func (u *Updater) Differs(path string) (bool, error) {
	g, err := u.Dir.Active()
	if err != nil {
		return false, err
	}
	l, err := ReadLock(path)
	if err != nil {
		return false, err
	}
	return string(l.Text()) != string(g.Lock.Text()), nil
}
