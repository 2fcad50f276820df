// Package cli is the command line of plugstead, one file for each command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/plugcobra"
)

// Main runs the program and returns its exit code. Results go to stdout, everything
// else to stderr.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends what does not end by itself
	slog.SetDefault(slog.New(slog.NewTextHandler(stderr, nil)))
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return cmdline.ExitOK
	}
	var exit cmdline.Exit
	if errors.As(err, &exit) {
		return int(exit)
	}
	e := cmdline.Explain("plugstead", err)
	fmt.Fprintf(stderr, "plugstead: %v\n", e)
	return e.Exit()
}

func newRoot() *cobra.Command {
	root := cmdline.Group(&cobra.Command{
		Use: "plugstead", Short: "Plugins for Go programs: publish, find, install, update, serve",
		Long: `Plugstead publishes plugins, serves them, and installs them for applications.

The commands of users act for one application: --app NAME for one that has run on
this machine, or --host NAME@VERSION with --point ID@MAJOR.MINOR for any other.`,
		Version: programVersion(), CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	})
	cmdline.JSONFlag(root)
	root.SetHelpCommand(helpCommand())
	root.SetVersionTemplate("plugstead {{.Version}}\n")
	flags := &hostFlags{}
	for _, c := range append(plugcobra.Commands(flags.open), callCommand(flags)) {
		flags.add(c)
		root.AddCommand(c)
	}
	root.AddCommand(serveCommand(), adminCommand(), newCommand(), buildCommand(), testCommand(), devCommand(), lintCommand(), packCommand(), publishCommand(), yankCommand(), deprecateCommand(), channelCommand(), unpublishCommand(), versionCommand(),
		exportStaticCommand(), mirrorCommand(), bundleCommand())
	return root
}
