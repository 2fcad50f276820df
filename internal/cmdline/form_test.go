package cmdline_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/internal/cmdline"
)

// TestForms reads --json in all the ways to write it.
func TestForms(t *testing.T) {
	for args, want := range map[string]cmdline.Form{
		"":                      cmdline.Text,
		"--json":                cmdline.JSON,
		"--json=true":           cmdline.JSON,
		"--json=false":          cmdline.Text,
		"--json=events":         cmdline.Events,
		"--json=events --json":  cmdline.JSON,
		"--json --json=0":       cmdline.Text,
		"--json=1 --json=event": "", // a mistake
		"--json=":               "",
	} {
		var got cmdline.Form
		c := &cobra.Command{Use: "prog", RunE: func(c *cobra.Command, args []string) error {
			got = cmdline.FormOf(c)
			return nil
		}, SilenceErrors: true, SilenceUsage: true}
		cmdline.JSONFlag(c)
		c.SetArgs(strings.Fields(args))
		if err := c.Execute(); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", args, got, err)
		}
	}
	foreign := &cobra.Command{Use: "app"}
	if cmdline.FormOf(foreign) != cmdline.Text {
		t.Error("a command without --json")
	}
	foreign.Flags().Bool("json", false, "")
	if err := foreign.ParseFlags([]string{"--json"}); err != nil || cmdline.FormOf(foreign) != cmdline.JSON {
		t.Error("the flag of an application", err)
	}
}

// TestJSONFlagTakesNoWord keeps the word after --json an argument.
func TestJSONFlagTakesNoWord(t *testing.T) {
	c, out := root(func() (cmdline.Outcome, error) { return cmdline.Outcome{Result: "x"}, nil })
	c.SetArgs(strings.Fields("plugin install --json events"))
	if err := c.Execute(); err != nil || !strings.Contains(out.String(), `  "result": "x"`) {
		t.Errorf("%s%v", out, err)
	}
}

// TestEventForm ends with the usual document on one line, also for an error.
func TestEventForm(t *testing.T) {
	for want, f := range map[string]func() (cmdline.Outcome, error){
		`{"event":"result","schema":"plugstead.cli/v1","command":"install","ok":true,"changed":true,"result":"<x>","error":null}`: func() (cmdline.Outcome, error) {
			return cmdline.Outcome{Result: "<x>", Changed: true}, nil
		},
		`{"event":"result","schema":"plugstead.cli/v1","command":"install","ok":false,"changed":false,"result":null,"error":{"code":"E0000","message":"no"}}`: func() (cmdline.Outcome, error) {
			return cmdline.Outcome{}, errors.New("no")
		},
	} {
		c, out := root(f)
		c.SetArgs(strings.Fields("plugin install x --json=events"))
		_ = c.Execute()
		if out.String() != want+"\n" {
			t.Errorf("%s\nwant %s", out, want)
		}
	}
	var out bytes.Buffer
	c := &cobra.Command{}
	c.SetOut(&out)
	if err := cmdline.Emit(c, map[string]string{"a": "b\nc"}); err != nil || out.String() != `{"a":"b\nc"}`+"\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	c.SetOut(full{})
	if cmdline.Emit(c, 1) == nil {
		t.Error("a lost event is no error")
	}
}
