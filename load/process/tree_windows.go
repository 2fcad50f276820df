package process

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// tree is a job that ends all its processes when the host closes it, also by dying.
type tree struct{ job windows.Handle }

// prepare passes on the handles under their own numbers.
func (t *tree) prepare(cmd *exec.Cmd, in, out *os.File) (undo func(), err error) {
	a := &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
	for name, f := range map[string]*os.File{"PLUGSTEAD_IN": in, "PLUGSTEAD_OUT": out} {
		h := f.Fd()
		if err := windows.SetHandleInformation(windows.Handle(h), windows.HANDLE_FLAG_INHERIT, windows.HANDLE_FLAG_INHERIT); err != nil {
			return nil, err
		}
		a.AdditionalInheritedHandles = append(a.AdditionalInheritedHandles, syscall.Handle(h))
		cmd.Env = append(cmd.Env, name+"="+strconv.FormatUint(uint64(h), 10))
	}
	cmd.SysProcAttr = a
	if t.job, err = windows.CreateJobObject(nil, nil); err != nil {
		return nil, err
	}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(t.job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		t.close()
		return nil, err
	}
	return func() {}, nil
}

func (t *tree) adopt(p *os.Process) error {
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(p.Pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	return windows.AssignProcessToJobObject(t.job, h)
}

func (t *tree) kill() { _ = windows.TerminateJobObject(t.job, 1) }

func (t *tree) close() {
	_ = windows.CloseHandle(t.job)
	t.job = 0
}
