//go:build unix

package plugcobra_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/plugcobra"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// settings is an application in a folder, with one plugin, whose commands may run at one time.
func settings(t *testing.T) func(args string) (string, error) {
	t.Helper()
	s := registrytest.New(t)
	plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.0.0"))
	dir := filepath.Join(t.TempDir(), "plugins")
	f := facts(t, s)
	run := func(args string) (string, error) {
		h, err := plugstead.OpenFor(t.Context(), nil, f, plugstead.Options{Dir: dir, Registry: s.URL})
		if err != nil {
			return "", err
		}
		defer h.Close()
		root := &cobra.Command{Use: "myapp", SilenceUsage: true, SilenceErrors: true}
		root.AddCommand(plugcobra.Command(h))
		var out strings.Builder
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetIn(strings.NewReader(""))
		root.SetArgs(strings.Fields(args))
		err = root.ExecuteContext(t.Context())
		return out.String(), err
	}
	if out, err := run("plugin install acme/a"); err != nil {
		t.Fatalf("%s, %v", out, err)
	}
	return run
}

// TestConfigAtOnce: no key is lost if several are set at one time.
func TestConfigAtOnce(t *testing.T) {
	run := settings(t)
	const n = 8
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if out, err := run(fmt.Sprintf("plugin config acme/a set k%d=%d", i, i)); err != nil {
				t.Errorf("%s, %v", out, err)
			}
		})
	}
	wg.Wait()
	out, err := run("plugin config acme/a get")
	for i := range n {
		if want := fmt.Sprintf(`"k%d": %d`, i, i); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s is lost: %s, %v", want, out, err)
		}
	}
}

// TestConfigEditMeanwhile: what somebody else set while the editor was open is not overwritten.
func TestConfigEditMeanwhile(t *testing.T) {
	run := settings(t)
	dir := t.TempDir()
	script := filepath.Join(dir, "editor")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho '{\"mine\":1}' > \"$1\"\nmkfifo "+dir+"/done\n: > "+dir+"/open\ncat "+dir+"/done\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VISUAL", script)
	ended := make(chan error, 1)
	go func() { _, err := run("plugin config acme/a edit"); ended <- err }()
	for {
		if _, err := os.Stat(filepath.Join(dir, "open")); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("the editor did not wait: %v", err)
		default:
		}
	}
	if out, err := run("plugin config acme/a set theirs=2"); err != nil {
		t.Fatalf("%s, %v", out, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "done"), nil, 0o600); err != nil { // opens the pipe
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "code: E0304") {
		t.Errorf("%v", err)
	}
	if out, err := run("plugin config acme/a get"); err != nil || !strings.Contains(out, "theirs") || strings.Contains(out, "mine") {
		t.Errorf("%s, %v", out, err)
	}
}

// TestConfigSetOfTwoMeanings: a value in which a key is repeated is no value.
func TestConfigSetOfTwoMeanings(t *testing.T) {
	run := settings(t)
	for _, value := range []string{`{"a":1,"a":2}`, `[{"a":1,"A":2}]`, `{"a":"\ud800"}`} {
		if out, err := run("plugin config acme/a set x=" + value); err == nil || !strings.Contains(err.Error(), "code: E0001") || !strings.Contains(err.Error(), "x: ") {
			t.Errorf("%s: %s, %v", value, out, err)
		}
	}
	if out, err := run(`plugin config acme/a set x={"a":1.10} y=1.10 z={a`); err != nil {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := run("plugin config acme/a get"); err != nil || strings.Join(strings.Fields(out), "") != `{"x":{"a":1.10},"y":1.10,"z":"{a"}` {
		t.Errorf("%s, %v", out, err)
	}
}
