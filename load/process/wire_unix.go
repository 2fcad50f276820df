//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

// wireSize lets a message of some size pass in one piece.
const wireSize = 256 << 10

// connect makes a pair of connected sockets. The host's end never blocks a thread.
func connect() (host, theirs wire, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return wire{}, wire{}, os.NewSyscallError("socketpair", err)
	}
	for _, fd := range fds { // a wish: less room only costs time
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, wireSize)
	}
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		syscall.Close(fds[0])
		syscall.Close(fds[1])
		return wire{}, wire{}, os.NewSyscallError("setnonblock", err)
	}
	ours, its := os.NewFile(uintptr(fds[0]), "plugin"), os.NewFile(uintptr(fds[1]), "host")
	return wire{ours, ours}, wire{its, its}, nil
}

// finish tells the program that nothing more comes. What it sends is still read.
func (w wire) finish() {
	raw, err := w.out.SyscallConn()
	if err != nil {
		return // closed
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_WR) })
}

// pass gives the program its end as descriptor 3.
func (w wire) pass(cmd *exec.Cmd) error {
	cmd.ExtraFiles = []*os.File{w.in}
	cmd.Env = append(cmd.Env, "PLUGSTEAD_IN=3", "PLUGSTEAD_OUT=3")
	return nil
}
