package plugcobra_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/plugcobra"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// shelf is a registry with a plugin in some versions that needs another one.
func shelf(t *testing.T) *registrytest.Server {
	t.Helper()
	s := registrytest.New(t)
	for _, v := range []string{"1.0.0", "1.1.0", "2.0.0"} {
		plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", v, "requires: { acme/b: ^1 }"))
	}
	for _, v := range []string{"1.0.0", "1.1.0"} {
		plugintest.Push(t, s.Client().Target("acme/b"), plugintest.Pack(t, "acme/b", v))
	}
	plugintest.Push(t, s.Client().Target("acme/c"), plugintest.Pack(t, "acme/c", "1.0.0", "host: { myapp: '>=1 <3' }"))
	return s
}

// step is a command line, where FILE is a file of the test, and what must come of it.
type step struct {
	args, want string
	code       string // of the error; "": it works
}

func steps(t *testing.T, run func(string) (string, error), file string, list []step) {
	t.Helper()
	for _, c := range list {
		out, err := run("plugin " + strings.ReplaceAll(c.args, "FILE", file))
		if err != nil {
			out += err.Error()
		}
		if (err == nil) != (c.code == "") || !strings.Contains(out, strings.ReplaceAll(c.want, "FILE", file)) || !strings.Contains(out, c.code) {
			t.Errorf("%s:\n%s\nwant %s %s", c.args, out, c.want, c.code)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLockCommands writes a lock, checks it, moves it and installs it.
func TestLockCommands(t *testing.T) {
	run, file := program(t, shelf(t)), filepath.Join(t.TempDir(), "plugins.lock")
	steps(t, run, file, []step{
		{"lock acme/a@^1 --lock FILE", "wrote FILE: 2 plugins for ", ""},
		{"lock --lock FILE", "nothing to do in FILE: 2 plugins", ""},
		{"list", "no plugins are installed", ""},
		{"lock --check --lock FILE", "FILE fits: 2 plugins", ""},
		{"lock --check --lock FILE --json", `"plugins": 2`, ""},
		{"lock --check acme/a@^1 --lock FILE", "FILE fits: 2 plugins", ""},
		{"lock --check acme/a@^2 --lock FILE", "changed acme/a ^2", "code: "},
		{"lock --check acme/c --lock FILE", "added acme/c *", "code: "},
		{"sync --lock FILE", "acme/a  1.1.0", ""},
		{"sync --lock FILE", "nothing to do", ""},
		{"lock acme/c --platform darwin/arm64 --platform plan9/386 --lock FILE", "3 plugins for 3 platforms", ""},
		{"lock --lock FILE --platform nonsense", "--platform: ", "E0001"},
		{"lock --check --upgrade --lock FILE", "[check upgrade]", "none of the others can be"},
		{"lock acme/none --lock FILE", "no plugin is called acme/none", "code: "},
	})
	if text := read(t, file); strings.Count(text, "[[plugin]]") != 3 || !strings.Contains(text, `"plan9/386"`) {
		t.Errorf("the lock is\n%s", text)
	}
}

// TestLockUpgrade leaves a lock alone until it is told to take newer versions.
func TestLockUpgrade(t *testing.T) {
	s := shelf(t)
	run, file := program(t, s), filepath.Join(t.TempDir(), "plugins.lock")
	steps(t, run, file, []step{{"lock acme/a@^1 --lock FILE", "wrote", ""}})
	plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.2.0", "requires: { acme/b: ^1 }"))
	steps(t, run, file, []step{
		{"lock --lock FILE", "nothing to do in", ""},
		{"lock --upgrade --lock FILE", "wrote", ""},
		{"lock --upgrade --lock FILE", "nothing to do in", ""},
	})
	if text := read(t, file); !strings.Contains(text, `version = "1.2.0"`) || strings.Count(text, `version = "1.1.0"`) != 1 {
		t.Errorf("the lock is\n%s", text)
	}
}

// TestLockMerge solves a conflict in both orders of its sides. A lock with markers is
// refused by everything else, and the file stays as it is.
func TestLockMerge(t *testing.T) {
	run, dir := program(t, shelf(t)), t.TempDir()
	ours, theirs, file := filepath.Join(dir, "ours"), filepath.Join(dir, "theirs"), filepath.Join(dir, "merged")
	steps(t, run, ours, []step{{"lock acme/a@<1.1 acme/c --lock FILE", "3 plugins", ""}})
	steps(t, run, theirs, []step{{"lock acme/a@^1 acme/b@=1.0.0 --lock FILE", "2 plugins", ""}})
	var merged []string
	for _, c := range [][2]string{{ours, theirs}, {theirs, ours}} {
		conflict := "<<<<<<< HEAD\n" + read(t, c[0]) + "=======\n" + read(t, c[1]) + ">>>>>>> branch\n"
		if err := os.WriteFile(file, []byte(conflict), 0o600); err != nil {
			t.Fatal(err)
		}
		steps(t, run, file, []step{
			{"sync --lock FILE", "conflict", "E0802"},
			{"lock --check --lock FILE", "conflict", "E0802"},
			{"lock acme/c --lock FILE", "conflict", "E0802"},
		})
		if read(t, file) != conflict {
			t.Fatal("the file was changed by a command that refused it")
		}
		steps(t, run, file, []step{{"lock --merge --lock FILE", "wrote FILE: 3 plugins", ""}, {"lock --check --lock FILE", "fits", ""}})
		merged = append(merged, read(t, file))
	}
	if merged[0] != merged[1] || !strings.Contains(merged[0], `range = ">=1.0.0 <1.1.0"`) || !strings.Contains(merged[0], `range = "=1.0.0"`) {
		t.Errorf("merged to\n%s\nand to\n%s", merged[0], merged[1])
	}
	if err := os.WriteFile(file, []byte("<<<<<<< HEAD\nlock = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	steps(t, run, file, []step{{"lock --merge --lock FILE", "a conflict without its end", "code: "}})
}

// TestPinCommands keeps plugins where they are, and lets them go.
func TestPinCommands(t *testing.T) {
	run := program(t, shelf(t))
	steps(t, run, "", []step{
		{"install acme/a@=1.0.0", "acme/a", ""},
		{"install acme/a@^1", "updated  acme/a  1.0.0 -> 1.1.0", ""},
		{"pin acme/a acme/b@1.0.0", "allow a downgrade of acme/b to 1.0.0", "code: "},
		{"pin acme/a acme/b@1.0.0 --allow-downgrade", "acme/b  1.1.0 -> 1.0.0", ""},
		{"update", "nothing to do", ""},
		{"why-not acme/b@1.1.0", "pin", ""},
		{"unpin acme/b", "generation", ""},
		{"update", "acme/b  1.0.0 -> 1.1.0", ""},
		{"pin acme/c", "pin acme/c: not installed", "code: "},
		{"unpin acme/c", "not installed", "code: "},
		{"pin acme/a@^1", "acme/a", "E0001"},
		{"pin Acme", "Acme", "E0001"},
		{"pin", "requires at least 1 arg", "code: "},
	})
}

// TestQuestionCommands asks why, why not and what if; nothing changes.
func TestQuestionCommands(t *testing.T) {
	run := program(t, shelf(t))
	steps(t, run, "", []step{
		{"install acme/a@^1 acme/c", "generation 1", ""},
		{"why acme/b", "you asked for acme/a ^1 (1.1.0), which requires acme/b ^1 (1.1.0)", ""},
		{"why acme/c", "you asked for acme/c (1.0.0)", ""},
		{"why acme/b --json", `"acme/b"`, ""},
		{"why acme/x", "not installed", "code: "},
		{"why Acme", "Acme", "E0001"},
		{"why-not acme/a@^2", "nothing keeps it away: ", ""},
		{"why-not acme/a@^3", "no version of acme/a is in the range ^3", ""},
		{"why-not acme/a@^3 --json", `"possible": false`, ""},
		{"why-not acme/a@", "range", "E0001"},
		{"what-if --host 2.0.0", "every installed plugin fits myapp 2.0.0", ""},
		{"what-if --host 3.0.0", "acme/c", "code: "},
		{"what-if --host three", "--host: ", "E0001"},
		{"what-if", "--host: ", "E0001"},
		{"list --json", `"generation": 1`, ""},
	})
}

// TestPlanCommands keeps a plan in a file and carries out exactly that, once.
func TestPlanCommands(t *testing.T) {
	s := shelf(t)
	run, file := program(t, s), filepath.Join(t.TempDir(), "plan.json")
	steps(t, run, file, []step{
		{"plan install acme/a@^1 --out FILE", "carry it out with: ", ""},
		{"list", "no plugins are installed", ""},
	})
	plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.9.0"))
	steps(t, run, file, []step{
		{"apply FILE", "acme/a  1.1.0", ""},
		{"apply FILE", "the installed set has changed", "code: "},
		{"plan update", "acme/a  1.1.0 -> 1.9.0", ""},
		{"plan uninstall acme/a", "acme/b", ""},
		{"plan uninstall acme/x", "not installed", "code: "},
		{"plan install acme/a@!", "range", "E0001"},
		{"plan install acme/a@=1.1.0", "only what is asked for", ""},
		{"plan", "install", ""},
		{"apply FILE.gone", "there is no such file", "E0001"},
		{"apply", "accepts 1 arg", "code: "},
	})
	for _, text := range []string{"", "{}", "null", "[]", read(t, file)[:200], strings.Replace(read(t, file), "1.1.0", "1.0.9", 1)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := run("plugin apply " + file); err == nil || plugcobra.ExitCode(err) == 0 {
			t.Errorf("%.40q is a plan: %s", text, out)
		}
	}
	steps(t, run, file, []step{{"list --json", `"generation": 1`, ""}})
}
