package process

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipeSize lets a message of some size pass in one piece.
const pipeSize = 256 << 10

// enlarge is a wish: a smaller pipe only costs time.
func enlarge(f *os.File) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
}
