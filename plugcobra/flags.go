package plugcobra

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/config/schema"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
)

// changeFlags are the flags of every verb that changes the installed set. Those of
// [changeFlags.addSolving] and [changeFlags.addStep] belong to some verbs only.
type changeFlags struct {
	dryRun bool
	wait   time.Duration
	lock   string
	frozen bool

	allow, config        []string
	offline, retry       bool
	pre, downgrade       bool
	asOf, minAge         string
	patch, minor, latest bool
}

func (f *changeFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would change and change nothing")
	c.Flags().DurationVar(&f.wait, "wait", 30*time.Second, "how long to wait for another process that changes plugins")
	f.addLock(c)
	f.addAllow(c)
}

func (f *changeFlags) addLock(c *cobra.Command) {
	c.Flags().StringVar(&f.lock, "lock", "", "lock file that is read first and written last, for example plugins.lock")
	f.addOffline(c)
}

func (f *changeFlags) addOffline(c *cobra.Command) {
	c.Flags().BoolVar(&f.offline, "offline", false, "use no network: only what is here already, however old")
}

func (f *changeFlags) addFrozen(c *cobra.Command) {
	c.Flags().BoolVar(&f.frozen, "frozen", false, "install exactly what the lock says, or fail; choose nothing and write no lock")
}

// addSolving adds what may be chosen.
func (f *changeFlags) addSolving(c *cobra.Command) {
	c.Flags().BoolVar(&f.pre, "pre", false, "take pre-releases as well")
	c.Flags().BoolVar(&f.downgrade, "allow-downgrade", false, "let installed plugins become older if nothing else fits")
	c.Flags().StringVar(&f.asOf, "as-of", "", "choose as if it were this day (2026-01-31) or instant (RFC 3339)")
	c.Flags().StringVar(&f.minAge, "min-age", "", "choose nothing that was published more recently, for example 7d or 12h")
}

func (f *changeFlags) addRetry(c *cobra.Command) {
	c.Flags().BoolVar(&f.retry, "retry", false, "try releases again that did not start before")
}

// addAllow adds what plugins are granted.
func (f *changeFlags) addAllow(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.allow, "allow", nil, "grant a capability that a plugin asks for: CAPABILITY, or NAME:CAPABILITY if several ask; repeatable")
}

// addConfig adds what plugins are configured with in the same change.
func (f *changeFlags) addConfig(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.config, "config", nil, "configure a plugin with a JSON file: FILE, or NAME=FILE if several are named; repeatable")
}

// configs reads the flags of addConfig. only is the plugin that is meant without a name, or "".
func (f *changeFlags) configs(only manifest.ID) (map[manifest.ID]string, error) {
	out := map[manifest.ID]string{}
	for _, s := range f.config {
		id, file := only, s
		if name, rest, ok := strings.Cut(s, "="); ok {
			if parsed, err := manifest.ParseID(name); err == nil {
				id, file = parsed, rest
			}
		}
		if id == "" {
			return nil, fmt.Errorf("--config %.200s: say whose it is: NAME=FILE", s)
		}
		b, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("--config: %w", err)
		}
		if len(b) > config.MaxSize {
			return nil, fmt.Errorf("--config: %s: more than %d bytes", file, config.MaxSize)
		}
		out[id] = string(b)
	}
	return out, nil
}

// onlyOne returns the plugin that ch is about, "" if there are several.
func onlyOne(ch plugstead.Change) manifest.ID {
	all := slices.Clone(ch.Update)
	for _, w := range ch.Install {
		all = append(all, w.ID)
	}
	if len(all) != 1 {
		return ""
	}
	return all[0]
}

// allowed reads the flags of addAllow.
func (f *changeFlags) allowed() (out []update.Allow, err error) {
	for _, s := range f.allow {
		a, err := update.ParseAllow(s)
		if err != nil {
			return nil, fmt.Errorf("--%w", err)
		}
		out = append(out, a)
	}
	return out, nil
}

// addStep adds how far an update may go.
func (f *changeFlags) addStep(c *cobra.Command) {
	c.Flags().BoolVar(&f.patch, "patch", false, "change the last number of versions only")
	c.Flags().BoolVar(&f.minor, "minor", false, "keep the first number of versions")
	c.Flags().BoolVar(&f.latest, "latest", false, "go beyond the ranges that were asked for, and widen them")
	c.MarkFlagsMutuallyExclusive("patch", "minor", "latest")
}

// change makes the change that arguments and flags mean.
func (f *changeFlags) change(args []string, make makeChange) (plugstead.Change, error) {
	ch, err := make(args, f)
	if err != nil {
		return ch, err
	}
	ch.LockFile, ch.Frozen, ch.Latest, ch.Offline, ch.Retry = f.lock, f.frozen, f.latest, f.offline, f.retry
	if ch.Allow, err = f.allowed(); err != nil {
		return ch, err
	}
	ch.CheckConfig = schema.Check
	if ch.Config, err = f.configs(onlyOne(ch)); err != nil {
		return ch, err
	}
	ch.Rules, err = f.rules(time.Now())
	ch.Rules.Pre = f.pre && (ch.UpdateAll || len(ch.Update) > 0) // a wish says it for itself
	return ch, err
}

// rules returns what the flags say of the choice.
func (f *changeFlags) rules(now time.Time) (r resolve.Rules, err error) {
	r.Downgrade, r.Now = f.downgrade, now
	switch {
	case f.patch:
		r.Step = resolve.Patch
	case f.minor:
		r.Step = resolve.Minor
	}
	if f.asOf != "" {
		if r.AsOf, err = parseTime(f.asOf); err != nil {
			return r, fmt.Errorf("--as-of %q: want a day such as 2026-01-31 or an instant such as 2026-01-31T12:00:00Z", f.asOf)
		}
	}
	if f.minAge != "" {
		if r.MinAge, err = parseAge(f.minAge); err != nil {
			return r, fmt.Errorf("--min-age %q: want a number with its unit, for example 7d, 12h or 30m", f.minAge)
		}
	}
	return r, nil
}

// parseTime reads an instant, or a day, which means its end.
func parseTime(s string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Second), nil
	}
	return time.Parse(time.RFC3339, s)
}

// parseAge reads a Go duration, or days.
func parseAge(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = strconv.ErrRange
	}
	return d, err
}
