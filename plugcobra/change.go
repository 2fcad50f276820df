package plugcobra

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
)

// changeResult is the JSON result of a change.
type changeResult struct {
	Generation int           `json:"generation"`
	Lines      []update.Line `json:"lines"`
	Seconds    float64       `json:"seconds"`
	fetchSum
}

// change plans and, unless it is a dry run, applies.
func (u user) change(flags *changeFlags, make makeChange) func(*cobra.Command, []string) error {
	return u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
		return u.run(c, h, flags, args, make)
	})
}

// run is change with an open host.
func (u user) run(c *cobra.Command, h *plugstead.Host, flags *changeFlags, args []string, make makeChange) (cmdline.Outcome, error) {
	begin := time.Now()
	ch, err := flags.change(args, make)
	if err == nil && flags.wait <= 0 { // 0 would wait for ever
		err = fmt.Errorf("--wait %s: want a time, for example 30s", flags.wait)
	}
	if err != nil {
		return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
	}
	show := watch(c)
	defer show.end()
	ch.Events = show.events()
	p, g, err := carryOut(c, h, ch, flags, show)
	if err != nil {
		return cmdline.Outcome{}, err
	}
	return changed(c, p, g, flags, begin, show), nil
}

// changed shows a change that was carried out, or only planned.
func changed(c *cobra.Command, p *plugstead.Plan, g *plugstead.Generation, flags *changeFlags, begin time.Time, show *progress) cmdline.Outcome {
	r := changeResult{Lines: append([]update.Line{}, p.Changes()...), Seconds: time.Since(begin).Seconds(), fetchSum: show.summary()}
	if g != nil {
		r.Generation = g.Number
		show.changed(r.Lines)
	}
	return cmdline.Outcome{
		Result: r, Changed: g != nil && !p.Empty(), Text: func(w io.Writer) {
			if p.Empty() {
				fmt.Fprintln(w, "nothing to do")
				return
			}
			showChange(w, cmdline.Again(c, "rollback"), r, flags.dryRun)
		},
	}
}

// carryOut plans and applies, again if another process was faster or somebody has granted
// what plugins ask for.
func carryOut(c *cobra.Command, h *plugstead.Host, ch plugstead.Change, flags *changeFlags, show *progress) (*plugstead.Plan, *plugstead.Generation, error) {
	for {
		p, err := h.Plan(c.Context(), ch)
		if err != nil || flags.dryRun {
			return p, nil, err
		}
		g, allowed, err := applyAsking(c, h, p, flags.wait, show)
		ch.Allow = append(ch.Allow, allowed...)
		if !errors.Is(err, update.ErrStale) {
			return p, g, err
		}
	}
}

func showChange(w io.Writer, undo string, r changeResult, dryRun bool) {
	showChanges(w, r.Lines, dryRun)
	if dryRun {
		fmt.Fprintln(w, "dry run: nothing was changed")
		return
	}
	came := r.fetchSum.String()
	if came != "" {
		came = ": " + came
	}
	fmt.Fprintf(w, "generation %d in %.1f s%s; undo with: %s\n", r.Generation, r.Seconds, came, undo)
}

// showChanges shows the lines of a change that is one of requests at least.
func showChanges(w io.Writer, lines []update.Line, would bool) {
	if len(lines) == 0 {
		fmt.Fprintln(w, "no plugin changes, only what is asked for")
		return
	}
	showLines(w, lines, would)
}

// showLines shows what happens to plugins, or would.
func showLines(w io.Writer, lines []update.Line, would bool) {
	table(w, "", func(add func(...any)) {
		for _, l := range lines {
			version, size := l.To.String(), cmdline.Bytes(l.Size)
			switch l.Do {
			case update.Update, update.Downgrade:
				version = l.From.String() + " -> " + l.To.String()
			case update.Remove:
				version, size = l.From.String(), ""
			}
			add(past(l.Do, would), l.ID, version, l.Runtime, size, reason(l))
		}
	})
	for _, l := range lines {
		if l.Deprecated != nil {
			fmt.Fprintf(w, "%s is deprecated: %s\n", l.ID, cmdline.Line(l.Deprecated.String()))
		}
		if len(l.Asks) > 0 {
			fmt.Fprintln(w, askLine(l.ID, l.To, l.From))
		}
		for _, a := range l.Asks {
			fmt.Fprintf(w, "  %s\n", manifest.Capability(a).Sentence())
		}
		if len(l.Granted) > 0 {
			fmt.Fprintf(w, "%s %s is granted:\n", l.ID, l.To)
		}
		for _, a := range l.Granted {
			fmt.Fprintf(w, "  %s\n", manifest.Capability(a).Sentence())
		}
	}
}

