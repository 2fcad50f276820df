package plugcobra

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/config/schema"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/internal/durable"
)

// plan is a group of verbs that only say what the verb of the same name would do.
func (u user) plan() *cobra.Command {
	c := cmdline.Group(&cobra.Command{
		Use: "plan", Annotations: map[string]string{cmdline.Of: "plan"}, Short: "Show what a change would do, and keep it for apply",
		Long: "Show what a change would do, each plugin with its reason. With --out the plan is kept in a file, and apply carries out exactly that.\n\nEffect: read-only.",
	})
	for _, v := range []struct {
		use, short string
		args       cobra.PositionalArgs
		make       makeChange
		step       bool
	}{
		{"install NAME[@RANGE]…", "Plan to install plugins", cobra.MinimumNArgs(1), makeInstall, false},
		{"uninstall NAME…", "Plan to remove plugins", cobra.MinimumNArgs(1), makeUninstall, false},
		{"update [NAME…]", "Plan to update plugins, or all of them", cobra.ArbitraryArgs, makeUpdate, true},
	} {
		f := &changeFlags{}
		var out string
		sub := &cobra.Command{
			Use: v.use, Short: v.short, Long: v.short + ".\n\nEffect: read-only.", Args: cmdline.Args(v.args),
			RunE: u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
				ch, err := f.change(args, v.make)
				if err != nil {
					return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
				}
				p, err := h.Plan(c.Context(), ch)
				if err != nil {
					return cmdline.Outcome{}, err
				}
				return planned(c, p, out)
			}),
		}
		sub.Flags().StringVar(&out, "out", "", "file to keep the plan in")
		f.addLock(sub)
		f.addSolving(sub)
		f.addRetry(sub)
		f.addAllow(sub)
		if v.step {
			f.addStep(sub)
		}
		c.AddCommand(sub)
	}
	return c
}

// planned shows a plan, and writes it to a file if one is named.
func planned(c *cobra.Command, p *plugstead.Plan, out string) (cmdline.Outcome, error) {
	if out != "" {
		b, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			return cmdline.Outcome{}, err
		}
		if err := durable.WriteFile(out, append(b, '\n'), 0o644); err != nil {
			return cmdline.Outcome{}, err
		}
	}
	return cmdline.Outcome{Result: p, Text: func(w io.Writer) {
		if p.Empty() {
			fmt.Fprintln(w, "nothing to do")
			return
		}
		showChanges(w, p.Changes(), true)
		if out != "" {
			fmt.Fprintf(w, "carry it out with: %s\n", cmdline.Again(c, "apply "+out))
		}
	}}, nil
}

// maxPlanFile is how much of a plan file is read, in bytes.
const maxPlanFile = 64 << 20

func (u user) apply() *cobra.Command {
	var f changeFlags
	c := &cobra.Command{
		Use: "apply FILE", Short: "Carry out a plan",
		Long: "Carry out exactly what a plan says. It fails if the installed set has changed since the plan was made.\n\nEffect: changes the installed set.",
		Args: cmdline.Args(cobra.ExactArgs(1)),
		RunE: u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
			begin := time.Now()
			allowed, err := f.allowed()
			if err != nil {
				return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
			}
			b, err := readFile(args[0])
			if err != nil {
				return cmdline.Outcome{}, cmdline.New("E0001", cmdline.Program(c)+" plan install NAME --out "+args[0], "%w", err)
			}
			p, err := h.ReadPlan(b)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			show := watch(c)
			defer show.end()
			p.Offline, p.Retry, p.Events, p.CheckConfig = f.offline, f.retry, show.events(), schema.Check
			p.Allow(allowed...)
			g, _, err := applyAsking(c, h, p, f.wait, show)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return changed(c, p, g, &f, begin, show), nil
		}),
	}
	c.Flags().DurationVar(&f.wait, "wait", 30*time.Second, "how long to wait for another process that changes plugins")
	f.addOffline(c)
	f.addRetry(c)
	f.addAllow(c)
	return c
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file", path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxPlanFile))
}
