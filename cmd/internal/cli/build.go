package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/cmd/internal/author"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
)

// built is the JSON result of build.
type built struct {
	ID       manifest.ID `json:"id"`
	Commands []string    `json:"commands"` // that were run
	Files    []string    `json:"files"`    // that plugin.yaml names
}

func buildCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "build [DIR]", Short: "Build everything that plugin.yaml names",
		Long: `Build everything that runtimes in plugin.yaml names, for all platforms: with the command that
stands there as build, or else, in a Go module, with the go command.

Effect: runs that command in DIR.`,
		Args: cmdline.Args(cobra.MaximumNArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (o cmdline.Outcome, err error) {
			f, err := pluginFolder(args)
			if err != nil {
				return o, err
			}
			steps, err := f.Build(c.Context(), author.BuildOptions{All: true})
			if err != nil {
				return o, err
			}
			r := built{ID: f.Manifest.ID, Commands: []string{}, Files: []string{}}
			for _, s := range steps {
				r.Commands = append(r.Commands, s.String())
			}
			for _, t := range f.Targets(true) {
				r.Files = append(r.Files, t.Entry)
			}
			return cmdline.Outcome{Changed: len(steps) > 0, Result: r, Text: func(w io.Writer) {
				for _, s := range r.Commands {
					fmt.Fprintln(w, s)
				}
				fmt.Fprintf(w, "built %s: %d files\n", r.ID, len(r.Files))
			}}, nil
		}),
	}
	return c
}

// pluginFolder reads the plugin folder that the arguments of a command name.
func pluginFolder(args []string) (*author.Folder, error) {
	root, err := openFolder(folderOf(args))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return author.Open(root)
}
