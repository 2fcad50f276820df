//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

// tree is the process group of the program.
type tree struct{ group int }

// prepare passes on the descriptors, which become 3 and 4, and asks for a group.
func (t *tree) prepare(cmd *exec.Cmd, in, out *os.File) (undo func(), err error) {
	cmd.ExtraFiles = []*os.File{in, out}
	cmd.Env = append(cmd.Env, "PLUGSTEAD_IN=3", "PLUGSTEAD_OUT=4")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithHost(cmd.SysProcAttr)
	return func() {}, nil
}

func (t *tree) adopt(p *os.Process) error {
	t.group = p.Pid
	return nil
}

// kill ends the group; none is left if the program has ended alone.
func (t *tree) kill() { _ = syscall.Kill(-t.group, syscall.SIGKILL) }

func (t *tree) close() {}
