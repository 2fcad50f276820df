package process

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/windows"
)

// connect makes two pipes.
func connect() (host, theirs wire, err error) {
	if theirs.in, host.out, err = os.Pipe(); err != nil {
		return wire{}, wire{}, err
	}
	if host.in, theirs.out, err = os.Pipe(); err != nil {
		host.close()
		theirs.close()
		return wire{}, wire{}, err
	}
	return host, theirs, nil
}

// finish tells the program that nothing more comes. What it sends is still read.
func (w wire) finish() { w.out.Close() }

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
