package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/mirror"
	"github.com/plugstead/plugstead/registry/static"
	"github.com/plugstead/plugstead/resolve"
)

// copied is the JSON result of commands that copy plugins.
type copied struct {
	From string `json:"from"`
	To   string `json:"to"`
	mirror.Report
}

// outcome is the result of a copy.
func (r copied) outcome() cmdline.Outcome {
	return cmdline.Outcome{Result: r, Changed: r.Changed, Text: func(w io.Writer) {
		if !r.Changed {
			fmt.Fprintf(w, "%s has everything: %s\n", r.To, r.what())
			return
		}
		fmt.Fprintf(w, "%s has %s; %d new files (%s)\n", r.To, r.what(), r.Added, cmdline.Bytes(r.Bytes))
	}}
}

func (r copied) what() string {
	return fmt.Sprintf("%s in %s", counted(r.Releases, "release"), counted(r.Plugins, "plugin"))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// selection reads what is to be copied.
func selection(c *cobra.Command, args, platforms []string) (sel mirror.Selection, err error) {
	for _, a := range args {
		w, err := resolve.ParseWish(a)
		if err != nil {
			return sel, usage(c, "%w", err)
		}
		sel.Wishes = append(sel.Wishes, w)
	}
	for _, s := range platforms {
		p, err := manifest.ParsePlatform(s)
		if err != nil {
			return sel, usage(c, "--platform: %w", err)
		}
		sel.Platforms = append(sel.Platforms, p)
	}
	return sel, nil
}

// source opens where plugins come from.
func source(s string) (fetch.Source, error) {
	from, err := plugstead.OpenSource(s)
	if err == nil && from == nil {
		err = fmt.Errorf("copy: %w", fetch.ErrNoSource)
	}
	return from, err
}

// copyPlugins selects plugins of a source and writes them to a place with write.
func copyPlugins(ctx context.Context, from fetch.Source, sel mirror.Selection, to string, write func(context.Context, *mirror.Set, string) (mirror.Report, error)) (cmdline.Outcome, error) {
	set, err := mirror.Select(ctx, from, sel)
	if err != nil {
		return cmdline.Outcome{}, err
	}
	rep, err := write(ctx, set, to)
	if err != nil {
		return cmdline.Outcome{}, err
	}
	return copied{from.Identity(), filepath.ToSlash(to), rep}.outcome(), nil
}

const longSelection = `

Named plugins are copied with all versions in range and everything these may need. Without
names everything is copied that the source can list. A second
run adds what is new.`

func exportStaticCommand() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use: "export-static DIR [NAME[@RANGE]...]", Short: "Write a registry as files that any file server serves",
		Long: "Write a registry as a folder that any file server can serve, and that is a source itself." + longSelection + "\n\nEffect: writes DIR.",
		Args: cmdline.Args(cobra.MinimumNArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			return copyCommand(c, cmp.Or(from, os.Getenv(plugstead.EnvRegistry)), args[0], args[1:], nil)
		}),
	}
	cmdline.Examples(c, "/srv/plugins", "/srv/plugins acme/hello@^1")
	registryFlag(c, &from)
	return c
}

func mirrorCommand() *cobra.Command {
	var platforms []string
	c := &cobra.Command{
		Use: "mirror FROM DIR [NAME[@RANGE]...]", Short: "Copy plugins of a registry, folder or bundle to a folder",
		Long: "Copy plugins from a registry, a folder or a bundle to a folder that any file server can serve, and that is a source itself. Versions and platforms that are left out count as not mirrored." + longSelection + "\n\nEffect: writes DIR.",
		Args: cmdline.Args(cobra.MinimumNArgs(2)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			return copyCommand(c, args[0], args[1], args[2:], platforms)
		}),
	}
	cmdline.Examples(c, "https://plugins.example.org /srv/plugins", "https://plugins.example.org /srv/plugins acme/hello@^1 --platform linux/amd64")
	platformFlag(c, &platforms)
	return c
}

func platformFlag(c *cobra.Command, to *[]string) {
	c.Flags().StringArrayVar(to, "platform", nil, "copy packages for OS/ARCH only, and WebAssembly; may be repeated (default all)")
}

func copyCommand(c *cobra.Command, from, dir string, names, platforms []string) (cmdline.Outcome, error) {
	sel, err := selection(c, names, platforms)
	if err != nil {
		return cmdline.Outcome{}, err
	}
	if dir == "" {
		return cmdline.Outcome{}, usage(c, "want the path of a folder")
	}
	src, err := source(from)
	if err != nil {
		return cmdline.Outcome{}, err
	}
	return copyPlugins(c.Context(), src, sel, dir, static.Copy)
}
