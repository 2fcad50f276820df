package process

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/windows"
)

// pass gives the program its ends under their own numbers.
func (w wire) pass(cmd *exec.Cmd) error {
	for name, f := range map[string]*os.File{"PLUGSTEAD_IN": w.in, "PLUGSTEAD_OUT": w.out} {
		h := f.Fd()
		if err := windows.SetHandleInformation(windows.Handle(h), windows.HANDLE_FLAG_INHERIT, windows.HANDLE_FLAG_INHERIT); err != nil {
			return err
		}
		cmd.SysProcAttr.AdditionalInheritedHandles = append(cmd.SysProcAttr.AdditionalInheritedHandles, syscall.Handle(h))
		cmd.Env = append(cmd.Env, name+"="+strconv.FormatUint(uint64(h), 10))
	}
	return nil
}
