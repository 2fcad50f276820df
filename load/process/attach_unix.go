//go:build unix

package process

import (
	"fmt"
	"os"
	"syscall"
)

// dial connects to a socket that belongs to the user of this process.
func dial(path string) (w wire, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return wire{}, err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); info.Mode().Type() != os.ModeSocket || !ok || int(st.Uid) != os.Geteuid() {
		return wire{}, fmt.Errorf("%s is no socket of this user", path)
	}
	fd, err := socket()
	if err != nil {
		return wire{}, err
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // before it would wait for one that is busy
		syscall.Close(fd)
		return wire{}, err
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		syscall.Close(fd)
		return wire{}, &os.PathError{Op: "connect", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	return wire{in: f, out: f}, nil
}

// socket makes one that programs do not get that are started meanwhile.
func socket() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, err
}

// closeWrite tells the other side of a socket that nothing more comes.
func closeWrite(f *os.File) {
	raw, err := f.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_WR) })
}
