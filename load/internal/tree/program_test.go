//go:build linux

package tree

import (
	"bufio"
	"errors"
	"log/slog"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// start runs a shell that prints the number of a child of its own, and returns a descriptor of that.
func start(t *testing.T, script string) (*Program, int, <-chan error) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(cmd)
	if err != nil {
		t.Fatal(err)
	}
	started, ended, read := make(chan error), make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.Start(slog.New(slog.DiscardHandler), nil)
		started <- err
		if err == nil {
			<-read
			ended <- p.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	fd := watchPid(t, child)
	close(read)
	return p, fd, ended
}

// TestProgramEnds: what a program has started ends with it.
func TestProgramEnds(t *testing.T) {
	for name, c := range map[string]struct {
		script, want string
		kill         bool
	}{
		"by itself": {"sleep 1000 & echo $!; exit 3", "exit status 3", false},
		"killed":    {"sleep 1000 & echo $!; wait", "signal: killed", true},
	} {
		t.Run(name, func(t *testing.T) {
			p, child, ended := start(t, c.script)
			if c.kill {
				p.Kill()
			}
			if err := <-ended; err == nil || err.Error() != c.want || p.Status() != err {
				t.Error(err, p.Status())
			}
			gone(t, child)
			p.Kill() // its number may belong to another: nothing happens
		})
	}
}

func TestProgramMissing(t *testing.T) {
	p, err := New(exec.Command("/nowhere/at/all"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(slog.New(slog.DiscardHandler), nil); err == nil {
		t.Error("it runs")
	}
	refused := errors.New("refused")
	p, err = New(exec.Command("/bin/sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if err := p.Start(slog.New(slog.DiscardHandler), func(n int) error { pid = n; return refused }); err != refused || syscall.Kill(pid, 0) != syscall.ESRCH {
		t.Error(err)
	}
	q, err := New(exec.Command("/bin/true"))
	if err != nil {
		t.Fatal(err)
	}
	q.Discard()
}

// TestHold: the shell that ends programs of a killed host stays while somebody holds it.
func TestHold(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	first, second := Hold(log), Hold(log)
	shell := guard.cmd.Process.Pid
	fd := watchPid(t, shell)
	p, child, ended := start(t, "sleep 1000 & echo $!; wait")
	if guard.cmd.Process.Pid != shell {
		t.Error("another shell")
	}
	first()
	first()
	p.Kill()
	<-ended
	gone(t, child)
	if guard.in == nil {
		t.Fatal("the shell ended with the program")
	}
	second()
	gone(t, fd)
}
