//go:build unix

package process

import (
	"os"
	"os/exec"
)

// pass gives the program its ends as descriptors 3 and 4.
func (w wire) pass(cmd *exec.Cmd) error {
	cmd.ExtraFiles = []*os.File{w.in, w.out}
	cmd.Env = append(cmd.Env, "PLUGSTEAD_IN=3", "PLUGSTEAD_OUT=4")
	return nil
}
