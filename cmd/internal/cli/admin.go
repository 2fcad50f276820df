package cli

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/cmd/internal/server/settings"
	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
	"github.com/plugstead/plugstead/internal/cmdline"
)

func adminCommand() *cobra.Command {
	c := cmdline.Group(&cobra.Command{
		Use: "admin", Short: "Look after a registry, on the machine that runs it",
		Long: `Look after a registry, on the machine that runs it. These commands read the same settings
as "plugstead serve" and go to its database and blobs directly; the registry may run
meanwhile.`,
	})
	c.AddCommand(adminConfigCommand(), adminGCCommand(), adminNamespaceCommand(), adminQuarantineCommand())
	return c
}

func adminConfigCommand() *cobra.Command {
	c := cmdline.Group(&cobra.Command{Use: "config", Short: "Look at the settings of a registry", Long: "Look at the settings of a registry."})
	var f settingFlags
	var origin bool
	list := &cobra.Command{
		Use: "list", Short: "Show all settings, and where they come from",
		Long: "Show all settings that \"plugstead serve\" would have here. Secrets are not shown.\n\nEffect: read-only.",
		Args: cmdline.Args(cobra.NoArgs),
		RunE: cmdline.Run(func(c *cobra.Command, _ []string) (cmdline.Outcome, error) {
			l, err := f.load(c)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return showSettings(l.Values, origin), nil
		}),
	}
	f.add(list, "data", "listen")
	list.Flags().BoolVar(&origin, "show-origin", false, "say where each value comes from")
	c.AddCommand(list)
	return c
}

// shownSetting is a setting in JSON.
type shownSetting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
	Env    string `json:"env"`
	Help   string `json:"help"`
}

func showSettings(values []settings.Value, origin bool) cmdline.Outcome {
	out := make([]shownSetting, len(values))
	for i, v := range values {
		out[i] = shownSetting{v.Key, v.Value, v.Origin, v.Env(), v.Help}
	}
	return cmdline.Outcome{Result: out, Text: func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, s := range out {
			if origin {
				fmt.Fprintf(t, "%s\t%s\t%s\n", s.Key, cmdline.Line(s.Value), cmdline.Line(s.Origin))
				continue
			}
			fmt.Fprintf(t, "%s\t%s\n", s.Key, cmdline.Line(s.Value))
		}
		t.Flush()
	}}
}

func adminGCCommand() *cobra.Command {
	var f settingFlags
	var grace time.Duration
	c := &cobra.Command{
		Use: "gc", Short: "Remove what nothing in a registry names",
		Long: `Remove blobs that no manifest names, what was pushed and never published, uploads that
nobody continues, and objects that a kill left. A running registry does so by itself (collect.every).

Effect: writes the database and removes objects; everything that is published stays.`,
		Args: cmdline.Args(cobra.NoArgs),
		RunE: cmdline.Run(func(c *cobra.Command, _ []string) (cmdline.Outcome, error) {
			l, err := f.load(c)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			if !c.Flags().Changed("grace") {
				grace = l.Options.CollectGrace
			}
			return collect(c, l, grace)
		}),
	}
	f.add(c, "data")
	c.Flags().DurationVar(&grace, "grace", 0, "what is younger stays (default the setting collect.grace)")
	return c
}

func collect(c *cobra.Command, l *settings.Loaded, grace time.Duration) (o cmdline.Outcome, err error) {
	l.Options.Log = l.Log(c.ErrOrStderr())
	s, err := server.OpenStore(c.Context(), l.Options)
	if err != nil {
		return o, serveError(err)
	}
	defer s.Close()
	got, err := s.Collect(c.Context(), grace)
	if err != nil {
		return o, err
	}
	o.Changed, o.Result = got != sqlstore.Collected{}, got
	o.Text = func(w io.Writer) {
		fmt.Fprintf(w, "removed: %d uploads, %d manifests, %d blobs of %s, %d objects\n", got.Uploads, got.Manifests, got.Blobs, cmdline.Bytes(got.Bytes), got.Objects)
	}
	return o, nil
}
