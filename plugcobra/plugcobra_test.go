package plugcobra_test

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/wasm"
	"github.com/plugstead/plugstead/plugcobra"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/sdk"
)

// program is an application with the commands mounted.
func program(t *testing.T, s *registrytest.Server) func(args string) (string, error) {
	t.Helper()
	h, err := plugstead.OpenFor(t.Context(), nil, facts(t, s), plugstead.Options{Dir: filepath.Join(t.TempDir(), "plugins"), Registry: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return func(args string) (string, error) {
		root := &cobra.Command{Use: "myapp", SilenceUsage: true, SilenceErrors: true}
		root.AddCommand(plugcobra.Command(h))
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(strings.Fields(args))
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
}

// facts are those of a host that runs WebAssembly.
func facts(t *testing.T, s *registrytest.Server) (f plugstead.Facts) {
	t.Helper()
	h, err := plugstead.OpenWith(t.Context(), []load.Driver{wasm.Driver{}}, plugstead.Options{
		App: "myapp", Version: "1.0.0", Dir: t.TempDir(), Registry: s.URL, Points: []*contract.Point{greeter},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	return h.Facts()
}

func TestCommands(t *testing.T) {
	s := registrytest.New(t)
	for _, v := range []string{"1.0.0", "1.1.0"} {
		plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", v, "requires: { acme/b: ^1 }", `capabilities: ["env:HOME"]`))
	}
	plugintest.Push(t, s.Client().Target("acme/b"), plugintest.Pack(t, "acme/b", "1.0.0"))
	run := program(t, s)
	for _, c := range []struct{ args, want string }{
		{"plugin search greeter", "no plugin matches"},
		{"plugin search acme", "acme/a  1.1.0    The acme/a plugin"},
		{"plugin search --at acme.dev/greeter --limit 1", "acme/a"},
		{"plugin info acme/a", "asks to    read the environment variable HOME"},
		{"plugin info acme/b --json", `"requires": []`},
		{"plugin info acme/b --json", `"capabilities": []`},
		{"plugin list", "no plugins are installed"},
		{"plugin outdated", "no plugins are installed"},
		{"plugin history", "there are no generations to go back to"},
		{"plugin install acme/a@1.0.0 --dry-run", "would install  acme/a  1.0.0"},
		{"plugin install acme/a@1.0.0 --dry-run", "acme/a 1.0.0 asks for:\n  environment: may read the environment variable HOME\n"},
		{"plugin install acme/a@1.0.0 --allow env:HOME", "acme/a 1.0.0 is granted:\n  environment: may read the environment variable HOME\n"},
		{"plugin list", "acme/b  1.0.0    wasm     acme/a 1.0.0"},
		{"plugin install acme/a@^1", "updated  acme/a  1.0.0 -> 1.1.0"},
		{"plugin outdated", "acme/a  1.1.0      1.1.0   1.1.0"},
		{"plugin update", "nothing to do"},
		{"plugin install acme/a@1.1.0", "no plugin changes, only what is asked for\ngeneration 3"},
		{"plugin install acme/a@1.1.0 --json", `"changed": false`},
		{"plugin install acme/a@^1 --json", `"changed": true`},
		{"plugin rollback --to 1", "generation 5, equal to generation 1"},
		{"plugin outdated", "acme/a  1.0.0"},
		{"plugin history", "rollback to generation 1"},
		{"plugin uninstall acme/a", "removed  acme/b  1.0.0"},
	} {
		if out, err := run(c.args); err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%s:\n%s%v\nwant %s", c.args, out, err, c.want)
		}
	}
}

var (
	greeter = contract.Define("acme.dev/greeter", 1, 0)
	greet   = contract.Unary[string, string](greeter, "Greet")
)

// The test binary is a program with a plugin linked in.
func init() {
	sdk.Register("acme/linked", greet.Handle(func(_ context.Context, s string) (string, error) { return s, nil }))
}

func TestLinkedPluginIsNotInstalled(t *testing.T) {
	s := registrytest.New(t)
	plugintest.Push(t, s.Client().Target("acme/linked"), plugintest.Pack(t, "acme/linked", "1.0.0"))
	h, err := plugstead.Open(t.Context(), plugstead.Options{
		App: "myapp", Version: "1.0.0", Dir: t.TempDir(), Registry: s.URL, Points: []*contract.Point{greeter},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	c := plugcobra.Command(h)
	c.SetArgs([]string{"install", "acme/linked"})
	err = c.ExecuteContext(t.Context())
	if err == nil || !strings.Contains(err.Error(), "acme/linked: linked into this program\nhint: ") || !strings.Contains(err.Error(), "code: E0208") {
		t.Fatal(err)
	}
	if g, err := h.Installed(); err != nil || g.Number != 0 {
		t.Fatal(g, err)
	}
}

func TestErrors(t *testing.T) {
	run := program(t, registrytest.New(t))
	for args, want := range map[string]struct {
		text string
		exit int
	}{
		"plugin instal acme/a":     {"hint: myapp plugin install", 2},
		"plugin install":           {"code: E0001", 2},
		"plugin install Acme":      {"want namespace/name", 2},
		"plugin install acme/none": {"hint: myapp plugin search none", 3},
		"plugin update acme/none":  {"hint: myapp plugin list", 1},
		"plugin uninstall bad":     {"code: E0001", 2},
		"plugin rollback":          {"code: E0303", 1},
		"plugin info bad":          {"code: E0001", 2},
		"plugin search --at BAD":   {"--at: ", 2},

		"plugin search --limit 0":                   {"--limit 0: want", 2},
		"plugin search --limit 201":                 {"--limit 201: want", 2},
		"plugin search --runtime cobol":             {`--runtime "cobol": want one of wasm, process, command, files`, 2},
		"plugin search " + strings.Repeat("x", 201): {"at most 200 bytes", 2},
		"plugin search a\xff":                       {"of text", 2},
		"plugin install acme/a --wait -1s":          {"--wait -1s: want", 2},
	} {
		if _, err := run(args); err == nil || !strings.Contains(err.Error(), want.text) || plugcobra.ExitCode(err) != want.exit {
			t.Errorf("%s: %v, exit %d", args, err, plugcobra.ExitCode(err))
		}
	}
	out, err := run("plugin install acme/none --json")
	var x struct {
		OK    bool
		Error struct{ Code string }
	}
	if json.Unmarshal([]byte(out), &x) != nil || x.OK || x.Error.Code != "E0201" || plugcobra.ExitCode(err) != 3 {
		t.Errorf("%s %v", out, err)
	}
}

// TestHistoryTimes has times that other programs can read.
func TestHistoryTimes(t *testing.T) {
	s := registrytest.New(t)
	plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.0.0"))
	run := program(t, s)
	if out, err := run("plugin install acme/a"); err != nil {
		t.Fatal(out, err)
	}
	out, err := run("plugin history --json")
	var x struct {
		Result []struct{ Made time.Time }
	}
	if err != nil || json.Unmarshal([]byte(out), &x) != nil || len(x.Result) != 1 || x.Result[0].Made.IsZero() {
		t.Errorf("%s%v", out, err)
	}
	out, err = run("plugin history")
	if err != nil || !strings.Contains(out, x.Result[0].Made.Format("2006-01-02 15:04:05Z")) {
		t.Errorf("%s%v", out, err)
	}
}
