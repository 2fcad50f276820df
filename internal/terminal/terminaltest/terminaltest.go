//go:build linux

// Package terminaltest makes terminals for tests.
package terminaltest

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Terminal is a terminal of the system that nobody looks at. Programs write to File.
type Terminal struct {
	File  *os.File
	owner *os.File
	done  sync.WaitGroup
	mu    sync.Mutex
	more  sync.Cond
	shown strings.Builder
	over  bool
}

// New makes a terminal of a size; 0 by 0 is one that does not know its size.
func New(t testing.TB, width, height int) *Terminal {
	t.Helper()
	owner, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Close() })
	if err := unix.IoctlSetPointerInt(int(owner.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(owner.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(owner.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(height), Col: uint16(width)}); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := &Terminal{File: f, owner: owner}
	x.more.L = &x.mu
	t.Cleanup(func() { x.Close() })
	x.done.Go(func() { x.read(owner) })
	return x
}

// read ends when nobody holds the other end any more, which is an error.
func (x *Terminal) read(owner *os.File) {
	b := make([]byte, 4<<10)
	for {
		n, err := owner.Read(b)
		x.mu.Lock()
		x.shown.Write(b[:n])
		x.over = err != nil
		x.mu.Unlock()
		x.more.Broadcast()
		if err != nil {
			return
		}
	}
}

// Wait waits until text was written, and reports whether it was before Close.
func (x *Terminal) Wait(text string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for !strings.Contains(x.shown.String(), text) {
		if x.over {
			return false
		}
		x.more.Wait()
	}
	return true
}

// Type types text, as a person does: programs read it from File, and it is shown.
func (x *Terminal) Type(t testing.TB, text string) {
	t.Helper()
	if _, err := x.owner.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// Close closes the terminal and returns the bytes that were written to it. The terminal
// has put a carriage return before every line break.
func (x *Terminal) Close() string {
	x.File.Close()
	x.done.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.shown.String()
}
