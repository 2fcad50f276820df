// Package cmdline is what all commands share, in the stand-alone program and in the
// commands that applications mount: how a result is shown, in words or as JSON, and
// how an error is explained.
//
// Results go to standard output, everything else to standard error. With --json
// exactly one JSON document goes to standard output, also for an error; with
// --json=events it is the last of several, one a line.
package cmdline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
)

// Schema names the form of the JSON document.
const Schema = "plugstead.cli/v1"

// Outcome is what a command did.
type Outcome struct {
	Result  any             // for --json
	Changed bool            // whether anything is different now
	Exit    int             // other than 0: what was asked has been found out, and the answer is no
	Text    func(io.Writer) // shows the result to a person
}

// document is what --json prints.
type document struct {
	Event   string     `json:"event,omitempty"` // "result", with --json=events
	Schema  string     `json:"schema"`
	Command string     `json:"command"`
	OK      bool       `json:"ok"`
	Changed bool       `json:"changed"`
	Result  any        `json:"result"`
	Error   *errorJSON `json:"error"`
}

type errorJSON struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`

	Failure *resolve.Failure `json:"failure,omitempty"` // why nothing could be chosen
	Asks    []update.Ask     `json:"asks,omitempty"`    // what nobody granted
}

// Exit is an error that only carries an exit code; everything was said already.
type Exit int

// Error names the code.
func (e Exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// Run makes the RunE of a command.
func Run(f func(c *cobra.Command, args []string) (Outcome, error)) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		o, err := f(c, args)
		if err != nil {
			return Fail(c, err)
		}
		if FormOf(c) != Text {
			err = show(c, document{OK: true, Changed: o.Changed, Result: o.Result})
		} else if o.Text != nil {
			w := &writer{to: c.OutOrStdout()}
			o.Text(w)
			err = w.err
		}
		if err == nil && o.Exit != 0 {
			return Exit(o.Exit)
		}
		return err
	}
}

// writer shows what is [Printable]: reasons, names and answers come from strangers. It remembers
// the first error, so that a result that got lost, on a full disk for example, is no success.
type writer struct {
	to  io.Writer
	err error
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (n int, err error) {
	if w.err == nil {
		_, w.err = io.WriteString(w.to, Printable(string(p)))
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// WriteJSON writes v as JSON, in one line if indent is empty. What cannot be seen is escaped, so
// that it neither steers a terminal nor gets lost. It returns the error of v or of w.
func WriteJSON(w io.Writer, v any, indent string) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	var out strings.Builder
	for _, r := range b.String() {
		if r == '\n' || unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&out, "\\u%04x", unit)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// Fail explains an error. With --json it is printed, and an [Exit] comes back.
func Fail(c *cobra.Command, err error) error {
	e := Explain(Program(c), err)
	if words, ok := strings.CutPrefix(e.Hint, Program(c)+" "); ok && e.Code != "E0001" && e.Code != "E0002" {
		e.Hint = Again(c, words)
	}
	if FormOf(c) == Text {
		return e
	}
	d := document{Error: &errorJSON{Code: e.Code, Message: e.What(), Hint: e.Hint}}
	if f, ok := errors.AsType[*resolve.Failure](err); ok {
		d.Error.Failure = f
	}
	if a, ok := errors.AsType[*update.ConsentError](err); ok {
		d.Error.Asks = a.Asks
	}
	if err := show(c, d); err != nil {
		return err
	}
	return Exit(e.Exit())
}

func show(c *cobra.Command, d document) error {
	d.Schema, d.Command = Schema, c.Name()
	if FormOf(c) == Events {
		d.Event = "result"
		return Emit(c, d)
	}
	return WriteJSON(c.OutOrStdout(), d, "  ")
}

// Of marks a group whose verbs stand for verbs beside the group: "plan install" is
// explained with "install".
const Of = "plugstead.of"

// Program returns what a user types before the verb of c.
func Program(c *cobra.Command) string {
	if p := c.Parent(); p != nil && p.Annotations[Of] != "" {
		c = p
	}
	path := c.CommandPath()
	if i := strings.LastIndexByte(path, ' '); i >= 0 && c.HasParent() {
		return path[:i]
	}
	return path
}

// forWhom are the flags that say for which application a command acts.
var forWhom = []string{"app", "host", "point", "dir", "store"}

// Again returns the command line of another verb for the application that c acts for:
// the program, words, and those flags of c that said which one it is.
func Again(c *cobra.Command, words string) string {
	var b strings.Builder
	b.WriteString(Program(c) + " " + words)
	for _, name := range forWhom {
		f := c.Flags().Lookup(name)
		if f == nil || !f.Changed {
			continue
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(interface{ GetSlice() []string }); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			if name == "host" && !strings.Contains(v, "@") {
				continue // that of what-if is a version to think of
			}
			fmt.Fprintf(&b, " --%s %s", name, quote(v))
		}
	}
	return b.String()
}

// quote keeps what a shell would take apart or replace together.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@._/-+:,=", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Group makes a command of others: alone it shows its help, with a word that is no
// command it fails and names the nearest one.
func Group(c *cobra.Command) *cobra.Command {
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SuggestionsMinimumDistance = 2
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := c.CommandPath() + " --help"
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			slices.Sort(near)
			hint = c.CommandPath() + " " + near[0]
		}
		return Fail(c, New("E0001", hint, "unknown command %q", args[0]))
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return Fail(c, New("E0001", c.CommandPath()+" --help", "%w", err))
	})
	return c
}

// Examples adds examples to the help of c: the words behind its own name, one example
// a string. They are shown as a user types them, wherever c is mounted; a command that
// has to be told the application gets --app.
func Examples(c *cobra.Command, words ...string) {
	c.SetHelpFunc(func(c *cobra.Command, args []string) {
		var lines []string
		for _, w := range words {
			line := "  " + c.CommandPath()
			if c.Flags().Lookup("app") != nil {
				line += " --app acme"
			}
			lines = append(lines, strings.TrimSuffix(line+" "+w, " "))
		}
		c.Example = strings.Join(lines, "\n")
		c.Root().HelpFunc()(c, args)
	})
}

// Args wraps a check of arguments so that its error is a usage error.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return Fail(c, New("E0001", c.CommandPath()+" --help", "%w", err))
		}
		return nil
	}
}

// ExitCode returns the exit code that goes with what a command returned.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if e, ok := errors.AsType[Exit](err); ok {
		return int(e)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Exit()
	}
	return ExitFailure
}

// Bytes shows a size to a person.
func Bytes(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
