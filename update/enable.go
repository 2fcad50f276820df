package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
)

// ErrDisabled says that somebody turned a plugin off; see [Updater.Disable].
var ErrDisabled = errors.New("disabled")

// NeededError says that plugins which are enabled require one that shall go or be
// disabled. It is [ErrNeeded].
type NeededError struct {
	Do string // "uninstall" or "disable"
	ID manifest.ID
	By []manifest.ID // in the order of the lock
}

// Error implements error.
func (e *NeededError) Error() string {
	return fmt.Sprintf("%s %s: %s: %s", e.Do, e.ID, ErrNeeded, strings.Join(words(e.By), ", "))
}

// Is makes errors.Is find [ErrNeeded].
func (e *NeededError) Is(target error) bool { return target == ErrNeeded }

// NeedsDisabledError says that a plugin cannot be enabled because what it requires is
// disabled. It is [ErrDisabled].
type NeedsDisabledError struct {
	ID    manifest.ID
	Needs manifest.ID
}

// Error implements error.
func (e *NeedsDisabledError) Error() string {
	return fmt.Sprintf("enable %s: it requires %s, which is disabled", e.ID, e.Needs)
}

// Is makes errors.Is find [ErrDisabled].
func (e *NeedsDisabledError) Is(target error) bool { return target == ErrDisabled }

// Disable keeps installed plugins from being started until [Updater.Enable]. They stay
// installed and locked, updates move them, and running ones are stopped. It makes a
// generation, which it returns, so a rollback undoes it; the active one if there is nothing
// to do. It touches no network. It returns [ErrNotInstalled], and a [*NeededError] if an
// enabled plugin requires one of them and no other one serves it.
func (u *Updater) Disable(ctx context.Context, ids ...manifest.ID) (*install.Generation, error) {
	return u.turnTo(ctx, "disable", ids, func(g *install.Generation) ([]manifest.ID, error) {
		off := slices.Concat(g.Disabled, ids)
		return off, u.checkDisable(g, ids, off)
	})
}

// Enable undoes [Updater.Disable]: running hosts of this process start the plugins at
// once, others at their next start. It returns [ErrNotInstalled], and a
// [*NeedsDisabledError] if one of them requires a plugin that stays disabled.
func (u *Updater) Enable(ctx context.Context, ids ...manifest.ID) (*install.Generation, error) {
	return u.turnTo(ctx, "enable", ids, func(g *install.Generation) ([]manifest.ID, error) {
		off := slices.DeleteFunc(slices.Clone(g.Disabled), func(id manifest.ID) bool { return slices.Contains(ids, id) })
		return off, u.checkEnable(g, ids, off)
	})
}

// turnTo makes a generation with the same plugins of which others are disabled.
func (u *Updater) turnTo(ctx context.Context, verb string, ids []manifest.ID, next func(*install.Generation) ([]manifest.ID, error)) (*install.Generation, error) {
	tx, done, err := u.begin(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer done()
	defer tx.Abort()
	base := tx.Base
	for _, id := range ids {
		if _, ok := base.Find(id); !ok {
			return nil, fmt.Errorf("%s %s: %w", verb, id, ErrNotInstalled)
		}
	}
	off, err := next(base)
	if err != nil {
		return nil, err
	}
	slices.Sort(off)
	if off = slices.Compact(off); slices.Equal(off, base.Disabled) {
		return base, nil
	}
	for _, r := range base.Records {
		tx.Keep(r)
	}
	tx.SetDisabled(off)
	g, err := tx.Commit(base.Lock, verb+" "+strings.Join(words(ids), " "))
	if err != nil {
		return nil, err
	}
	return u.swap(ctx, base, g)
}

// checkDisable makes sure that nobody who stays enabled is left alone.
func (u *Updater) checkDisable(g *install.Generation, ids, off []manifest.ID) error {
	var refused *NeededError
	for i := range g.Lock.Plugins {
		l := &g.Lock.Plugins[i]
		if slices.Contains(off, l.ID) {
			continue
		}
		_, before := u.alone(&g.Lock, l, asides(g.Disabled))
		need, after := u.alone(&g.Lock, l, asides(off))
		if !slices.Contains(ids, need) && len(ids) > 0 {
			need = ids[0] // one of several that would do, or what stands in for a name
		}
		switch {
		case before || !after:
		case refused == nil:
			refused = &NeededError{"disable", need, []manifest.ID{l.ID}}
		case refused.ID == need:
			refused.By = append(refused.By, l.ID)
		}
	}
	if refused == nil {
		return nil
	}
	return refused
}

func (u *Updater) checkEnable(g *install.Generation, ids, off []manifest.ID) error {
	for _, id := range ids {
		l, _ := g.Lock.Find(id)
		if need, alone := u.alone(&g.Lock, &l, asides(off)); alone {
			return &NeedsDisabledError{id, need}
		}
	}
	return nil
}

func asides(ids []manifest.ID) (out []Aside) {
	for _, id := range ids {
		out = append(out, Aside{ID: id})
	}
	return out
}
