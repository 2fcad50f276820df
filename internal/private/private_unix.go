//go:build unix

package private

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func trusted(dir string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	mode := info.Mode().Perm()
	switch {
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("folder %s: %w: it belongs to user %d", dir, ErrNotPrivate, st.Uid)
	case mode&0o002 != 0, mode&0o020 != 0 && int(st.Gid) != os.Getegid():
		return fmt.Errorf("folder %s: %w: its mode is %s", dir, ErrNotPrivate, mode)
	}
	return nil
}

func check(dir string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if info.Mode().Perm()&0o022 != 0 || ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("folder %s: %w: want a folder of this user with mode 0700, not %s", dir, ErrNotPrivate, info.Mode())
	}
	return nil
}
