package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/internal/cmdline"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of this program",
		Long: "Print the version of this program.\n\nEffect: read-only.",
		Args: cmdline.Args(cobra.NoArgs),
		RunE: cmdline.Run(func(*cobra.Command, []string) (cmdline.Outcome, error) {
			v := map[string]string{"version": programVersion(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			return cmdline.Outcome{Result: v, Text: func(w io.Writer) {
				fmt.Fprintf(w, "plugstead %s (%s, %s)\n", v["version"], v["go"], v["platform"])
			}}, nil
		}),
	}
}

func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
