//go:build unix

package sdk

import (
	"fmt"
	"os"
	"syscall"
)

// inherited opens a descriptor that the host passed on. Programs that the plugin starts
// do not get it, or the host would not see the plugin end.
func inherited(fd uintptr, name string) (*os.File, error) {
	syscall.CloseOnExec(int(fd))
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		return nil, fmt.Errorf("%s: descriptor %d: %w", name, fd, err)
	}
	return os.NewFile(fd, name), nil
}
