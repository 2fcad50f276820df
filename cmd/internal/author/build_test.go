//go:build unix

package author

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/plugstead/plugstead/internal/cmdline"
)

// folderOf makes a plugin folder of files.
func folderOf(t *testing.T, files map[string]string) *Folder {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, dir)
}

const (
	here      = runtime.GOOS + "/" + runtime.GOARCH
	wasmRun   = "id: a/b\nversion: 1.0.0\nruntimes: { wasm: { module: b.wasm } }\n"
	bothRun   = "id: a/b\nversion: 1.0.0\nruntimes: { wasm: { module: b.wasm }, process: { platforms: { plan9/mips: bin/p9, " + here + ": bin/b } } }\n"
	farRun    = "id: a/b\nversion: 1.0.0\nruntimes: { process: { platforms: { plan9/mips: bin/p9 } } }\n"
	scriptRun = "id: a/b\nversion: 1.0.0\nruntimes: { command: { script: b.sh }, files: { folder: theme } }\n"
	module    = "module x.dev/b\n\ngo 1.26.0\n"
	program   = "package main\n\nfunc main() {}\n"
	library   = "package b\n"
)

func TestPlan(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		o     BuildOptions
		want  []string // commands, or what the error says
		code  cmdline.Code
	}{
		"by itself":           {files: map[string]string{"plugin.yaml": wasmRun, "b.wasm": "x"}},
		"not there":           {files: map[string]string{"plugin.yaml": wasmRun}, want: []string{"b.wasm is not there"}, code: "E0106"},
		"command":             {files: map[string]string{"plugin.yaml": wasmRun + "build: make b.wasm\n", "go.mod": module, "main.go": program}, want: []string{"make b.wasm"}},
		"script, files":       {files: map[string]string{"plugin.yaml": scriptRun, "b.sh": "x", "theme/x": "x"}},
		"script in a module":  {files: map[string]string{"plugin.yaml": scriptRun, "b.sh": "x", "theme/x": "x", "go.mod": module, "main.go": program}},
		"no folder":           {files: map[string]string{"plugin.yaml": scriptRun, "b.sh": "x", "theme": "x"}, want: []string{"theme is not there"}, code: "E0106"},
		"nothing here":        {files: map[string]string{"plugin.yaml": farRun, "bin/p9": "x"}, want: []string{"has nothing that runs here"}, code: "E0106"},
		"elsewhere":           {files: map[string]string{"plugin.yaml": farRun, "bin/p9": "x"}, o: BuildOptions{All: true}},
		"library":             {files: map[string]string{"plugin.yaml": wasmRun, "go.mod": module, "b.go": library}, want: []string{"b.wasm is not there"}, code: "E0106"},
		"library that is one": {files: map[string]string{"plugin.yaml": wasmRun, "go.mod": module, "b.go": library, "b.wasm": "x"}},
		"module":              {files: map[string]string{"plugin.yaml": wasmRun, "go.mod": module, "main.go": program}, want: []string{"GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 go build -trimpath -ldflags=-s -w -buildmode=c-shared -o b.wasm ."}},
		"plugin in a module": {
			files: map[string]string{"plugin.yaml": bothRun, "go.mod": module, "b.go": library, "plugin/main.go": program}, o: BuildOptions{All: true},
			want: []string{
				"GOOS=" + runtime.GOOS + " GOARCH=" + runtime.GOARCH + " CGO_ENABLED=0 go build -trimpath -ldflags=-s -w -o bin/b ./plugin",
				"GOOS=plan9 GOARCH=mips CGO_ENABLED=0 go build -trimpath -ldflags=-s -w -o bin/p9 ./plugin",
				"GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 go build -trimpath -ldflags=-s -w -buildmode=c-shared -o b.wasm ./plugin",
			},
		},
		"for a debugger": {
			files: map[string]string{"plugin.yaml": bothRun, "go.mod": module, "main.go": program}, o: BuildOptions{Debug: true},
			want: []string{
				"GOOS=" + runtime.GOOS + " GOARCH=" + runtime.GOARCH + " CGO_ENABLED=0 go build -gcflags=all=-N -l -o bin/b .",
				"GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 go build -gcflags=all=-N -l -buildmode=c-shared -o b.wasm .",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			steps, err := folderOf(t, c.files).Plan(t.Context(), c.o)
			if c.code != "" {
				e, ok := errors.AsType[*cmdline.Error](err)
				if !ok || e.Code != c.code || !strings.Contains(e.What(), c.want[0]) || e.Hint == "" {
					t.Errorf("got %v, want %s: %s", err, c.code, c.want[0])
				}
				return
			}
			var got []string
			for _, s := range steps {
				got = append(got, s.String())
			}
			if err != nil || strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\n%v\nwant\n%s", strings.Join(got, "\n"), err, strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestOnly(t *testing.T) {
	f := folderOf(t, map[string]string{"plugin.yaml": bothRun})
	m := f.Only(f.Targets(false))
	if m.Runtimes.Wasm == nil || len(m.Runtimes.Process.Platforms) != 1 || m.Runtimes.Process.Platforms[here] != "bin/b" || m.ID != "a/b" {
		t.Errorf("%+v", m.Runtimes)
	}
	if len(f.Manifest.Runtimes.Process.Platforms) != 2 {
		t.Error("the manifest of the folder was changed")
	}
	if m := f.Only(f.Targets(true)); len(m.Runtimes.Platforms()) != 3 {
		t.Errorf("%+v", m.Runtimes)
	}
	f = folderOf(t, map[string]string{"plugin.yaml": scriptRun})
	if m := f.Only(f.Targets(false)); m.Runtimes.Command.Script != "b.sh" || m.Runtimes.Files.Folder != "theme" || m.Runtimes.Process != nil {
		t.Errorf("%+v", m.Runtimes)
	}
	f = folderOf(t, map[string]string{"plugin.yaml": strings.Replace(bothRun, "process", "command", 1)})
	if m := f.Only(f.Targets(true)); len(m.Runtimes.Command.Platforms) != 2 || m.Runtimes.Command.Platforms[here] != "bin/b" {
		t.Errorf("%+v", m.Runtimes)
	}
}

func TestBuildMakesWhatIsNamed(t *testing.T) {
	f := folderOf(t, map[string]string{"plugin.yaml": strings.Replace(wasmRun, "b.wasm", "out/deep/b.wasm", 1) + "build: cp s out/deep/b.wasm\n", "s": "x"})
	_, err := f.Build(t.Context(), BuildOptions{})
	if e, ok := errors.AsType[*cmdline.Error](err); !ok || e.Code != "E0104" || !strings.Contains(e.What(), "cp s out/deep/b.wasm: ") {
		t.Errorf("a command that fails: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(f.Dir, "out", "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Build(t.Context(), BuildOptions{}); err != nil {
		t.Error(err)
	}
	f = folderOf(t, map[string]string{"plugin.yaml": bothRun, "go.mod": module, "main.go": program})
	if _, err := f.Build(t.Context(), BuildOptions{}); err != nil || !f.has("bin/b") || !f.has("b.wasm") || f.has("bin/p9") {
		t.Errorf("a build for this platform: %v", err)
	}
	f = folderOf(t, map[string]string{"plugin.yaml": wasmRun + "build: no-such-command-anywhere\n"})
	if _, err := f.Build(t.Context(), BuildOptions{}); err == nil || !strings.Contains(err.Error(), "no-such-command-anywhere") {
		t.Error(err)
	}
}

// TestRunEndsAll: with the context ends what a command has started.
func TestRunEndsAll(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nsleep 600 &\necho $! > pid.new\nmv pid.new pid\nmkfifo wait\ncat wait\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	w := &Watch{Root: root, Every: DefaultEvery / 20}
	if err := w.Mark(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { _, err := run(ctx, dir, nil, script); done <- err }()
	for {
		changed, err := w.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.Join(changed, " ")+" ", "pid ") {
			break
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for syscall.Kill(pid, 0) == nil && !zombie(pid) { // ends with the test if it does not
		runtime.Gosched()
	}
}

// zombie reports whether a process has ended and was not waited for, as its parent has gone.
func zombie(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(b), ") Z ")
}

func TestTail(t *testing.T) {
	var w tail
	for i := range 100_000 {
		if _, err := w.Write([]byte("line " + strconv.Itoa(i) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	s := w.String()
	if len(s) > maxOutput+10 || !strings.HasPrefix(s, "…\nline ") || !strings.HasSuffix(s, "\nline 99999\n") {
		t.Errorf("%d bytes: %.40q", len(s), s)
	}
	if len(w.kept) > 2*maxOutput {
		t.Errorf("%d bytes are kept", len(w.kept))
	}
	var short tail
	_, _ = short.Write([]byte("a\nb"))
	if short.String() != "a\nb" {
		t.Error(short.String())
	}
}

func TestHasScript(t *testing.T) {
	for text, want := range map[string]bool{
		`{"scripts":{"test":"node --test"}}`: true, `{"scripts":{"start":"x"}}`: false, `{"scripts":[]}`: false, `no JSON`: false, ``: false,
	} {
		f := folderOf(t, map[string]string{"plugin.yaml": wasmRun, "package.json": text})
		if got := f.hasScript("test"); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	f := folderOf(t, map[string]string{"plugin.yaml": wasmRun})
	if err := syscall.Mkfifo(filepath.Join(f.Dir, "package.json"), 0o644); err != nil {
		t.Fatal(err)
	}
	if f.hasScript("test") {
		t.Error("a pipe is a package.json")
	}
}
