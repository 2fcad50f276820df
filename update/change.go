package update

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// Change is what somebody wants to be different.
type Change struct {
	Install   []resolve.Wish
	Uninstall []manifest.ID
	Update    []manifest.ID // move these to the newest version that fits
	UpdateAll bool          // move everything
	// Latest lets Update and UpdateAll leave the ranges of requests, which then become
	// "^" of the version that was chosen.
	Latest bool

	Pin   []resolve.Pin // from now on
	Unpin []manifest.ID
	// Platforms are what the lock is for from now on, besides this one.
	Platforms []manifest.Platform
	// Allow is what plugins are granted from now on, of what they ask for.
	Allow []Allow
	// Config gives plugins that are installed after the change configurations, as
	// [Updater.Configure] does, in the same generation: a release may not start without.
	Config map[manifest.ID]string
	// CheckConfig says what is wrong with a configuration for a release, in place of
	// [Updater.CheckConfig]. Nil: that does.
	CheckConfig func(m *manifest.Manifest, text string) error
	// Rules hold for this change only. Its pins are those of the lock and of Pin.
	Rules resolve.Rules

	// LockFile is the project copy of the lock. If there is a file it is what the
	// change starts from, and what is there after the change is written to it. "":
	// the installed set alone counts.
	LockFile string
	// Frozen installs exactly the lock of LockFile, or of the installed set: nothing
	// is solved and no file is written.
	Frozen bool
	// Retry lets releases be chosen that were installed before and did not start.
	Retry bool
	// Offline asks no source across a network: documents come from the cache, however
	// old, and artifacts must be in the store. What is missing is fetch.ErrOffline.
	Offline bool
	// Events tell what goes on in this change, besides those of the updater, which are told
	// first.
	Events Events
}

// String says what c is, for the history.
func (c Change) String() string {
	var parts []string
	add := func(verb string, names []string) {
		if len(names) > 0 {
			parts = append(parts, verb+" "+strings.Join(names, " "))
		}
	}
	add("install", words(c.Install))
	add("uninstall", words(c.Uninstall))
	add("update", words(c.Update))
	if c.UpdateAll {
		parts = append(parts, "update")
	}
	for _, p := range c.Pin {
		parts = append(parts, fmt.Sprintf("pin %s@%s", p.ID, p.Version))
	}
	add("unpin", words(c.Unpin))
	add("for platform", words(c.Platforms))
	if len(parts) > 0 {
		add("allow", words(c.Allow))
	}
	if c.Frozen || len(parts) == 0 {
		parts = append(parts, "sync")
	}
	return strings.Join(parts, ", ")
}

func words[T any](list []T) []string {
	var out []string
	for _, x := range list {
		out = append(out, fmt.Sprint(x))
	}
	return out
}

// moves lists the plugins that c lets move: what is asked for by name, too.
func (c Change) moves() []manifest.ID {
	out := slices.Clone(c.Update)
	for _, w := range c.Install {
		out = append(out, w.ID)
	}
	for _, p := range c.Pin {
		out = append(out, p.ID)
	}
	return out
}

// requests returns what is asked for after c.
func (c Change) requests(l *resolve.Lock) []resolve.Wish {
	return (&resolve.Lock{Requests: l.Without(c.Uninstall...)}).With(c.Install...)
}

// pins returns what is pinned after c, sorted by id.
func (c Change) pins(l *resolve.Lock) []resolve.Pin {
	out := slices.DeleteFunc(slices.Clone(l.Pins), func(p resolve.Pin) bool {
		return slices.Contains(c.Unpin, p.ID) || slices.Contains(c.Uninstall, p.ID) ||
			slices.ContainsFunc(c.Pin, func(q resolve.Pin) bool { return q.ID == p.ID })
	})
	out = append(out, c.Pin...)
	slices.SortFunc(out, func(a, b resolve.Pin) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out
}

// platforms returns what the lock is for after c, sorted.
func (c Change) platforms(l *resolve.Lock, here manifest.Platform) []manifest.Platform {
	if here != (manifest.Platform{}) {
		c.Platforms = append(slices.Clone(c.Platforms), here)
	}
	return c.platformsOf(l)
}

// platformsOf returns the platforms of l and c, sorted.
func (c Change) platformsOf(l *resolve.Lock) []manifest.Platform {
	out := slices.Concat(l.Platforms, c.Platforms)
	slices.SortFunc(out, func(a, b manifest.Platform) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(out)
}

// check refuses changes of what is not there.
func check(l *resolve.Lock, c Change) error {
	for _, id := range slices.Concat(c.Update, c.Unpin) {
		if _, ok := l.Find(id); !ok {
			return fmt.Errorf("update %s: %w", id, ErrNotInstalled)
		}
	}
	for _, p := range c.Pin {
		if _, ok := l.Find(p.ID); !ok {
			return fmt.Errorf("pin %s: %w", p.ID, ErrNotInstalled)
		}
	}
	for _, id := range c.Uninstall {
		if _, ok := l.Find(id); !ok {
			return fmt.Errorf("uninstall %s: %w", id, ErrNotInstalled)
		}
		if by := neededBy(l, id, c.Uninstall); len(by) > 0 {
			return &NeededError{"uninstall", id, by}
		}
	}
	return nil
}

// neededBy lists the plugins of l that require id and are not among going.
func neededBy(l *resolve.Lock, id manifest.ID, going []manifest.ID) []manifest.ID {
	var out []manifest.ID
	for _, p := range l.Plugins {
		if slices.Contains(going, p.ID) {
			continue
		}
		if slices.ContainsFunc(p.Requires, func(n manifest.Need) bool { return n.ID == id && !n.Optional }) {
			out = append(out, p.ID)
		}
	}
	return out
}

// base is the lock that a change starts from: that of the file, or of the installed
// set if there is no file.
func base(g *install.Generation, c Change) (*resolve.Lock, error) {
	if c.LockFile == "" {
		return &g.Lock, nil
	}
	if _, err := os.Stat(c.LockFile); errors.Is(err, fs.ErrNotExist) && !c.Frozen {
		return &g.Lock, nil
	} else if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return ReadLock(c.LockFile)
}
