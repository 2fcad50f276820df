package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// set bounds the process pid. It writes no core dumps then.
func (l Limits) set(pid int) error {
	if l == (Limits{}) {
		return nil
	}
	bounds := map[int]uint64{unix.RLIMIT_CORE: 0}
	if l.OpenFiles > 0 {
		bounds[unix.RLIMIT_NOFILE] = uint64(l.OpenFiles)
	}
	if l.FileSize > 0 {
		bounds[unix.RLIMIT_FSIZE] = uint64(l.FileSize)
	}
	if l.Memory > 0 {
		bounds[unix.RLIMIT_AS] = uint64(l.Memory)
	}
	for what, n := range bounds {
		var old unix.Rlimit
		if err := unix.Prlimit(pid, what, nil, &old); err != nil {
			return fmt.Errorf("limits: %w", err)
		}
		n = min(n, old.Max) // nobody without privileges may raise it
		if err := unix.Prlimit(pid, what, &unix.Rlimit{Cur: n, Max: n}, nil); err != nil {
			return fmt.Errorf("limits: %w", err)
		}
	}
	return nil
}
