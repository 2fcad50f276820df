package plugcobra

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

func (u user) pin() *cobra.Command {
	var f changeFlags
	c := &cobra.Command{
		Use: "pin NAME[@VERSION]…", Short: "Keep plugins at a version",
		Long: "Keep plugins at a version, the installed one if none is given, until unpin. What others require of them does not change that.\n\nEffect: changes the installed set.",
		Args: cmdline.Args(cobra.MinimumNArgs(1)),
	}
	c.RunE = u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
		g, err := h.Installed()
		if err != nil {
			return cmdline.Outcome{}, err
		}
		return u.run(c, h, &f, args, func(args []string, _ *changeFlags) (ch plugstead.Change, err error) {
			ch.Pin, err = pins(args, &g.Lock)
			return ch, err
		})
	})
	cmdline.Examples(c, "acme/hello", "acme/hello@1.2.0")
	f.add(c)
	c.Flags().BoolVar(&f.downgrade, "allow-downgrade", false, "let the plugin become older")
	return c
}

// pins reads NAME@VERSION, or NAME for the version in l.
func pins(args []string, l *resolve.Lock) ([]resolve.Pin, error) {
	var out []resolve.Pin
	for _, s := range args {
		name, text, given := strings.Cut(s, "@")
		id, err := manifest.ParseID(name)
		if err != nil {
			return nil, err
		}
		p := resolve.Pin{ID: id}
		if given {
			if p.Version, err = version.Parse(strings.TrimPrefix(text, "=")); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		} else {
			have, _ := l.Find(id) // what is not installed is refused by the change
			p.Version = have.Version
		}
		out = append(out, p)
	}
	return out, nil
}

func (u user) unpin() *cobra.Command {
	var f changeFlags
	c := &cobra.Command{
		Use: "unpin NAME…", Short: "Let pinned plugins move again",
		Long: "Let pinned plugins move again. They stay at their version until the next update.\n\nEffect: changes the installed set.",
		Args: cmdline.Args(cobra.MinimumNArgs(1)),
		RunE: u.change(&f, func(args []string, _ *changeFlags) (ch plugstead.Change, err error) {
			ch.Unpin, err = ids(args)
			return ch, err
		}),
	}
	f.add(c)
	return c
}
