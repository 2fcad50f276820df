//go:build unix

package author

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/version"
)

// odd makes the folder of the plugin in testdata/odd, with what plugin.yaml says changed.
func odd(t *testing.T, changes ...string) *Folder {
	t.Helper()
	dir := t.TempDir()
	repo, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	hello := filepath.Join(repo, "examples", "hello")
	put := func(name, from string, pairs ...string) {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, []byte(strings.NewReplacer(pairs...).Replace(string(b))), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	put("plugin.yaml", "testdata/odd/plugin.yaml", append([]string{"PLATFORM", runtime.GOOS + "/" + runtime.GOARCH}, changes...)...)
	put("config.schema.json", "testdata/odd/config.schema.json")
	put("main.go", "testdata/odd/main.go.txt")
	put("newer/newer.go", "testdata/newer/newer.go.txt")
	put("go.mod", filepath.Join(hello, "go.mod"), "=> ../..", "=> "+repo)
	put("go.sum", filepath.Join(hello, "go.sum"))
	return open(t, dir)
}

func open(t *testing.T, dir string) *Folder {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// check runs all checks and returns those that were not passed.
func check(t *testing.T, f *Folder, mode string, o CheckOptions) map[string]Check {
	t.Helper()
	o.Config, o.NoTests, o.stop = json.RawMessage(`{"mode":"`+mode+`"}`), true, 300*time.Millisecond
	told := 0
	o.Done = func(Check) { told++ }
	list, err := f.Check(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if told != len(list) {
		t.Errorf("told of %d checks, and there are %d", told, len(list))
	}
	out := map[string]Check{}
	for _, c := range list {
		if c.Status != Passed {
			out[c.Name] = c
		}
	}
	return out
}

var numberAndName = regexp.MustCompile(`(\d+) sleep`)

func TestCheck(t *testing.T) {
	f := odd(t)
	for mode, want := range map[string][2]string{ // what fails, and what it says
		"":        {},
		"hang":    {"process: stop", "does not stop within 300ms"},
		"single":  {"process: start beside itself", "file exists"},
		"lenient": {"process: unknown key in the configuration", "starts with a key that its schema does not allow"},
		"refuse":  {"process: start", "it wrote:\n  line 2\n"},
		"ill":     {"process: health", "out of sorts"},
	} {
		t.Run("mode "+mode, func(t *testing.T) {
			bad := check(t, f, mode, CheckOptions{})
			delete(bad, "process: examples of the configuration") // there are none
			if mode == "hang" {
				delete(bad, "process: start beside itself") // which stops it, too
			}
			if mode == "" && len(bad) > 0 || mode != "" && len(bad) != 1 {
				t.Errorf("not passed: %+v", bad)
			}
			c := bad[want[0]]
			if mode != "" && (c.Status != Failed || !strings.Contains(c.Message, want[1]) || c.Code == "" || c.Hint == "") {
				t.Errorf("want %s to fail with %q: %+v", want[0], want[1], bad)
			}
		})
	}
	t.Run("required method", func(t *testing.T) {
		bad := check(t, f, "", CheckOptions{Contracts: []string{filepath.Join(f.Dir, "newer")}})
		if c := bad["process: methods"]; c.Message != "/acme.dev/odd.v1/Repeat cannot be called" || c.Status != Failed {
			t.Errorf("%+v", bad)
		}
	})
	t.Run("exclusive", func(t *testing.T) {
		f := odd(t, "config:", "state: { exclusive: true }\nconfig:")
		bad := check(t, f, "single", CheckOptions{})
		if c := bad["process: start beside itself"]; c.Status != Failed || strings.Contains(c.Hint, "exclusive") {
			t.Errorf("one that does not let go when it is asked to: %+v", bad)
		}
	})
	t.Run("end of the context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		list, err := f.Check(ctx, CheckOptions{NoTests: true, Done: func(c Check) {
			if c.Name == "pack" {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) || len(list) > 4 {
			t.Errorf("%v after %+v", err, list)
		}
	})
}

func TestCheckFindsProcesses(t *testing.T) {
	bad := check(t, odd(t), "orphan", CheckOptions{})
	c, ok := bad["process: processes left behind"]
	for _, m := range numberAndName.FindAllStringSubmatch(c.Message, -1) {
		if pid, err := strconv.Atoi(m[1]); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if runtime.GOOS != "linux" {
		if c.Status != Skipped {
			t.Errorf("%+v", bad)
		}
		return
	}
	if !ok || c.Status != Failed || !strings.Contains(c.Message, "sleep") {
		t.Errorf("%+v", bad)
	}
}

func TestContractsMistakes(t *testing.T) {
	f := odd(t)
	empty := t.TempDir()
	for _, named := range []string{empty, "no.such.host.example/x"} {
		_, err := f.Contracts(t.Context(), []string{named})
		if e, ok := errors.AsType[*cmdline.Error](err); !ok || e.Hint == "" {
			t.Errorf("%s: %v", named, err)
		}
	}
	list, err := f.Contracts(t.Context(), nil)
	if err != nil || len(list) != 1 || list[0].ID != "acme.dev/odd" || len(list[0].Methods) != 1 {
		t.Errorf("found %+v, %v", list, err)
	}
}

func TestFits(t *testing.T) {
	f := odd(t, "config:", `host: { acme: ">=2 <3" }`+"\nconfig:")
	for v, want := range map[string]bool{"1.9.9": false, "2.0.0": true, "2.9.0-rc.1": true, "3.0.0": false} {
		if fit := f.Fits("acme", version.MustParse(v), nil); fit.Fits != want || (fit.Why == "") != want {
			t.Errorf("%s: %+v", v, fit)
		}
	}
	if fit := f.Fits("other", version.MustParse("2.0.0"), nil); fit.Fits || !strings.Contains(fit.Why, "other") {
		t.Errorf("%+v", fit)
	}
	needy := odd(t, "config:", "requires: { acme/none: ^1 }\nconfig:")
	if fit := needy.Fits("acme", version.MustParse("1.0.0"), nil); !fit.Fits {
		t.Errorf("what it requires is another question: %+v", fit)
	}
}
