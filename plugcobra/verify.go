package plugcobra

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

// verified is a finding as JSON.
type verified struct {
	ID      manifest.ID     `json:"id"`
	Version version.Version `json:"version"`
	Problem string          `json:"problem,omitempty"`
}

func (u user) verify() *cobra.Command {
	var fix bool
	c := &cobra.Command{
		Use: "verify [NAME…]", Short: "Check that installed files are as they were installed",
		Long: "Hash the files of installed plugins, of all if none is named, and compare them with what was installed. With --fix what is damaged is installed again, in the same version.\n\n" +
			"Exit code 5 if something is damaged and stays so.\n\nEffect: read-only; with --fix it changes files of damaged plugins.",
		Args: cmdline.Args(cobra.ArbitraryArgs),
		RunE: u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
			var ids []manifest.ID
			for _, a := range args {
				id, err := manifest.ParseID(a)
				if err != nil {
					return cmdline.Outcome{}, err
				}
				ids = append(ids, id)
			}
			found, err := h.Verify(c.Context(), ids...)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			if fix && damaged(found) > 0 {
				if _, _, err := h.Repair(c.Context(), found); err != nil {
					return cmdline.Outcome{}, err
				}
				if found, err = h.Verify(c.Context(), ids...); err != nil {
					return cmdline.Outcome{}, err
				}
			}
			return findings(c, found), nil
		}),
	}
	cmdline.Examples(c, "", "acme/hello", "--fix")
	c.Flags().BoolVar(&fix, "fix", false, "install again what is damaged, in the same version")
	return c
}

func damaged(found []update.Finding) (n int) {
	for _, f := range found {
		if f.Err != nil {
			n++
		}
	}
	return n
}

func findings(c *cobra.Command, found []update.Finding) cmdline.Outcome {
	list := []verified{}
	for _, f := range found {
		v := verified{ID: f.ID, Version: f.Version}
		if f.Err != nil {
			v.Problem = f.Err.Error()
		}
		list = append(list, v)
	}
	bad := damaged(found)
	out := cmdline.Outcome{Result: list, Text: func(w io.Writer) {
		for _, v := range list {
			if v.Problem != "" {
				fmt.Fprintln(w, v.Problem)
			}
		}
		fmt.Fprintf(w, "%d of %d plugins are as they were installed\n", len(list)-bad, len(list))
		if bad > 0 {
			fmt.Fprintf(w, "install them again: %s\n", cmdline.Again(c, "verify --fix"))
		}
	}}
	if bad > 0 {
		out.Exit = cmdline.ExitRefused
	}
	return out
}
