package plugcobra

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
)

// DefaultLock is the lock file of the commands lock and sync.
const DefaultLock = "plugins.lock"

func (u user) lock() *cobra.Command {
	var f changeFlags
	var check, upgrade, merge bool
	var platforms []string
	c := &cobra.Command{
		Use: "lock [NAME[@RANGE]…]", Short: "Write the lock file without installing anything",
		Long: "Write the lock file: what was asked for, and which versions that comes to, for all its platforms. Nothing is downloaded but index documents, and nothing is installed. " +
			"Names are added to what the file asks for; without a file it starts from what is installed.\n\nEffect: writes the lock file.",
		RunE: u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
			ch, err := f.change(args, makeInstall)
			if err == nil {
				ch.Platforms, err = parsePlatforms(platforms)
			}
			if err != nil {
				return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
			}
			ch.UpdateAll = upgrade
			switch {
			case check:
				return checkLock(h, ch)
			case merge:
				p, err := h.MergeLock(c.Context(), ch)
				return wroteLock(p, f.lock, true), err
			}
			p, err := h.WriteLock(c.Context(), ch)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return wroteLock(p, f.lock, p.Writes()), nil
		}),
	}
	cmdline.Examples(c, "acme/hello@^1", "--check", "--platform darwin/arm64 --platform linux/arm64", "--merge")
	f.addSolving(c)
	f.addOffline(c)
	c.Flags().StringVar(&f.lock, "lock", DefaultLock, "the lock file")
	c.Flags().BoolVar(&check, "check", false, "only check that the file fits this application and platform; needs no network")
	c.Flags().BoolVar(&upgrade, "upgrade", false, "choose the newest versions that fit")
	c.Flags().BoolVar(&merge, "merge", false, "solve the conflict that a merge left in the file")
	c.Flags().StringArrayVar(&platforms, "platform", nil, "a platform that the lock is for from now on, as OS/ARCH; may be repeated")
	c.MarkFlagsMutuallyExclusive("check", "upgrade", "merge")
	return c
}

func parsePlatforms(list []string) ([]manifest.Platform, error) {
	var out []manifest.Platform
	for _, s := range list {
		p, err := manifest.ParsePlatform(s)
		if err != nil {
			return nil, fmt.Errorf("--platform: %w", err)
		}
		out = append(out, p)
	}
	return out, nil
}

func checkLock(h *plugstead.Host, ch plugstead.Change) (cmdline.Outcome, error) {
	l, err := update.ReadLock(ch.LockFile)
	if err != nil {
		return cmdline.Outcome{}, err
	}
	if len(ch.Install) > 0 {
		err = errors.Join(l.Check(h.Facts(), l.With(ch.Install...))...)
	} else {
		err = errors.Join(l.Check(h.Facts(), nil)...)
	}
	if err != nil {
		return cmdline.Outcome{}, fmt.Errorf("%s: %w", ch.LockFile, err)
	}
	return cmdline.Outcome{Result: map[string]any{"plugins": len(l.Plugins)}, Text: func(w io.Writer) {
		fmt.Fprintf(w, "%s fits: %d plugins\n", ch.LockFile, len(l.Plugins))
	}}, nil
}

func wroteLock(p *plugstead.Plan, file string, changed bool) cmdline.Outcome {
	if p == nil {
		return cmdline.Outcome{}
	}
	return cmdline.Outcome{Changed: changed, Result: map[string]any{"file": file, "plugins": len(p.Lock.Plugins)}, Text: func(w io.Writer) {
		verb := "wrote"
		if !changed {
			verb = "nothing to do in"
		}
		fmt.Fprintf(w, "%s %s: %d plugins for %d platforms\n", verb, file, len(p.Lock.Plugins), len(p.Lock.Platforms))
	}}
}

func (u user) sync() *cobra.Command {
	var f changeFlags
	c := &cobra.Command{
		Use: "sync", Short: "Install exactly what the lock file says",
		Long: "Make the installed set equal to the lock file, after a rollback or after somebody else has changed the file. Nothing is chosen anew.\n\nEffect: changes the installed set.",
		Args: cmdline.Args(cobra.NoArgs),
		RunE: u.change(&f, func([]string, *changeFlags) (ch plugstead.Change, err error) { return ch, nil }),
	}
	f.add(c)
	f.addRetry(c)
	c.Flags().Lookup("lock").DefValue = DefaultLock
	f.lock, f.frozen = DefaultLock, true
	return c
}
