//go:build linux

// Package terminaltest makes terminals for tests.
package terminaltest

import (
	"fmt"
	"io"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Terminal is a terminal of the system that nobody looks at. What is written to File can
// be read with Close.
type Terminal struct {
	File  *os.File
	owner *os.File
	done  sync.WaitGroup
	shown []byte
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
	t.Cleanup(func() { f.Close() })
	x.done.Go(func() { x.shown, _ = io.ReadAll(owner) }) // ends with an error when nobody holds the other end
	return x
}

// Close closes the terminal and returns the bytes that were written to it. The terminal
// has put a carriage return before every line break.
func (x *Terminal) Close() string {
	x.File.Close()
	x.done.Wait()
	return string(x.shown)
}
