package plugcobra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/cmdline"
)

// status is how a check ended.
type status string

const (
	statusOK   status = "ok"
	statusWarn status = "warn" // it works, but somebody should look
	statusFail status = "fail"
	statusSkip status = "skip" // not looked at
)

// check is one result of doctor.
type check struct {
	Name   string `json:"name"`
	Status status `json:"status"`
	What   string `json:"what"`
	Hint   string `json:"hint,omitempty"` // a command
}

// doctorResult is the JSON result of doctor.
type doctorResult struct {
	Checks   []check  `json:"checks"`
	Fixed    []string `json:"fixed"`
	OK       int      `json:"ok"`
	Warnings int      `json:"warnings"`
	Failures int      `json:"failures"`
}

// exam is one run of the checks.
type exam struct {
	ctx     context.Context
	c       *cobra.Command
	h       *plugstead.Host
	offline bool
	checks  []check
}

func (x *exam) add(name string, s status, hint, format string, args ...any) {
	x.checks = append(x.checks, check{name, s, cmdline.Line(fmt.Sprintf(format, args...)), cmdline.Line(hint)})
}

// explain adds an error as a check, with the hint that the error has elsewhere.
func (x *exam) explain(name string, s status, err error) {
	e := cmdline.Explain(cmdline.Program(x.c), err)
	x.add(name, s, e.Hint, "%s", e.What())
}

// all makes the checks in the order in which one failure explains the next. The error is
// that of the end of ctx.
func (x *exam) all() error {
	x.checks = []check{}
	x.folder()
	x.generations()
	x.plugins()
	x.space()
	x.cache()
	x.sources()
	return x.ctx.Err()
}

func (u user) doctor() *cobra.Command {
	var fix, offline bool
	var wait time.Duration
	c := &cobra.Command{
		Use: "doctor", Short: "Look for what is wrong with the installation",
		Long: "Look at the installation folder, the installed plugins and their files, the registry and what is needed around them. Each check says ok, warn, fail or skip, and what helps.\n\n" +
			"Exit code 1 if something failed.\n\nEffect: read-only; with --fix it removes what killed changes left and installs damaged plugins again, in the same version.",
		Args: cmdline.Args(cobra.NoArgs),
		RunE: cmdline.Run(func(c *cobra.Command, _ []string) (o cmdline.Outcome, err error) {
			if wait <= 0 {
				return o, cmdline.New("E0001", c.CommandPath()+" --help", "--wait %s: want a time, for example 30s", wait)
			}
			x := &exam{ctx: c.Context(), c: c, offline: offline}
			h, done, err := u.open(c)
			if errors.Is(err, install.ErrNotPrivate) {
				x.explain("folder", statusFail, err)
				return x.outcome(nil), nil
			}
			if err != nil {
				return o, err
			}
			defer func() { err = errors.Join(err, done()) }()
			x.h = h
			if err := x.all(); err != nil || !fix {
				return x.outcome(nil), err
			}
			fixed, failed := x.fix(wait)
			if len(fixed) > 0 || len(failed) > 0 {
				err = x.all()
				x.checks = append(x.checks, failed...)
			}
			return x.outcome(fixed), err
		}),
	}
	cmdline.Examples(c, "", "--offline", "--fix")
	c.Flags().BoolVar(&fix, "fix", false, "remove what killed changes left, and install again what is damaged")
	c.Flags().BoolVar(&offline, "offline", false, "use no network: do not look at the registry, and repair nothing")
	c.Flags().DurationVar(&wait, "wait", 30*time.Second, "how long --fix waits for another process that changes plugins")
	return c
}

// fix does what is safe, and says what was done and what could not be.
func (x *exam) fix(wait time.Duration) (fixed []string, failed []check) {
	y := &exam{ctx: x.ctx, c: x.c}
	if in, err := x.h.Inspect(); err == nil && len(in.Leftovers) > 0 {
		ctx, cancel := context.WithTimeout(x.ctx, wait)
		err := x.h.Sweep(ctx)
		cancel()
		if err != nil {
			y.explain("fix", statusFail, err)
		} else {
			fixed = append(fixed, fmt.Sprintf("removed what killed changes left: %d", len(in.Leftovers)))
		}
	}
	found, err := x.h.Verify(x.ctx)
	if n := damaged(found); err == nil && n > 0 && !x.offline {
		if _, _, err := x.h.Repair(x.ctx, found); err != nil {
			y.explain("fix", statusFail, err)
		} else {
			fixed = append(fixed, fmt.Sprintf("installed damaged plugins again: %d", n))
		}
	}
	return fixed, y.checks
}

// outcome counts and shows.
func (x *exam) outcome(fixed []string) cmdline.Outcome {
	r := doctorResult{Checks: x.checks, Fixed: append([]string{}, fixed...)}
	for _, c := range x.checks {
		switch c.Status {
		case statusOK:
			r.OK++
		case statusWarn:
			r.Warnings++
		case statusFail:
			r.Failures++
		}
	}
	o := cmdline.Outcome{Result: r, Changed: len(fixed) > 0, Text: r.show}
	if r.Failures > 0 {
		o.Exit = cmdline.ExitFailure
	}
	return o
}

func (r doctorResult) show(w io.Writer) {
	for _, c := range r.Checks {
		fmt.Fprintf(w, "%-4s  %-10s  %s\n", c.Status, c.Name, c.What)
		if c.Hint != "" {
			fmt.Fprintf(w, "      hint: %s\n", c.Hint)
		}
	}
	for _, f := range r.Fixed {
		fmt.Fprintf(w, "fixed: %s\n", f)
	}
	fmt.Fprintf(w, "%s passed, %s, %s\n", count(r.OK, "check"), count(r.Warnings, "warning"), count(r.Failures, "failure"))
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
