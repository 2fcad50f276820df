package tree

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithHost makes the kernel end the program when the host has been killed.
func dieWithHost(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }

// waitExited waits until p has ended and leaves it to be reaped, so that its number
// still names it and its group. It reports whether that worked.
func waitExited(p *os.Process) bool {
	for {
		err := unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err == nil
		}
	}
}
