package plugcobra

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

// overridden is one development override in the JSON result of install and uninstall.
type overridden struct {
	ID      manifest.ID     `json:"id"`
	Dir     string          `json:"dir"`
	Version version.Version `json:"version,omitzero"` // that its plugin.yaml says
	Instead version.Version `json:"instead,omitzero"` // that is installed
	Aside   string          `json:"aside,omitempty"`  // why it does not start
	hint    string
}

// overrideResult is the JSON result of install and uninstall for development overrides.
type overrideResult struct {
	Generation int          `json:"generation"`
	Overrides  []overridden `json:"overrides"` // those that were made or ended
}

// isPath reports whether an argument is a development override.
func isPath(arg string) bool { return strings.HasPrefix(arg, update.PathPrefix) }

// countPaths returns how many arguments are development overrides.
func countPaths(args []string) (n int) {
	for _, s := range args {
		if isPath(s) {
			n++
		}
	}
	return n
}

// override is install of "path:" arguments, and of nothing else.
func (u user) override(c *cobra.Command, h *plugstead.Host, f *changeFlags, args []string) (o cmdline.Outcome, err error) {
	misuse := func(format string, a ...any) (cmdline.Outcome, error) {
		return o, cmdline.New("E0001", c.CommandPath()+" --help", format, a...)
	}
	switch {
	case countPaths(args) < len(args):
		return misuse("development overrides and plugins to install: name them in two commands")
	case f.frozen:
		return o, &update.OverriddenError{Do: "--frozen"}
	case f.dryRun || f.lock != "":
		return misuse("%s: --dry-run and --lock are not for development overrides", args[0])
	case len(f.allow)+len(f.config) > 0: // it gets what it asks for, and what is configured
		return misuse("%s: --allow and --config are not for development overrides", args[0])
	}
	var dirs []string
	for _, s := range args {
		dirs = append(dirs, strings.TrimPrefix(s, update.PathPrefix))
	}
	before, err := h.Installed()
	if err != nil {
		return o, err
	}
	if err := h.OverrideWithin(c.Context(), f.wait, dirs...); err != nil {
		return o, err
	}
	g, err := h.Installed()
	if err != nil {
		return o, err
	}
	list, err := h.Overrides()
	if err != nil {
		return o, err
	}
	r := overrideResult{Generation: g.Number, Overrides: []overridden{}}
	for _, s := range args {
		at, ok := update.FindOverride(g, s)
		for _, x := range list {
			if ok && x.Override == at {
				r.Overrides = append(r.Overrides, overriddenBy(c, g, x))
			}
		}
	}
	return overrideOutcome(c, r, before.Number != g.Number), nil
}

// overriddenBy shows an override.
func overriddenBy(c *cobra.Command, g *plugstead.Generation, x update.Override) overridden {
	o := overridden{ID: x.ID, Dir: x.Dir}
	if x.Manifest != nil {
		o.Version = x.Manifest.Version
	}
	if r, ok := g.Find(x.ID); ok {
		o.Instead = r.Manifest.Version
	}
	if x.Err != nil {
		e := cmdline.Explain(cmdline.Program(c), x.Err)
		o.Aside, o.hint = e.What(), e.Hint
	}
	return o
}

func overrideOutcome(c *cobra.Command, r overrideResult, change bool) cmdline.Outcome {
	return cmdline.Outcome{Changed: change, Result: r, Text: func(w io.Writer) {
		for _, o := range r.Overrides {
			instead := "; it is not installed otherwise"
			if !o.Instead.IsZero() {
				instead = ", in place of " + o.Instead.String()
			}
			fmt.Fprintf(w, "override %s %s by %s%s%s\n", o.ID, o.Version, update.PathPrefix, cmdline.Line(o.Dir), instead)
			showOverrideProblem(w, o.Aside, o.hint)
		}
		if !change {
			fmt.Fprintln(w, "nothing to do")
			return
		}
		fmt.Fprintf(w, "generation %d; undo with: %s\n", r.Generation, cmdline.Again(c, "rollback"))
	}}
}

func showOverrideProblem(w io.Writer, why, hint string) {
	if why == "" {
		return
	}
	fmt.Fprintf(w, "does not start: %s\n", why)
	if hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
}

// endOverrides is uninstall of what is overridden.
func (u user) endOverrides(c *cobra.Command, h *plugstead.Host, f *changeFlags, args []string) (o cmdline.Outcome, err error) {
	if f.dryRun || f.lock != "" {
		return o, cmdline.New("E0001", c.CommandPath()+" --help", "%s: --dry-run and --lock are not for development overrides", args[0])
	}
	before, err := h.Installed()
	if err != nil {
		return o, err
	}
	var gone []overridden
	for _, s := range args {
		if at, ok := update.FindOverride(before, s); ok {
			gone = append(gone, overriddenBy(c, before, update.Override{Override: at}))
		}
	}
	if err := h.EndOverrides(c.Context(), f.wait, args...); err != nil {
		return o, err
	}
	g, err := h.Installed()
	if err != nil {
		return o, err
	}
	return cmdline.Outcome{Changed: true, Result: overrideResult{g.Number, gone}, Text: func(w io.Writer) {
		for _, x := range gone {
			now := "it is not installed any more"
			if !x.Instead.IsZero() {
				now = x.Instead.String() + " is installed and runs again"
			}
			fmt.Fprintf(w, "ended override %s by %s%s; %s\n", x.ID, update.PathPrefix, cmdline.Line(x.Dir), now)
		}
		fmt.Fprintf(w, "generation %d; undo with: %s\n", g.Number, cmdline.Again(c, "rollback"))
	}}, nil
}

// overrides looks at the development overrides: each is worth a warning.
func (x *exam) overrides() {
	list, err := x.h.Overrides()
	if err != nil {
		return // said already
	}
	for _, o := range list {
		if o.Err != nil {
			x.explain("override", statusWarn, o.Err)
			continue
		}
		x.add("override", statusWarn, cmdline.Again(x.c, "uninstall "+string(o.ID)), "%s %s runs from %s%s", o.ID, o.Manifest.Version, update.PathPrefix, o.Dir)
	}
	if len(list) == 0 {
		x.add("override", statusOK, "", "no plugin is overridden")
	}
}
