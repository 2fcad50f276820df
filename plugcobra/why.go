package plugcobra

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

func (u user) why() *cobra.Command {
	return &cobra.Command{
		Use: "why NAME", Short: "Show why a plugin is installed",
		Long: "Show the shortest ways from what was asked for to an installed plugin. Needs no network.\n\nEffect: read-only.",
		Args: cmdline.Args(cobra.ExactArgs(1)),
		RunE: u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
			list, err := ids(args)
			if err != nil {
				return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
			}
			g, err := h.Installed()
			if err != nil {
				return cmdline.Outcome{}, err
			}
			paths, err := update.Why(&g.Lock, list[0])
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return cmdline.Outcome{Result: map[string]any{"plugin": list[0], "paths": paths}, Text: func(w io.Writer) {
				for _, p := range paths {
					fmt.Fprintln(w, path(&g.Lock, p))
				}
				if len(paths) == 0 {
					fmt.Fprintf(w, "nobody needs %s\n", list[0])
				}
			}}, nil
		}),
	}
}

// path writes a way from a request to a plugin, with what each asks of the next.
func path(l *resolve.Lock, ids []manifest.ID) string {
	var b strings.Builder
	b.WriteString("you asked for ")
	for i, id := range ids {
		have, _ := l.Find(id)
		if i > 0 {
			by, _ := l.Find(ids[i-1])
			n := slices.IndexFunc(by.Requires, func(n manifest.Need) bool { return n.ID == id })
			b.WriteString(", which requires ")
			if n >= 0 {
				fmt.Fprintf(&b, "%s %s (", id, by.Requires[n].Range)
			} else {
				fmt.Fprintf(&b, "%s (", id)
			}
			fmt.Fprintf(&b, "%s)", have.Version)
			continue
		}
		w := slices.IndexFunc(l.Requests, func(w resolve.Wish) bool { return w.ID == id })
		if w >= 0 && !l.Requests[w].Range.IsAny() {
			fmt.Fprintf(&b, "%s %s (%s)", id, l.Requests[w].Range, have.Version)
		} else {
			fmt.Fprintf(&b, "%s (%s)", id, have.Version)
		}
	}
	return b.String()
}

func (u user) whyNot() *cobra.Command {
	var f changeFlags
	c := &cobra.Command{
		Use: "why-not NAME[@RANGE]", Short: "Show what keeps a version of a plugin away",
		Long: "Show what keeps a plugin from being installed in a range of versions, together with all that is installed.\n\nEffect: read-only.",
		Args: cmdline.Args(cobra.ExactArgs(1)),
		RunE: u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
			ch, err := f.change(nil, func([]string, *changeFlags) (ch plugstead.Change, err error) { return ch, nil })
			var wish resolve.Wish
			if err == nil {
				wish, err = resolve.ParseWish(args[0])
			}
			if err != nil {
				return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
			}
			wish.Pre = f.pre
			p, failure, err := h.WhyNot(c.Context(), ch, wish)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return cmdline.Outcome{Result: map[string]any{"possible": failure == nil, "failure": failure, "plan": p}, Text: func(w io.Writer) {
				if failure != nil {
					fmt.Fprintln(w, failure)
					return
				}
				fmt.Fprintf(w, "nothing keeps it away: %s\n", cmdline.Again(c, "install "+quoted(wish.String())))
				showLines(w, p.Changes(), true)
			}}, nil
		}),
	}
	cmdline.Examples(c, "acme/hello@2.0.0")
	f.addLock(c)
	f.addSolving(c)
	return c
}

// quoted keeps a range from the shell.
func quoted(s string) string {
	if strings.ContainsAny(s, "<>|*^~= ") {
		return "'" + s + "'"
	}
	return s
}

func (u user) whatIf() *cobra.Command {
	var f changeFlags
	var host string
	c := &cobra.Command{
		Use: "what-if --host VERSION", Short: "Show what would change with another version of the application",
		Long: "Show what would have to change if the application had another version.\n\nEffect: read-only.",
		Args: cmdline.Args(cobra.NoArgs),
		RunE: u.with(func(c *cobra.Command, _ []string, h *plugstead.Host) (cmdline.Outcome, error) {
			v, err := version.Parse(host) // also refuses a missing one
			var ch plugstead.Change
			if err == nil {
				ch, err = f.change(nil, func([]string, *changeFlags) (ch plugstead.Change, err error) { return ch, nil })
			}
			if err != nil {
				return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "--host: %w", err)
			}
			p, err := h.WhatIf(c.Context(), ch, v)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return cmdline.Outcome{Result: map[string]any{"host": v, "lines": append([]update.Line{}, p.Changes()...)}, Text: func(w io.Writer) {
				if len(p.Changes()) == 0 {
					fmt.Fprintf(w, "every installed plugin fits %s %s\n", h.Facts().App, v)
				}
				showLines(w, p.Changes(), true)
			}}, nil
		}),
	}
	cmdline.Examples(c, "--host 3.0.0")
	c.Flags().StringVar(&host, "host", "", "version of the application to think of")
	f.addLock(c)
	f.addSolving(c)
	return c
}
