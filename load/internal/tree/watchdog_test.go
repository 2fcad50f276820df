//go:build linux

package tree

import (
	"log/slog"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// gone waits until the process of a descriptor has ended.
func gone(t *testing.T, pidfd int) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Fatal(n, err)
		}
		return
	}
}

func watchPid(t *testing.T, pid int) int {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// TestWatchdog: the shell keeps the groups that are there, and ends with the last.
func TestWatchdog(t *testing.T) {
	var w watchdog
	var pids, fds []int
	for range 3 {
		cmd := exec.Command("sleep", "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { _ = cmd.Wait() }()
		pids = append(pids, cmd.Process.Pid)
		fds = append(fds, watchPid(t, cmd.Process.Pid))
		w.add(cmd.Process.Pid, slog.New(slog.DiscardHandler))
	}
	w.end(pids[1])
	if err := w.in.Close(); err != nil { // as when the host is killed
		t.Fatal(err)
	}
	if err := w.cmd.Wait(); err != nil {
		t.Error(err)
	}
	gone(t, fds[0])
	gone(t, fds[2])
	if err := syscall.Kill(pids[1], 0); err != nil {
		t.Errorf("a group that was taken away: %v", err)
	}
	if err := syscall.Kill(-pids[1], syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	gone(t, fds[1])

	w = watchdog{}
	w.add(1<<30, slog.New(slog.DiscardHandler))
	shell := watchPid(t, w.cmd.Process.Pid)
	w.end(1 << 30)
	gone(t, shell)
}
