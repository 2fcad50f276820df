package process

import "github.com/plugstead/plugstead/load"

var _ load.Process = (*instance)(nil)

// PID implements load.Process.
func (i *instance) PID() int {
	if i.child.attached() {
		return 0
	}
	return i.child.cmd.Process.Pid
}
