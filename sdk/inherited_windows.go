package sdk

import (
	"fmt"
	"os"
	"syscall"
)

// inherited opens a handle that the host passed on. Programs that the plugin starts do
// not get it, or the host would not see the plugin end.
func inherited(fd uintptr, name string) (*os.File, error) {
	if err := syscall.SetHandleInformation(syscall.Handle(fd), syscall.HANDLE_FLAG_INHERIT, 0); err != nil {
		return nil, fmt.Errorf("%s: handle %d: %w", name, fd, err)
	}
	return os.NewFile(fd, name), nil
}
