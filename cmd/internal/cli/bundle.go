package cli

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/registry/bundle"
	"github.com/plugstead/plugstead/registry/mirror"
	"github.com/plugstead/plugstead/registry/static"
)

func bundleCommand() *cobra.Command {
	c := cmdline.Group(&cobra.Command{
		Use: "bundle", Short: "Carry plugins to where no registry can be reached, as one file",
		Long: `Carry plugins to where no registry can be reached, as one file. Make it with export; there,
install from it with --registry FILE, or add it to a folder with import.`,
	})
	c.AddCommand(bundleExportCommand(), bundleImportCommand())
	return c
}

func bundleExportCommand() *cobra.Command {
	f := &hostFlags{}
	var all bool
	var platforms []string
	c := &cobra.Command{
		Use: "export FILE NAME[@RANGE]...", Short: "Write plugins and what they need into one file",
		Long: `Write plugins, with everything they need, into one file.

For an application (--app, or --host and --point) one version of each plugin is chosen, as
install would choose it; with --platform one that runs on all of these. With --all-versions
all versions in range are taken and everything they may need. The same plugins make the same
bytes.

Effect: writes FILE.`,
		Args: cmdline.Args(cobra.MinimumNArgs(2)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			sel, err := selection(c, args[1:], platforms)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			if err := f.chooseFor(c, &sel, all); err != nil {
				return cmdline.Outcome{}, err
			}
			from, err := source(cmp.Or(f.registry, os.Getenv(plugstead.EnvRegistry)))
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return copyPlugins(c.Context(), from, sel, args[0], bundle.Write)
		}),
	}
	cmdline.Examples(c, "plugins.plugstead acme/hello@^1")
	f.add(c)
	c.Flags().BoolVar(&all, "all-versions", false, "take all versions in range, for any application")
	platformFlag(c, &platforms)
	return c
}

// chooseFor says for which application to choose, if not all versions are wanted.
func (f *hostFlags) chooseFor(c *cobra.Command, sel *mirror.Selection, all bool) error {
	if all {
		if f.app != "" || f.host != "" {
			return usage(c, "--all-versions is for any application: leave out --app and --host")
		}
		return nil
	}
	if f.app == "" && f.host == "" {
		return cmdline.New("E0002", c.CommandPath()+" --app NAME, or --host NAME@VERSION --point ID@MAJOR.MINOR, or --all-versions", "for which application?")
	}
	facts, err := f.facts(c)
	if err != nil {
		return err
	}
	if len(sel.Platforms) > 0 {
		facts.Platform = sel.Platforms[0]
	}
	sel.Host = &facts
	return nil
}

func bundleImportCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "import FILE DIR", Short: "Add the plugins of a bundle to a folder",
		Long: "Add the plugins of a bundle to a folder that any file server can serve, and that is a source itself. What the folder has stays.\n\nEffect: writes DIR.",
		Args: cmdline.Args(cobra.ExactArgs(2)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			b, err := bundle.Open(args[0])
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return copyPlugins(c.Context(), b, mirror.Selection{}, args[1], static.Copy)
		}),
	}
	cmdline.Examples(c, "plugins.plugstead /srv/plugins")
	return c
}
