package plugcobra

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
)

// turned is the JSON result of enable and disable.
type turned struct {
	Generation int           `json:"generation"`
	Disabled   []manifest.ID `json:"disabled"` // all that are
}

func (u user) enable() *cobra.Command {
	c := u.turn("enable", (*plugstead.Host).Enable)
	c.Short = "Start disabled plugins again"
	c.Long = "Start disabled plugins again. A running application that runs this command starts them at once, others when they start the next time. Needs no network.\n\nEffect: changes the installed set."
	return c
}

func (u user) disable() *cobra.Command {
	c := u.turn("disable", (*plugstead.Host).Disable)
	c.Short = "Keep installed plugins from being started"
	c.Long = "Keep installed plugins from being started until enable. They stay installed, and updates move them. Needs no network.\n\nEffect: changes the installed set."
	return c
}

func (u user) turn(verb string, do func(*plugstead.Host, context.Context, ...string) error) *cobra.Command {
	c := &cobra.Command{
		Use: verb + " NAME…", Args: cmdline.Args(cobra.MinimumNArgs(1)),
		RunE: u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
			for _, s := range args {
				if _, err := manifest.ParseID(s); err != nil {
					return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
				}
			}
			before, err := h.Installed()
			if err != nil {
				return cmdline.Outcome{}, err
			}
			if err := do(h, c.Context(), args...); err != nil {
				return cmdline.Outcome{}, err
			}
			after, err := h.Installed()
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return turnedTo(verb, args, before, after, cmdline.Again(c, "rollback")), nil
		}),
	}
	cmdline.Examples(c, "acme/hello")
	return c
}

func turnedTo(verb string, args []string, before, after *plugstead.Generation, undo string) cmdline.Outcome {
	change := !slices.Equal(before.Disabled, after.Disabled)
	return cmdline.Outcome{
		Changed: change, Result: turned{after.Number, append([]manifest.ID{}, after.Disabled...)},
		Text: func(w io.Writer) {
			if !change {
				fmt.Fprintln(w, "nothing to do")
				return
			}
			fmt.Fprintf(w, "%sd %s\ngeneration %d; undo with: %s\n", verb, strings.Join(args, ", "), after.Number, undo)
		},
	}
}
