package cli_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// background is a command that runs beside a script.
type background struct {
	cmd    *exec.Cmd
	lines  *bufio.Scanner
	all    strings.Builder // lines that were read
	stderr bytes.Buffer
}

// backgrounds finds the command of a script. Scripts run in parallel.
var backgrounds sync.Map

// startBackground starts a command beside the script; "await REGEXP" waits for a line of its
// standard output, and "interrupt" ends it like Ctrl-C. Usage: beside COMMAND ARG...
func startBackground(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: beside COMMAND ARG...")
	}
	bin, _, _ := strings.Cut(ts.Getenv("PATH"), string(os.PathListSeparator))
	exe, err := exec.LookPath(filepath.Join(bin, args[0]))
	ts.Check(err)
	b := &background{cmd: exec.Command(exe, args[1:]...)}
	b.cmd.Dir, b.cmd.Stderr = ts.MkAbs("."), &b.stderr
	for k := range strings.FieldsSeq("PATH HOME XDG_DATA_HOME XDG_CACHE_HOME GOCACHE GOMODCACHE GOPROXY GOSUMDB GOTOOLCHAIN GORACE CI TMPDIR PLUGSTEAD_REGISTRY") {
		b.cmd.Env = append(b.cmd.Env, k+"="+ts.Getenv(k))
	}
	out, err := b.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(b.cmd.Start())
	b.lines = bufio.NewScanner(out)
	backgrounds.Store(ts, b)
	ts.Defer(func() {
		if b.cmd.ProcessState == nil {
			_ = b.cmd.Process.Kill()
			_ = b.cmd.Wait()
		}
	})
}

func of(ts *testscript.TestScript) *background {
	b, ok := backgrounds.Load(ts)
	if !ok {
		ts.Fatalf("nothing runs beside")
	}
	return b.(*background)
}

// await reads lines until one matches. Usage: await REGEXP
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await REGEXP")
	}
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	b := of(ts)
	for b.lines.Scan() {
		b.all.WriteString(b.lines.Text() + "\n")
		if re.MatchString(b.lines.Text()) {
			ts.Logf("%s", b.lines.Text())
			return
		}
	}
	_ = b.cmd.Wait()
	ts.Fatalf("it ended without %s:\n%s\nstandard error:\n%s", args[0], b.all.String(), b.stderr.String())
}

// interrupt ends the command and fails if it does not end well. Usage: interrupt
func interrupt(ts *testscript.TestScript, _ bool, _ []string) {
	b := of(ts)
	ts.Check(b.cmd.Process.Signal(os.Interrupt))
	for b.lines.Scan() {
		b.all.WriteString(b.lines.Text() + "\n")
	}
	if err := b.cmd.Wait(); err != nil {
		ts.Fatalf("%v\n%s\nstandard error:\n%s", err, b.all.String(), b.stderr.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("beside.out"), []byte(b.all.String()), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("beside.err"), b.stderr.Bytes(), 0o644))
	backgrounds.Delete(ts)
}
