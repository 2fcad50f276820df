//go:build unix

package private

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func check(dir string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if info.Mode().Perm()&0o022 != 0 || ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("folder %s: %w: want a folder of this user with mode 0700, not %s", dir, ErrNotPrivate, info.Mode())
	}
	return nil
}
