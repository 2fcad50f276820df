package update

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// PathPrefix stands before the folder where a command takes a development override in the
// place of a plugin.
const PathPrefix = "path:"

var (
	// ErrOverrideFolder says that the folder of a development override cannot be used.
	ErrOverrideFolder = errors.New("unusable folder")
	// ErrOverridden says that a development override is in the way of a change that wants
	// a set of plugins which others get, too.
	ErrOverridden = errors.New("a development override is active")
)

// OverrideError says why a development override does not start. It wraps the cause: a
// resolve.HostRangeError, PointError, PlatformError, ClashError or CycleError, an
// [*UnmetError], manifest.Errors, publish.ErrNoManifest or [ErrOverrideFolder] for example.
type OverrideError struct {
	ID  manifest.ID
	Dir string
	Err error
}

// Error names the folder.
func (e *OverrideError) Error() string {
	return fmt.Sprintf("%s%s (%s): %v", PathPrefix, e.Dir, e.ID, e.Err)
}

// Unwrap returns the cause.
func (e *OverrideError) Unwrap() error { return e.Err }

// UnmetError says that what a plugin requires is not among the plugins that are installed
// and not overridden, or not in its range.
type UnmetError struct {
	By   string        // "namespace/name version"
	Need manifest.Need // the first one of several that would do
	Have version.Version
}

// Error names who needs what, and what there is.
func (e *UnmetError) Error() string {
	want := resolve.Wish{ID: e.Need.ID, Range: e.Need.Range}
	if e.Have.IsZero() {
		return fmt.Sprintf("%s requires %s, which is not installed", e.By, want)
	}
	return fmt.Sprintf("%s requires %s, and there is %s", e.By, want, e.Have)
}

// OverriddenError is [ErrOverridden] with its facts.
type OverriddenError struct {
	Do  string             // what was refused: "--frozen" or "CI"
	Are []install.Override // empty: one was to be made
}

// Error names the plugins that are overridden.
func (e *OverriddenError) Error() string {
	why := "where CI is set"
	if e.Do != "CI" {
		why = "with " + e.Do
	}
	if len(e.Are) == 0 {
		return "a development override is refused " + why
	}
	var names []string
	for _, o := range e.Are {
		names = append(names, fmt.Sprintf("%s by %s%s", o.ID, PathPrefix, o.Dir))
	}
	return fmt.Sprintf("refused %s: overridden is %s", why, strings.Join(names, ", "))
}

// Is makes errors.Is find [ErrOverridden].
func (e *OverriddenError) Is(target error) bool { return target == ErrOverridden }

// Override makes plugin folders, each with a plugin.yaml, run in place of the installed
// plugins of their ids, or besides what is installed. The folder is read again at every
// start and at every change of the installed set; nothing is copied, resolved or locked.
// An override whose needs the installed set does not meet does not start, see
// [Updater.Overrides]; nor does one that fails, and no health gate goes back because of it.
//
// It makes a generation, which it returns, so a rollback undoes it; the active one if there
// is nothing to do. It waits at most so long for another process, then fails with
// install.ErrBusy; 0 waits as long as ctx. It returns [ErrOverrideFolder],
// publish.ErrNoManifest, or manifest.Errors for a folder that is no plugin, and
// resolve.ErrLinked for a plugin that is part of the program.
func (u *Updater) Override(ctx context.Context, wait time.Duration, dirs ...string) (*install.Generation, error) {
	var list []install.Override
	for _, dir := range dirs {
		o, err := u.overrideOf(dir)
		if err != nil {
			return nil, fmt.Errorf("override %s%s: %w", PathPrefix, dir, err)
		}
		list = append(list, o)
	}
	return u.overrideTo(ctx, wait, func(g *install.Generation) ([]install.Override, string, error) {
		out := slices.DeleteFunc(slices.Clone(g.Overrides), func(old install.Override) bool {
			return slices.ContainsFunc(list, func(o install.Override) bool { return o.ID == old.ID || o.Dir == old.Dir })
		})
		var names []string
		for i, o := range list {
			if slices.ContainsFunc(list[:i], func(x install.Override) bool { return x.ID == o.ID }) {
				return nil, "", fmt.Errorf("override %s: two folders: %w", o.ID, ErrOverrideFolder)
			}
			names = append(names, fmt.Sprintf("%s by %s%s", o.ID, PathPrefix, o.Dir))
		}
		return append(out, list...), "override " + strings.Join(names, ", "), nil
	})
}

// overrideOf reads the id of a plugin folder.
func (u *Updater) overrideOf(dir string) (o install.Override, err error) {
	if o.Dir, err = filepath.Abs(dir); err != nil {
		return o, err
	}
	root, err := openDev(o.Dir)
	if err != nil {
		return o, err
	}
	defer root.Close()
	m, err := publish.Load(root)
	if err != nil {
		return o, err
	}
	if slices.Contains(u.Host.Linked, m.ID) {
		return o, fmt.Errorf("%s: %w", m.ID, resolve.ErrLinked)
	}
	o.ID = m.ID
	return o, nil
}

// RemoveOverrides ends overrides, each named by the id of its plugin or by [PathPrefix] and
// its folder: what is installed runs again. It makes a generation, which it returns. It
// waits like [Updater.Override], and returns [ErrNotInstalled] for what is not overridden.
func (u *Updater) RemoveOverrides(ctx context.Context, wait time.Duration, names ...string) (*install.Generation, error) {
	return u.overrideTo(ctx, wait, func(g *install.Generation) ([]install.Override, string, error) {
		out := slices.Clone(g.Overrides)
		var gone []string
		for _, name := range names {
			o, ok := FindOverride(g, name)
			if !ok {
				return nil, "", fmt.Errorf("override %s: %w", name, ErrNotInstalled)
			}
			out = slices.DeleteFunc(out, func(x install.Override) bool { return x == o })
			gone = append(gone, string(o.ID))
		}
		return out, "end override of " + strings.Join(gone, " "), nil
	})
}

// FindOverride finds the override that name means: the id of its plugin, or [PathPrefix]
// and its folder.
func FindOverride(g *install.Generation, name string) (install.Override, bool) {
	dir, isPath := strings.CutPrefix(name, PathPrefix)
	if !isPath {
		return g.Override(manifest.ID(name))
	}
	dir, err := filepath.Abs(dir)
	i := slices.IndexFunc(g.Overrides, func(o install.Override) bool { return o.Dir == dir })
	if err != nil || i < 0 {
		return install.Override{}, false
	}
	return g.Overrides[i], true
}

// overrideTo makes a generation with the same plugins and other overrides.
func (u *Updater) overrideTo(ctx context.Context, wait time.Duration, next func(*install.Generation) ([]install.Override, string, error)) (*install.Generation, error) {
	tx, done, err := u.begin(ctx, wait)
	if err != nil {
		return nil, err
	}
	defer done()
	defer tx.Abort()
	base := tx.Base
	list, why, err := next(base)
	if err != nil {
		return nil, err
	}
	for _, r := range base.Records {
		tx.Keep(r)
	}
	if err := tx.SetOverrides(list); err != nil {
		return nil, err
	}
	if slices.Equal(tx.Staged(base.Lock).Overrides, base.Overrides) {
		return base, nil
	}
	g, err := tx.Commit(base.Lock, why)
	if err != nil {
		return nil, err
	}
	return u.swap(ctx, base, g)
}
