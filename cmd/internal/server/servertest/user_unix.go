//go:build unix

package servertest

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// asUser makes the program run as the user postgres if this one is root, whom PostgreSQL
// refuses, and gives that user the folder. It reports whether the program can run.
func asUser(cmd *exec.Cmd, dir string) bool {
	if os.Getuid() != 0 {
		return true
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return false
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil || os.Chown(dir, int(uid), int(gid)) != nil {
		return false
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return true
}
