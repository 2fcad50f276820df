package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/author"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// tested is the JSON result of test.
type tested struct {
	ID      manifest.ID     `json:"id"`
	Version version.Version `json:"version"`
	Checks  []author.Check  `json:"checks"`
	Hosts   []author.Fit    `json:"hosts"`
	Failed  int             `json:"failed"`
	Skipped int             `json:"skipped"`
}

// testFlags are what a user says of a test.
type testFlags struct {
	config                   string
	contracts, hosts, points []string
	noTests                  bool
}

func testCommand() *cobra.Command {
	f := &testFlags{}
	c := &cobra.Command{
		Use: "test [DIR]", Short: "Check a plugin the way applications run it",
		Long: `Build a plugin for this platform, run its own tests, pack it, and hold it to the contract of
plugins in each runtime that it has: started from what was packed and from nothing else.

The exit code is 1 if a check fails, and 7 if none fails and the plugin is not for a version
that --host names.

Effect: runs the build, the tests and the plugin; writes what they write.`,
		Args: cmdline.Args(cobra.MaximumNArgs(1)),
		RunE: cmdline.Run(f.test),
	}
	cmdline.Examples(c, "", "--host acme@1.4.0,2.0.0,3.0.0")
	c.Flags().StringVar(&f.config, "config", "", "file with the configuration to start with, as JSON (default: the first example of its schema)")
	c.Flags().StringArrayVar(&f.contracts, "contract", nil, "folder or import path of a Go package that defines its extension point; may be repeated (default: found for plugins in Go)")
	c.Flags().StringArrayVar(&f.hosts, "host", nil, "application and its versions to compare with, NAME@V1,V2,…; may be repeated")
	c.Flags().StringArrayVar(&f.points, "point", nil, "extension point of --host as ID@MAJOR.MINOR; may be repeated (default: those of the plugin)")
	c.Flags().BoolVar(&f.noTests, "no-own-tests", false, "leave out the plugin's own tests")
	return c
}

func (t *testFlags) test(c *cobra.Command, args []string) (o cmdline.Outcome, err error) {
	f, err := pluginFolder(args)
	if err != nil {
		return o, err
	}
	r := tested{ID: f.Manifest.ID, Version: f.Manifest.Version, Hosts: []author.Fit{}}
	if err := t.matrix(c, f, &r); err != nil {
		return o, err
	}
	config, err := readConfig(c, t.config)
	if err != nil {
		return o, err
	}
	r.Checks, err = f.Check(c.Context(), author.CheckOptions{
		Config: config, Contracts: t.contracts, NoTests: t.noTests, Done: func(x author.Check) { showCheck(c, x) },
	})
	if err != nil {
		return o, err
	}
	o.Result, o.Text = &r, r.text
	for _, fit := range r.Hosts {
		if !fit.Fits {
			o.Exit = cmdline.ExitIncompatible
		}
	}
	for _, x := range r.Checks {
		switch x.Status {
		case author.Failed:
			r.Failed++
			o.Exit = cmdline.ExitFailure
		case author.Skipped:
			r.Skipped++
		}
	}
	return o, nil
}

// matrix compares the plugin with the versions of --host.
func (t *testFlags) matrix(c *cobra.Command, f *author.Folder, r *tested) error {
	var points []manifest.PointRef
	for _, s := range t.points {
		p, err := manifest.ParsePointRef(s)
		if err != nil {
			return usage(c, "--point: %w", err)
		}
		points = append(points, p)
	}
	for _, s := range t.hosts {
		app, list, ok := strings.Cut(s, "@")
		if _, err := manifest.ParseID("app/" + app); err != nil || !ok {
			return usage(c, "--host %q: want NAME@VERSION,VERSION,…", s)
		}
		for text := range strings.SplitSeq(list, ",") {
			v, err := version.Parse(text)
			if err != nil {
				return usage(c, "--host: %w", err)
			}
			r.Hosts = append(r.Hosts, f.Fits(app, v, points))
		}
	}
	if len(points) > 0 && len(r.Hosts) == 0 {
		return usage(c, "--point is for --host")
	}
	return nil
}

// readConfig reads the file of --config: one JSON object.
func readConfig(c *cobra.Command, name string) (json.RawMessage, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usage(c, "--config: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, artifact.MaxDocument))
	if err != nil {
		return nil, usage(c, "--config: %w", err)
	}
	var x map[string]json.RawMessage
	if err := json.Unmarshal(b, &x); err != nil || x == nil {
		return nil, usage(c, "--config %s: want one JSON object", name)
	}
	return b, nil
}

// checked is the event of one check.
type checked struct {
	Event string `json:"event"`
	author.Check
}

// showCheck shows a check as soon as it is made.
func showCheck(c *cobra.Command, x author.Check) {
	switch cmdline.FormOf(c) {
	case cmdline.Events:
		_ = cmdline.Emit(c, checked{"check", x}) // the result tells of a standard output that is gone
	case cmdline.Text:
		fmt.Fprintf(c.OutOrStdout(), "%-7s %s", x.Status, x.Name)
		if x.Message != "" {
			fmt.Fprintf(c.OutOrStdout(), ": %s", indented(x.Message))
		}
		if x.Hint != "" {
			fmt.Fprintf(c.OutOrStdout(), "\n        hint: %s", x.Hint)
		}
		if x.Code != "" {
			fmt.Fprintf(c.OutOrStdout(), "\n        code: %s", x.Code)
		}
		fmt.Fprintln(c.OutOrStdout())
	}
}

// indented makes the lines of a message stand below its first one, without what a terminal
// would not show as text.
func indented(s string) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(s), "\n") {
		if i > 0 {
			b.WriteString("\n        ")
		}
		b.WriteString(cmdline.Line(strings.ReplaceAll(line, "\t", "    ")))
	}
	return b.String()
}

// text shows what stands behind the checks.
func (r *tested) text(w io.Writer) {
	for _, h := range r.Hosts {
		if h.Fits {
			fmt.Fprintf(w, "fits    %s %s\n", h.App, h.Version)
		} else {
			fmt.Fprintf(w, "misfit  %s %s: %s\n", h.App, h.Version, cmdline.Line(h.Why))
		}
	}
	fmt.Fprintf(w, "%s %s: %d checks, %d failed, %d skipped\n", r.ID, r.Version, len(r.Checks), r.Failed, r.Skipped)
}
