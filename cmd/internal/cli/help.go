package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/internal/cmdline"
)

// helpCommand replaces the help command of cobra, which knows no error codes and
// succeeds for words that are no command.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND | CODE]", Short: "Explain a command, or an error code such as E0201",
		Long: "Explain a command, or an error code such as E0201.\n\nEffect: read-only.",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if x, ok := cmdline.Codes[cmdline.Code(strings.ToUpper(args[0]))]; ok {
					return explainCode(c, strings.ToUpper(args[0]), x.Exit, x.Meaning)
				}
			}
			about, rest, err := c.Root().Find(args)
			switch {
			case err != nil:
				return cmdline.Fail(c, err)
			case len(rest) > 0 && about.HasSubCommands():
				return about.ValidateArgs(rest) // names the nearest command
			case len(rest) > 0:
				return cmdline.Fail(c, usage(c, "%s has no command %q", about.CommandPath(), rest[0]))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

func explainCode(c *cobra.Command, code string, exit int, meaning string) error {
	return cmdline.Run(func(*cobra.Command, []string) (cmdline.Outcome, error) {
		result := map[string]any{"code": code, "exit": exit, "meaning": meaning}
		return cmdline.Outcome{Result: result, Text: func(w io.Writer) {
			fmt.Fprintf(w, "%s: %s; exit code %d\n", code, meaning, exit)
		}}, nil
	})(c, nil)
}
