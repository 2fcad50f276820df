package plugcobra_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/internal/terminal/terminaltest"
	"github.com/plugstead/plugstead/plugcobra"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// asker is a program that is used on a terminal, or on something else.
type asker struct {
	t *testing.T
	h *plugstead.Host
}

func newAsker(t *testing.T) (asker, *registrytest.Server) {
	t.Setenv("TERM", "xterm")
	t.Setenv("CI", "")
	s := registrytest.New(t)
	h, err := plugstead.OpenFor(t.Context(), nil, facts(t, s), plugstead.Options{Dir: filepath.Join(t.TempDir(), "plugins"), Registry: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return asker{t, h}, s
}

func (a asker) run(ctx context.Context, in io.Reader, stderr io.Writer, args string) (string, error) {
	root := &cobra.Command{Use: "myapp", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(plugcobra.Command(a.h))
	var out bytes.Buffer
	root.SetIn(in)
	root.SetOut(&out)
	root.SetErr(stderr)
	root.SetArgs(strings.Fields("plugin " + args))
	err := root.ExecuteContext(ctx)
	return out.String(), err
}

func publishAsking(t *testing.T, s *registrytest.Server, v, asks string) {
	t.Helper()
	plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", v, "capabilities: ["+asks+"]"))
}

// TestAnswers answers the question of an install in several ways.
func TestAnswers(t *testing.T) {
	for answer, yes := range map[string]bool{
		"y\n": true, "YES\n": true, " yes \n": true,
		"\n": false, "n\n": false, "no\n": false, "yess\n": false, "y y\n": false, "\x04": false, "\x1b[31my\n": false,
	} {
		a, s := newAsker(t)
		publishAsking(t, s, "1.0.0", `"env:HOME", "net:a.dev:443"`)
		tty := terminaltest.New(t, 100, 24)
		tty.Type(t, answer)
		out, err := a.run(t.Context(), tty.File, tty.File, "install acme/a")
		shown := tty.Close()
		if !strings.Contains(shown, "acme/a 1.0.0 asks for:\r\n  environment: may read the environment variable HOME\r\n  network: may connect to a.dev:443\r\nGrant this? [y/N] ") {
			t.Errorf("%q: shown %q", answer, shown)
		}
		if yes && (err != nil || !strings.Contains(out, "acme/a 1.0.0 is granted:\n  environment")) {
			t.Errorf("%q: %v\n%s", answer, err, out)
		}
		if !yes && (plugcobra.ExitCode(err) != cmdline.ExitConsent || !strings.Contains(err.Error(), "nothing was changed") || strings.Contains(err.Error(), "hint")) {
			t.Errorf("%q: %v", answer, err)
		}
		if g, err := a.h.Installed(); err != nil || (len(g.Records) == 1) != yes {
			t.Errorf("%q: %+v, %v", answer, g, err)
		}
	}
}

// TestAskedForTheDifference updates on a terminal, from a lock and from a plan as well.
func TestAskedForTheDifference(t *testing.T) {
	a, s := newAsker(t)
	publishAsking(t, s, "1.0.0", `"env:HOME"`)
	lock, plan := filepath.Join(t.TempDir(), "plugins.lock"), filepath.Join(t.TempDir(), "plan")
	ask := func(args, want string) {
		t.Helper()
		tty := terminaltest.New(t, 100, 24)
		tty.Type(t, "y\n")
		_, err := a.run(t.Context(), tty.File, tty.File, args)
		shown := tty.Close()
		if err != nil || want != "" && !strings.Contains(shown, want) || want == "" && strings.Contains(shown, "Grant") {
			t.Errorf("%s: %v, %q", args, err, shown)
		}
	}
	ask("install acme/a --lock "+lock, "acme/a 1.0.0 asks for:\r\n  environment: may read the environment variable HOME\r\nGrant")
	publishAsking(t, s, "1.1.0", `"env:HOME", "run:git"`)
	ask("plan update --out "+plan, "")
	ask("apply "+plan, "acme/a 1.1.0 asks for more than 1.0.0 was granted:\r\n  programs: may run the program git\r\nGrant")
	ask("update", "")
	ask("rollback --to 1", "")
	ask("update --lock "+lock, "programs: may run the program git\r\nGrant")
	ask("uninstall acme/a", "")
	ask("install --frozen --lock "+lock, "") // the lock has the grants
}

// TestNobodyToAsk: without a terminal, in a build service and with --json nothing is asked,
// whatever input there is.
func TestNobodyToAsk(t *testing.T) {
	for name, c := range map[string]struct{ ci, flags, in, err string }{
		"input":  {"", "", "file", "terminal"},
		"output": {"", "", "terminal", "file"},
		"ci":     {"true", "", "terminal", "terminal"},
		"json":   {"", " --json", "terminal", "terminal"},
		"events": {"", " --json=events", "terminal", "terminal"},
	} {
		a, s := newAsker(t)
		publishAsking(t, s, "1.0.0", `"env:HOME"`)
		t.Setenv("CI", c.ci)
		tty := terminaltest.New(t, 100, 24)
		tty.Type(t, "y\n")
		var in io.Reader = tty.File
		var stderr io.Writer = tty.File
		if c.in == "file" {
			in = strings.NewReader("y\n")
		}
		if c.err == "file" {
			stderr = new(bytes.Buffer)
		}
		_, err := a.run(t.Context(), in, stderr, "install acme/a"+c.flags)
		if shown := tty.Close(); plugcobra.ExitCode(err) != cmdline.ExitConsent || strings.Contains(shown, "Grant") {
			t.Errorf("%s: %v, %q", name, err, shown)
		}
		if g, err := a.h.Installed(); err != nil || len(g.Records) > 0 {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
}

// TestQuestionInterrupted gives up while the question waits.
func TestQuestionInterrupted(t *testing.T) {
	a, s := newAsker(t)
	publishAsking(t, s, "1.0.0", `"env:HOME"`)
	tty := terminaltest.New(t, 100, 24)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		tty.Wait("[y/N] ")
		cancel()
	}()
	_, err := a.run(ctx, tty.File, tty.File, "install acme/a")
	tty.Type(t, "\n") // whoever still reads ends
	tty.Close()
	if !errors.Is(err, context.Canceled) || plugcobra.ExitCode(err) != cmdline.ExitInterrupted {
		t.Errorf("%v", err)
	}
}
