//go:build darwin || linux

package diskspace

import "golang.org/x/sys/unix"

func free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return product(st.Bavail, uint64(st.Bsize)), nil
}
