package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/plugstead/plugstead/cmd/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"plugstead": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs what users type. The command "registry" starts a server for the
// rest of a script and sets PLUGSTEAD_REGISTRY and PLUGSTEAD_TOKEN; "kill-registry"
// ends it with SIGKILL, so that a second "registry" finds what that left.
func TestScripts(t *testing.T) {
	repo, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	plugin := buildPlugin(t, repo)
	caches := goCaches(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("REPO", repo)
			e.Setenv("PLUGIN", plugin)
			for k, v := range caches {
				e.Setenv(k, v)
			}
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "data"))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("GORACE", "atexit_sleep_ms=0") // or every command ends a second late
			e.Setenv("AT", "--host=acme@2.4.0 --point=acme.dev/greeter@1.0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"registry": startRegistry, "kill-registry": killRegistry, "jsonvalid": jsonValid,
			"kill-at-random": killAtRandom, "bigfile": bigFile, "damage": damage, "hold-uploads": holdUploads, "wait-for-upload": waitForUpload,
			"hostile-registry": hostileRegistry, "plain-registry": plainRegistry, "move-tag": moveTag, "asked": asked, "at-rest": atRest,
			"file-server": fileServer, "spoil": spoil, "truncate": truncate, "evil-bundle": evilBundle,
			"replace": replaceText, "beside": startBackground, "await": await, "interrupt": interrupt,
		},
	})
}

// goCaches says where the go command finds modules and what it has built, since scripts have
// a home of their own. They fetch nothing.
func goCaches(t *testing.T) map[string]string {
	t.Helper()
	env := map[string]string{"GOPROXY": "off", "GOSUMDB": "off", "GOTOOLCHAIN": "local", "GOCACHE": "", "GOMODCACHE": ""}
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	env["GOCACHE"], env["GOMODCACHE"] = lines[0], lines[1]
	return env
}

// buildPlugin builds the example plugin as WebAssembly, once for all scripts.
func buildPlugin(t *testing.T, repo string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "hello.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./hello/plugin")
	cmd.Dir = filepath.Join(repo, "examples", "hello")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return out
}

// server is the registry of one script.
type server struct{ cmd *exec.Cmd }

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: registry")
	}
	exe, err := exec.LookPath(filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], "plugstead"))
	ts.Check(err)
	cmd := exec.Command(exe, "serve", "--json", "--data", ts.MkAbs("registry"), "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"))
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	s := &server{cmd}
	ts.Defer(s.kill)
	var x struct {
		Result struct{ URL, Token string }
	}
	ts.Check(json.NewDecoder(bufio.NewReader(out)).Decode(&x))
	ts.Setenv("PLUGSTEAD_REGISTRY", x.Result.URL)
	if x.Result.Token != "" {
		ts.Setenv("PLUGSTEAD_TOKEN", x.Result.Token)
	}
	ts.Setenv("REGISTRY_ADDR", strings.TrimPrefix(x.Result.URL, "http://"))
	servers.Store(ts, s)
}

// bigFile writes a file of so many bytes that do not compress.
func bigFile(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o644))
}

// replaceText replaces a text that is in a file. Usage: replace FILE OLD NEW
func replaceText(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	if !bytes.Contains(b, []byte(args[1])) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(path, bytes.ReplaceAll(b, []byte(args[1]), []byte(args[2])), 0o644))
}

// damage changes the first byte of every module below a folder. Usage: damage FOLDER
func damage(ts *testscript.TestScript, _ bool, args []string) {
	list, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*", "m.wasm"))
	ts.Check(err)
	if len(list) == 0 {
		ts.Fatalf("nothing to damage")
	}
	for _, path := range list {
		b, err := os.ReadFile(path)
		ts.Check(err)
		b[0] ^= 1
		ts.Check(os.WriteFile(path, b, 0o644))
	}
}

// killAtRandom runs the verb of a user, kills it with SIGKILL at an instant between its
// start and its usual end until so many runs were hit, and checks after each that the
// installed set is the old or the new one, whole. Usage: kill-at-random TRIALS SET
// WISH, where SET is how many plugins the wish installs.
func killAtRandom(ts *testscript.TestScript, _ bool, args []string) {
	trials, err := strconv.Atoi(args[0])
	ts.Check(err)
	where := []string{"--dir", ts.MkAbs("killed"), "--host", "acme@1.0.0", "--point", "x.dev/p@1.0"}
	run := func(kill time.Duration, verb string, more ...string) ([]byte, bool) {
		return runKilled(ts, kill, append(append([]string{verb}, where...), more...))
	}
	install := func(kill time.Duration) (took time.Duration, killed bool) {
		begin := time.Now()
		_, killed = run(kill, "install", args[2])
		return time.Since(begin), killed
	}
	old := 0
	usual, _ := install(0)
	for hit, n := 0, 0; hit < trials; n++ {
		if n > 20*trials {
			ts.Fatalf("only %d of %d runs were killed before their end", hit, n)
		}
		run(0, "uninstall", args[2])
		took, killed := install(usual * time.Duration(hit+1) / time.Duration(trials+1))
		if !killed {
			usual = took // the machine is faster than it was
			continue
		}
		hit++
		var x struct {
			Result struct{ Plugins []struct{ ID string } }
		}
		list, _ := run(0, "list", "--json")
		ts.Check(json.Unmarshal(list, &x))
		switch n := fmt.Sprint(len(x.Result.Plugins)); n {
		case "0":
			old++
		case args[1]:
		default:
			ts.Fatalf("kill %d: %s plugins are installed, want 0 or %s", hit, n, args[1])
		}
		usual, _ = install(0) // the next run repairs by itself
	}
	ts.Logf("%d of %d kills came before the switch", old, trials)
}

// runKilled runs plugstead; with a time it is killed then, without it must succeed.
// It returns the output and whether the kill came before the end.
func runKilled(ts *testscript.TestScript, kill time.Duration, args []string) ([]byte, bool) {
	exe, err := exec.LookPath(filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], "plugstead"))
	ts.Check(err)
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), "PLUGSTEAD_REGISTRY="+ts.Getenv("PLUGSTEAD_REGISTRY"), "PATH="+ts.Getenv("PATH"), "GORACE="+ts.Getenv("GORACE"))
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	ts.Check(cmd.Start())
	if kill > 0 {
		t := time.AfterFunc(kill, func() { _ = cmd.Process.Kill() })
		defer t.Stop()
	}
	err = cmd.Wait()
	if err != nil && (kill == 0 || cmd.ProcessState.Exited()) {
		ts.Fatalf("plugstead %s: %v\n%s%s", strings.Join(args, " "), err, out.Bytes(), stderr.Bytes())
	}
	return out.Bytes(), err != nil
}

// servers finds the server of a script for kill-registry. Scripts run in parallel.
var servers sync.Map

func killRegistry(ts *testscript.TestScript, _ bool, _ []string) {
	if s, ok := servers.Load(ts); ok {
		s.(*server).kill()
	}
	if u, ok := holders.LoadAndDelete(ts); ok {
		close(u.(*uploads).end)
	}
}

// jsonValid checks that the last output is exactly one JSON document of our schema.
func jsonValid(ts *testscript.TestScript, neg bool, _ []string) {
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	var x struct {
		Schema string
		OK     bool
		Error  *struct{ Code, Message string }
	}
	ts.Check(d.Decode(&x))
	if x.Schema != "plugstead.cli/v1" || x.OK == neg || (x.Error != nil) != neg || d.More() {
		ts.Fatalf("bad document: %+v", x)
	}
}
