package install

import (
	"io/fs"
	"syscall"
)

func stampOf(st fs.FileInfo) stamp {
	s := stamp{Size: st.Size(), Mode: uint32(st.Mode()), Mtime: st.ModTime().UnixNano()}
	if x, ok := st.Sys().(*syscall.Stat_t); ok {
		s.Inode, s.Ctime = x.Ino, x.Ctimespec.Nano()
	}
	return s
}
