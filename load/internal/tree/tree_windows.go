package tree

import (
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// tree is a job that ends all its processes when the host closes it, also by dying.
type tree struct{ job windows.Handle }

// prepare makes the job.
func (t *tree) prepare(cmd *exec.Cmd) (err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
	if t.job, err = windows.CreateJobObject(nil, nil); err != nil {
		return err
	}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(t.job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		t.close()
		return err
	}
	return nil
}

func (t *tree) adopt(p *os.Process) error {
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(p.Pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	return windows.AssignProcessToJobObject(t.job, h)
}

// Hold has nothing to do, see [tree.guard].
func Hold(*slog.Logger) (release func()) { return func() {} }

// sign has nothing to do.
func (t *tree) sign(*exec.Cmd) {}

// guard has nothing to do: the job ends with the host.
func (t *tree) guard(*slog.Logger) {}

func (t *tree) kill() { _ = windows.TerminateJobObject(t.job, 1) }

func (t *tree) close() {
	_ = windows.CloseHandle(t.job)
	t.job = 0
}