// reason says why a line of a plan is there.
func reason(l update.Line) string {
	switch {
	case l.Do == update.Remove:
		return "nobody needs it any more"
	case slices.Contains(l.Because, resolve.You):
		return "you asked for it"
	case len(l.Because) > 0:
		return "needed by " + strings.Join(l.Because, ", ")
	}
	return ""
}

// past says an action in the word that fits.
func past(a update.Action, dryRun bool) string {
	if dryRun {
		return "would " + string(a)
	}
	switch a {
	case update.Keep:
		return "kept"
	case update.Remove, update.Update, update.Downgrade, update.Replace:
		return string(a) + "d"
	}
	return string(a) + "ed"
}

// makeChange reads the arguments of a verb.
type makeChange func(args []string, flags *changeFlags) (plugstead.Change, error)

func makeInstall(args []string, f *changeFlags) (ch plugstead.Change, err error) {
	for _, s := range args {
		w, err := resolve.ParseWish(s)
		if err != nil {
			return ch, err
		}
		w.Pre = f.pre
		ch.Install = append(ch.Install, w)
	}
	return ch, nil
}

func makeUninstall(args []string, _ *changeFlags) (ch plugstead.Change, err error) {
	ch.Uninstall, err = ids(args)
	return ch, err
}

func makeUpdate(args []string, f *changeFlags) (ch plugstead.Change, err error) {
	ch.Update, err = ids(args)
	ch.UpdateAll = len(args) == 0
	return ch, err
}

func (u user) install() *cobra.Command {
	var f changeFlags
	c := &cobra.Command{
		Use: "install [NAME[@RANGE]… | path:DIR…]", Short: "Install plugins and everything they require",
		Long: "Install plugins and everything they require, as one change: all of it or nothing. " +
			"Plugins that are installed move only if there is no other way.\n\n" +
			"Without a name it installs what the lock file says; with --frozen nothing is chosen anew.\n\n" +
			"path:DIR is a development override: the plugin whose plugin.yaml is in DIR runs from there, in place of what is installed or besides it, until it is uninstalled. " +
			"It is in no lock. What changes in DIR counts when the application starts the next time.\n\nEffect: changes the installed set.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 && !f.frozen && f.lock == "" {
				return cmdline.Args(cobra.MinimumNArgs(1))(c, args)
			}
			return nil
		},
		RunE: u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
			if countPaths(args) > 0 {
				return u.override(c, h, &f, args)
			}
			return u.run(c, h, &f, args, makeInstall)
		}),
	}
	cmdline.Examples(c, "acme/hello", "'acme/hello@^1.2'", "acme/mail --config mail.json", "--frozen --lock plugins.lock", "path:../hello")
	f.add(c)
	f.addFrozen(c)
	f.addSolving(c)
	f.addRetry(c)
	f.addConfig(c)
	return c
}

func ids(args []string) (out []manifest.ID, err error) {
	for _, s := range args {
		id, err := manifest.ParseID(s)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

func (u user) update() *cobra.Command {
	var f changeFlags
	c := &cobra.Command{
		Use: "update [NAME…]", Aliases: []string{"upgrade"}, Short: "Move plugins to the newest versions that fit",
		Long: "Move plugins, or all of them, to the newest versions that fit what was asked for.\n\nEffect: changes the installed set.",
		RunE: u.change(&f, makeUpdate),
	}
	f.add(c)
	f.addSolving(c)
	f.addStep(c)
	f.addRetry(c)
	f.addConfig(c)
	return c
}

func (u user) rollback() *cobra.Command {
	var to int
	c := &cobra.Command{
		Use: "rollback", Short: "Go back to the set of plugins before the last change",
		Long: "Go back to the set of plugins before the last change, or to a generation that history lists. Needs no network.\n\nEffect: changes the installed set.",
		Args: cmdline.Args(cobra.NoArgs),
		RunE: u.with(func(c *cobra.Command, _ []string, h *plugstead.Host) (cmdline.Outcome, error) {
			show := watch(c)
			defer show.end()
			show.step("switch")
			g, err := h.Rollback(c.Context(), to)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return cmdline.Outcome{
				Changed: true, Result: map[string]any{"generation": g.Number, "from": g.From},
				Text: func(w io.Writer) { fmt.Fprintf(w, "generation %d, equal to generation %d\n", g.Number, g.From) },
			}, nil
		}),
	}
	c.Flags().IntVar(&to, "to", 0, "generation to go back to; 0 is the one before")
	return c
}
