//go:build unix

package frame

import (
	"os"
	"syscall"
)

// tryWriter writes to a file in non-blocking mode. The result is not for concurrent use.
func tryWriter(f *os.File) func([]byte) (int, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	var (
		b    []byte
		n    int
		fail error
	)
	write := func(fd uintptr) bool { // one function for all calls: a closure each would be garbage
		for {
			n, fail = syscall.Write(int(fd), b)
			if fail != syscall.EINTR {
				return true
			}
		}
	}
	return func(src []byte) (int, error) {
		b = src
		err := raw.Write(write)
		b = nil
		if err == nil && fail != syscall.EAGAIN {
			err = fail
		}
		return max(n, 0), err
	}
}
