//go:build unix

package sdk

import (
	"strconv"
	"syscall"
	"testing"
)

// TestOneSocket: both numbers may name one descriptor.
func TestOneSocket(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fds[1])
	t.Setenv("PLUGSTEAD_IN", strconv.Itoa(fds[0]))
	t.Setenv("PLUGSTEAD_OUT", strconv.Itoa(fds[0]))
	in, out, err := pipes()
	if err != nil || in != out {
		t.Fatalf("%v, %v, %v", in, out, err)
	}
	defer in.Close()
	if _, err := syscall.Write(fds[1], []byte("ping")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if n, err := in.Read(b); err != nil || string(b[:n]) != "ping" {
		t.Fatalf("%q, %v", b[:n], err)
	}
	if _, err := out.Write(b); err != nil {
		t.Fatal(err)
	}
	if n, err := syscall.Read(fds[1], b); err != nil || string(b[:n]) != "ping" {
		t.Fatalf("%q, %v", b[:n], err)
	}
}
