package plugcobra

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
)

func (u user) uninstall() *cobra.Command {
	var f changeFlags
	var purge bool
	c := &cobra.Command{
		Use: "uninstall NAME… | path:DIR…", Aliases: []string{"rm"}, Short: "Remove plugins and what only they required",
		Long: "Remove plugins and what only they required. Their private data stays without --purge, and so do the versions of all others. With --purge it also removes the data of plugins that were uninstalled before.\n\n" +
			"Of a plugin that is overridden by a folder only the override ends: what is installed runs again.\n\nEffect: changes the installed set.",
		Args: cmdline.Args(cobra.MinimumNArgs(1)),
	}
	c.RunE = u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
		over, err := h.Overridden(args...)
		switch {
		case errors.Is(err, plugstead.ErrMixed), over && purge:
			if err == nil {
				err = fmt.Errorf("--purge: %s is overridden: uninstall the override first", args[0])
			}
			return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
		case err != nil:
			return cmdline.Outcome{}, err
		case over:
			return u.endOverrides(c, h, &f, args)
		case !purge:
			return u.run(c, h, &f, args, makeUninstall)
		}
		return u.purge(c, h, &f, args)
	})
	f.add(c)
	c.Flags().BoolVar(&purge, "purge", false, "remove their private data, too, for good: a rollback does not bring it back")
	return c
}

// purged is the JSON result of uninstall --purge.
type purged struct {
	changeResult
	Purged []string `json:"purged"`
}

// purge uninstalls what is installed of args, then removes the data of all that went.
func (u user) purge(c *cobra.Command, h *plugstead.Host, f *changeFlags, args []string) (out cmdline.Outcome, err error) {
	here, gone, err := split(h, args)
	if err != nil {
		return out, err
	}
	result := purged{Purged: gone}
	if len(here) > 0 || len(gone) == 0 { // what is neither here nor left behind is refused
		if out, err = u.run(c, h, f, here, makeUninstall); err != nil {
			return out, err
		}
		result.changeResult, _ = out.Result.(changeResult)
	} else if g, err := h.Installed(); err == nil {
		result.changeResult = changeResult{Generation: g.Number, Lines: []update.Line{}}
	}
	for _, l := range result.Lines {
		if l.Do == update.Remove {
			result.Purged = append(result.Purged, string(l.ID))
		}
	}
	text := out.Text
	verb := "removed"
	if f.dryRun {
		verb = "would remove"
	} else if err := h.Purge(c.Context(), result.Purged...); err != nil {
		return out, err
	} else {
		out.Changed = true
	}
	out.Result, out.Text = result, func(w io.Writer) {
		if text != nil {
			text(w)
		}
		fmt.Fprintf(w, "%s the data of %s\n", verb, strings.Join(result.Purged, ", "))
	}
	return out, nil
}

// split sorts names into those that are installed, or nowhere at all, and those whose data
// alone is left.
func split(h *plugstead.Host, args []string) (here, gone []string, err error) {
	g, err := h.Installed()
	if err != nil {
		return nil, nil, err
	}
	for _, s := range args {
		id, err := manifest.ParseID(s)
		if err != nil {
			return args, nil, nil // the change says so
		}
		left, err := h.HasData(id)
		if err != nil {
			return nil, nil, err
		}
		if _, ok := g.Find(id); !ok && left {
			gone = append(gone, s)
		} else {
			here = append(here, s)
		}
	}
	return slices.Compact(here), slices.Compact(gone), nil
}
