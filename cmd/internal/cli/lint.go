package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/publish/lint"
	"github.com/plugstead/plugstead/version"
)

// linted is the JSON result of lint.
type linted struct {
	ID       manifest.ID     `json:"id"`
	Version  version.Version `json:"version"`
	Findings []lint.Finding  `json:"findings"`
	Errors   int             `json:"errors"`
	Warnings int             `json:"warnings"`
	Rules    int             `json:"rules"` // how many were checked
}

func lintCommand() *cobra.Command {
	var explain string
	var list, strict bool
	c := &cobra.Command{
		Use: "lint [DIR]", Short: "Say what is wrong with a plugin folder, and what could be better",
		Long: "Pack a plugin folder and check it by the rules that a registry checks when it is published, and by more that look into the payload. The exit code is 1 if a rule of severity error is broken, with --strict also for a warning.\n\nEffect: read-only.",
		Args: cmdline.Args(cobra.MaximumNArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			switch {
			case explain != "":
				r, ok := lint.Find(explain)
				if !ok {
					return cmdline.Outcome{}, cmdline.New("E0001", "plugstead lint --rules", "there is no rule %q", explain)
				}
				return explainRules([]lint.Rule{r}), nil
			case list:
				return listRules(), nil
			}
			return lintFolder(c, args, strict)
		}),
	}
	cmdline.Examples(c, "", "--explain L004")
	c.Flags().StringVar(&explain, "explain", "", "explain one rule, for example L004")
	c.Flags().BoolVar(&list, "rules", false, "list all rules")
	c.Flags().BoolVar(&strict, "strict", false, "fail for warnings, too")
	return c
}

func lintFolder(c *cobra.Command, args []string, strict bool) (o cmdline.Outcome, err error) {
	root, err := openFolder(folderOf(args))
	if err != nil {
		return o, err
	}
	defer root.Close()
	p, err := publish.Pack(root, publish.Options{})
	if err != nil {
		return o, packError(err)
	}
	defer p.Close()
	found, err := lint.Run(c.Context(), p, &p.Image, lint.Options{Payloads: true})
	if err != nil {
		return o, err
	}
	r := linted{ID: p.Manifest.ID, Version: p.Manifest.Version, Findings: found, Rules: len(lint.Rules())}
	if r.Findings == nil {
		r.Findings = []lint.Finding{}
	}
	for _, f := range found {
		if f.Severity == lint.Error {
			r.Errors++
		} else {
			r.Warnings++
		}
	}
	if r.Errors > 0 || strict && r.Warnings > 0 {
		o.Exit = cmdline.ExitFailure
	}
	o.Result, o.Text = r, r.text
	return o, nil
}

// text shows the findings to a person.
func (r linted) text(w io.Writer) {
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s %s: %s\n  fix: %s\n", f.Rule, f.Severity, cmdline.Line(f.Message), f.Fix)
	}
	fmt.Fprintf(w, "%s %s: %d rules, %d errors, %d warnings\n", r.ID, r.Version, r.Rules, r.Errors, r.Warnings)
	if len(r.Findings) > 0 {
		fmt.Fprintf(w, "why: plugstead lint --explain %s\n", r.Findings[0].Rule)
	}
}

func explainRules(rules []lint.Rule) cmdline.Outcome {
	return cmdline.Outcome{Result: rules, Text: func(w io.Writer) {
		for _, r := range rules {
			where := "checked by registries, too"
			if r.Payload {
				where = "looks into payloads, which registries do not open"
			}
			fmt.Fprintf(w, "%s %s, %s, %s\nwhy: %s\nfix: %s\n", r.ID, r.Name, r.Severity, where, r.Reason, r.Fix)
		}
	}}
}

func listRules() cmdline.Outcome {
	o := explainRules(lint.Rules())
	o.Text = func(w io.Writer) {
		for _, r := range lint.Rules() {
			fmt.Fprintf(w, "%s  %-8s %s\n", r.ID, r.Severity, r.Name)
		}
	}
	return o
}

// folderOf returns the folder that the arguments of a command name.
func folderOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "."
}

// warned says what a registry warned of, in one line.
func warned(texts []string) string {
	var ids []string
	for _, t := range texts {
		id, _, _ := strings.Cut(cmdline.Line(t), " ")
		ids = append(ids, id)
	}
	return fmt.Sprintf("%d warnings (%s): plugstead lint", len(ids), strings.Join(ids, " "))
}
