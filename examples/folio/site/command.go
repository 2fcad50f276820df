package site

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/plugcobra"
)

// Main runs folio and returns its exit code.
func Main() int {
	ctx := context.Background()
	h, err := Open(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "folio:", err)
		return 1
	}
	err = errors.Join(run(ctx, h), h.Close())
	if err != nil && err.Error() != "" {
		fmt.Fprintln(os.Stderr, "folio:", err)
	}
	return exitCode(err)
}

func run(ctx context.Context, h *plugstead.Host) error {
	root := &cobra.Command{Use: "folio", Short: "Build static sites with plugins", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(buildCommand(h), plugcobra.Command(h)) // the whole "folio plugin …" tree
	return root.ExecuteContext(ctx)
}

func exitCode(err error) int {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		err = j.Unwrap()[0]
	}
	return plugcobra.ExitCode(err)
}

func buildCommand(h *plugstead.Host) *cobra.Command {
	return &cobra.Command{
		Use: "build DIR OUT", Short: "Render every Markdown file below DIR into OUT", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := h.Start(c.Context()); err != nil {
				return err
			}
			b, err := NewBuilder(h)
			if err != nil {
				return err
			}
			n, err := b.Tree(c.Context(), args[0], args[1])
			if err == nil {
				fmt.Fprintf(c.OutOrStdout(), "%d pages in %s\n", n, args[1])
			}
			return err
		},
	}
}
