//go:build unix

package tree

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// watchdog is a shell that ends the groups of this host's programs when the host is gone,
// however it went: it sees the end of its input. It runs while there is a group. The
// kernel ends a program itself on some systems, but not what the program has started.
type watchdog struct {
	mu     sync.Mutex
	groups int // that there are, and holds
	cmd    *exec.Cmd
	in     *os.File // nil: there is none
}

// guard is for all drivers of this process.
var guard watchdog

// script keeps a set of groups. Each has a space on both sides.
const script = `g=' '
while read -r op p; do
  case $op in
    add) g="$g$p " ;;
    end) case $g in *" $p "*) g="${g%%" $p "*} ${g#*" $p "}" ;; esac ;;
  esac
done
for p in $g; do kill -s KILL -- "-$p"; done
for again in 1 2 3 4 5 6 7 8 9; do
  l=$(grep -lsaF "$1" /proc/[0-9]*/environ)
  [ "$l" ] || break
  for f in $l; do p=${f#/proc/}; kill -s KILL -- "${p%/environ}"; done
done`

// mark is in the environment of every program of this host, and so of what it starts. On
// Linux it tells the shell of programs that were started in the instant before the host went,
// and of those that left their group.
var mark = "PLUGSTEAD_TREE=" + rand.Text()

// add is told of a group once it exists.
func (w *watchdog) add(group int, log *slog.Logger) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.use(log)
	w.tell("add", group)
}

// hold keeps the shell running until release, for who starts many programs.
func (w *watchdog) hold(log *slog.Logger) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.use(log)
}

func (w *watchdog) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leave()
}

// use is called with mu held.
func (w *watchdog) use(log *slog.Logger) {
	if w.groups++; w.in != nil {
		return
	}
	if err := w.start(); err != nil {
		log.Warn("what this plugin starts will outlive a host that is killed", "err", err)
	}
}

// end is told of a group before its number may belong to another.
func (w *watchdog) end(group int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell("end", group)
	w.leave()
}

// leave is called with mu held.
func (w *watchdog) leave() {
	if w.groups--; w.groups == 0 && w.in != nil {
		w.in.Close()
		_ = apart(w.cmd.Process.Kill) // it has nothing left to do
		_ = w.cmd.Wait()
		w.in, w.cmd = nil, nil
	}
}

// tell is called with mu held.
func (w *watchdog) tell(op string, group int) {
	if w.in != nil {
		_ = w.in.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = fmt.Fprintln(w.in, op, group) // if it is gone, so is what it could do
	}
}

// start is called with mu held.
func (w *watchdog) start() error {
	r, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", script, "sh", mark)
	cmd.Stdin, cmd.Env, cmd.Dir = r, []string{}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // not reached by what ends the host's group
	if err := apart(cmd.Start); err != nil {
		in.Close()
		return err
	}
	w.cmd, w.in = cmd, in
	return nil
}

// apart runs f on another thread. The caller's may be confined for the program that it has
// started: the shell would be, too, and could end no other programs, or it could not be ended.
func apart(f func() error) error {
	done := make(chan error)
	go func() { done <- f() }()
	return <-done
}

// Hold keeps what ends the programs of a killed host ready until release is called, so that
// it is not made anew for each of many short ones.
func Hold(log *slog.Logger) (release func()) {
	guard.hold(log)
	return sync.OnceFunc(guard.release)
}
