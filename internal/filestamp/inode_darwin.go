package filestamp

import (
	"io/fs"
	"syscall"
	"time"
)

func inodeTime(st fs.FileInfo) time.Time {
	if x, ok := st.Sys().(*syscall.Stat_t); ok {
		return time.Unix(x.Ctimespec.Unix())
	}
	return time.Time{}
}
