package tree

import (
	"log/slog"
	"os/exec"
	"sync"
)

// Program is a program and what it starts. Make it with [New]. After Start exactly one Wait
// follows; without it, Discard. Kill and Status may be called at any time after Start, from
// any goroutine.
type Program struct {
	cmd  *exec.Cmd
	tree tree

	mu     sync.Mutex
	reaped bool
	status error
}

// New prepares cmd, which must be started by Start alone. It sets cmd.SysProcAttr, which may
// be added to.
func New(cmd *exec.Cmd) (*Program, error) {
	p := &Program{cmd: cmd}
	return p, p.tree.prepare(cmd)
}

// Discard gives back what New has made, for a program that is not started.
func (p *Program) Discard() { p.tree.close() }

// Start starts the program. The caller has locked its goroutine to its thread and keeps it
// until Wait returns: on Linux the program is killed when the thread that started it ends.
// Then, if it is not nil, is told the number of the program as soon as that is there, and
// may refuse. On an error nothing runs.
func (p *Program) Start(log *slog.Logger, then func(pid int) error) error {
	defer Hold(log)() // who ends it with the host is there before it is
	if err := p.begin(log, then); err != nil {
		p.tree.close()
		return err
	}
	return nil
}

// begin starts the program under our rules.
func (p *Program) begin(log *slog.Logger, then func(pid int) error) error {
	p.tree.sign(p.cmd)
	err := p.cmd.Start()
	if err != nil {
		return err
	}
	if err = p.tree.adopt(p.cmd.Process); err == nil {
		p.tree.guard(log)
	}
	if err == nil && then != nil {
		err = then(p.cmd.Process.Pid)
	}
	if err != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	return err
}

// Wait waits for the end of the program, ends what it has started, and returns the error of
// [exec.Cmd.Wait].
func (p *Program) Wait() error {
	held := waitExited(p.cmd.Process)
	if held {
		p.mu.Lock()
		p.tree.kill()
		p.mu.Unlock()
	}
	err := p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped, p.status = true, err
	if !held {
		p.tree.kill()
	}
	p.tree.close()
	return err
}

// Kill ends the program and what it has started. It does nothing once Wait has reaped it,
// when its number may belong to another.
func (p *Program) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		p.tree.kill()
		_ = p.cmd.Process.Kill() // it may have ended just now
	}
}

// Status returns what Wait has returned; nil before.
func (p *Program) Status() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}
