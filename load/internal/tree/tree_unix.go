//go:build unix

package tree

import (
	"log/slog"
	"os"
	"os/exec"
	"syscall"
)

// tree is the process group of the program.
type tree struct {
	group   int
	guarded bool
}

// prepare asks for a group.
func (t *tree) prepare(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithHost(cmd.SysProcAttr)
	return nil
}

// sign puts the mark of this host into the environment.
func (t *tree) sign(cmd *exec.Cmd) { cmd.Env = append(cmd.Environ(), mark) }

func (t *tree) adopt(p *os.Process) error {
	t.group = p.Pid
	return nil
}

// kill ends the group; none is left if the program has ended alone.
func (t *tree) kill() { _ = syscall.Kill(-t.group, syscall.SIGKILL) }

// guard makes sure that the group ends with the host.
func (t *tree) guard(log *slog.Logger) {
	t.guarded = true
	guard.add(t.group, log)
}

func (t *tree) close() {
	if t.guarded {
		guard.end(t.group)
	}
}
