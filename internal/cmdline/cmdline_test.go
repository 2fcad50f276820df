package cmdline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
)

func TestReferenceListsEveryCode(t *testing.T) {
	b, err := os.ReadFile("../../docs/reference/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	exits, err := os.ReadFile("../../docs/reference/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for code, c := range cmdline.Codes {
		if !strings.Contains(string(b), fmt.Sprintf("| %s | %d | %s |", code, c.Exit, c.Meaning)) {
			t.Errorf("docs/reference/errors.md lacks %s, %d, %s", code, c.Exit, c.Meaning)
		}
		if !strings.Contains(string(exits), fmt.Sprintf("| %d |", c.Exit)) {
			t.Errorf("docs/reference/exit-codes.md lacks %d", c.Exit)
		}
		rows++
	}
	if n := strings.Count(string(b), "\n| E"); n != rows {
		t.Errorf("the page has %d rows, the table %d", n, rows)
	}
}

func root(run func() (cmdline.Outcome, error)) (*cobra.Command, *bytes.Buffer) {
	out := new(bytes.Buffer)
	c := cmdline.Group(&cobra.Command{Use: "prog"})
	cmdline.JSONFlag(c)
	g := cmdline.Group(&cobra.Command{Use: "plugin"})
	g.AddCommand(&cobra.Command{Use: "install", Args: cmdline.Args(cobra.ExactArgs(1)), RunE: cmdline.Run(func(*cobra.Command, []string) (cmdline.Outcome, error) { return run() })})
	c.AddCommand(g)
	c.SetOut(out)
	c.SetErr(out)
	return c, out
}

func TestMistypedCommands(t *testing.T) {
	for args, want := range map[string]string{
		"plugin instal x":      "unknown command \"instal\"\nhint: prog plugin install\ncode: E0001",
		"plugin nothing":       "hint: prog plugin --help",
		"plugin install":       "accepts 1 arg(s)",
		"plugin install --bad": "unknown flag: --bad",
		"plugn":                "hint: prog plugin",
	} {
		c, _ := root(nil)
		c.SetArgs(strings.Fields(args))
		err := c.Execute()
		if err == nil || !strings.Contains(err.Error(), want) || cmdline.ExitCode(err) != cmdline.ExitUsage {
			t.Errorf("%s: %v, exit %d", args, err, cmdline.ExitCode(err))
		}
	}
}

func TestJSON(t *testing.T) {
	for name, c := range map[string]struct {
		outcome cmdline.Outcome
		err     error
		want    string
		exit    int
	}{
		"result":  {cmdline.Outcome{Result: []int{1}, Changed: true}, nil, `{"schema":"plugstead.cli/v1","command":"install","ok":true,"changed":true,"result":[1],"error":null}`, 0},
		"pending": {cmdline.Outcome{Exit: cmdline.ExitPending}, nil, `{"schema":"plugstead.cli/v1","command":"install","ok":true,"changed":false,"result":null,"error":null}`, 10},
		"error": {
			cmdline.Outcome{},
			fmt.Errorf("a/b: %w", client.ErrUnreachable),
			`{"schema":"plugstead.cli/v1","command":"install","ok":false,"changed":false,"result":null,"error":{"code":"E0402","message":"a/b: registry cannot be reached","hint":"check the address in PLUGSTEAD_REGISTRY, then try again"}}`, 6,
		},
	} {
		cmd, out := root(func() (cmdline.Outcome, error) { return c.outcome, c.err })
		cmd.SetArgs([]string{"plugin", "install", "x", "--json"})
		err := cmd.Execute()
		var got bytes.Buffer
		if err := json.Compact(&got, out.Bytes()); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if got.String() != c.want || cmdline.ExitCode(err) != c.exit {
			t.Errorf("%s:\n got %s, exit %d\nwant %s, exit %d", name, got.String(), cmdline.ExitCode(err), c.want, c.exit)
		}
	}
}

// TestJSONOfMistakes has command lines that never reach a command.
func TestJSONOfMistakes(t *testing.T) {
	for _, args := range []string{"plugin install --json", "plugin nothing --json", "plugin install --json --bad", "nothing --json"} {
		cmd, out := root(nil)
		cmd.SetArgs(strings.Fields(args))
		err := cmd.Execute()
		var x struct {
			OK    bool
			Error struct{ Code cmdline.Code }
		}
		if jerr := json.Unmarshal(out.Bytes(), &x); jerr != nil || x.OK || x.Error.Code != "E0001" || cmdline.ExitCode(err) != cmdline.ExitUsage {
			t.Errorf("%s: %q, %v, exit %d", args, out, jerr, cmdline.ExitCode(err))
		}
	}
}

func TestExitCodeOfWrappedErrors(t *testing.T) {
	for want, err := range map[int]error{7: cmdline.Exit(7), cmdline.ExitNetwork: cmdline.Explain("x", client.ErrUnreachable)} {
		if got := cmdline.ExitCode(errors.Join(fmt.Errorf("myapp: %w", err), errors.New("and more"))); got != want {
			t.Errorf("%v: exit %d, want %d", err, got, want)
		}
	}
}

// TestAgain makes the command line that a hint shows.
func TestAgain(t *testing.T) {
	var got string
	var points []string
	c := &cobra.Command{Use: "prog"}
	v := &cobra.Command{Use: "install", RunE: func(c *cobra.Command, _ []string) error {
		got = cmdline.Again(c, "rollback")
		return cmdline.Fail(c, fmt.Errorf("x: %w", update.ErrNotInstalled))
	}}
	v.Flags().String("host", "", "")
	v.Flags().String("dir", "", "")
	v.Flags().String("registry", "", "")
	v.Flags().StringArrayVar(&points, "point", nil, "")
	c.AddCommand(v)
	c.SilenceErrors, c.SilenceUsage = true, true
	for _, line := range [][2]string{ // in this order: flags stay set
		{"install", "prog rollback"},
		{"install --host 3.0.0", "prog rollback"}, // of what-if: it says no application
		{"install --registry x --host a@1.0.0 --point p@1.0 --point q@2.0 --dir it's", `prog rollback --host a@1.0.0 --point p@1.0 --point q@2.0 --dir 'it'\''s'`},
	} {
		args, want := line[0], line[1]
		c.SetArgs(strings.Fields(args))
		err := c.Execute()
		if got != want || err == nil || !strings.Contains(err.Error(), "hint: "+strings.Replace(want, "rollback", "list", 1)+"\n") {
			t.Errorf("%s: %s\n%v\nwant %s", args, got, err, want)
		}
	}
}

// full is a disk with no space left.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestLostOutputIsAFailure(t *testing.T) {
	for _, flag := range []string{"--json=false", "--json"} {
		c, _ := root(func() (cmdline.Outcome, error) {
			return cmdline.Outcome{Result: 1, Text: func(w io.Writer) { fmt.Fprintln(w, "1"); fmt.Fprintln(w, "2") }}, nil
		})
		c.SetOut(full{})
		c.SetArgs([]string{"plugin", "install", "x", flag})
		if err := c.Execute(); !errors.Is(err, syscall.ENOSPC) || cmdline.ExitCode(err) != cmdline.ExitFailure {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestExamples(t *testing.T) {
	c, out := root(nil)
	install, _, err := c.Find([]string{"plugin", "install"})
	if err != nil {
		t.Fatal(err)
	}
	cmdline.Examples(install, "acme/a", "'acme/a@^1'")
	for i, want := range []string{
		"  prog plugin install acme/a\n  prog plugin install 'acme/a@^1'\n",
		"  prog plugin install --app acme acme/a\n  prog plugin install --app acme 'acme/a@^1'\n",
	} {
		if i == 1 {
			install.Flags().String("app", "", "")
		}
		out.Reset()
		c.SetArgs([]string{"plugin", "install", "--help"})
		if err := c.Execute(); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%v\n%s\nwant %s", err, out, want)
		}
	}
}

func TestExplain(t *testing.T) {
	e := cmdline.Explain("folio plugin", fmt.Errorf("x: %w", index.ErrNotFound))
	if e.Code != "E0201" || e.Hint != "folio plugin search" || e.Exit() != cmdline.ExitNoSolution || !errors.Is(e, index.ErrNotFound) {
		t.Errorf("%+v", e)
	}
	if again := cmdline.Explain("other", e); again != e {
		t.Error("an explained error was explained again")
	}
	e = cmdline.Explain("x", errors.New("odd \x1b[31m\x9b\u202e\x07 text"))
	if e.Code != "E0000" || strings.ContainsAny(e.Error(), "\x1b\x07\u202e\u009b") {
		t.Errorf("%q", e.Error())
	}
	e = cmdline.Explain("x", &resolve.Failure{Kind: resolve.Unknown, ID: "a/\x1b[31m"})
	if strings.Contains(e.Error(), "\x1b") {
		t.Errorf("%q", e.Error())
	}
	codes := []cmdline.Code{}
	for c := range cmdline.Codes {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	if codes[0] != "E0000" || cmdline.ExitCode(nil) != 0 || cmdline.ExitCode(errors.New("x")) != 1 || cmdline.ExitCode(cmdline.Exit(7)) != 7 {
		t.Error("exit codes")
	}
}
