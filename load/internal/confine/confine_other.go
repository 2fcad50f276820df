//go:build !linux

package confine

// Supported says what this system can take away.
func Supported() Level { return Level{Missing: []string{Privileges, Files, TCP, Processes}} }

func isFirst() bool { return false }

// Thread returns [ErrUnsupported].
func Thread(Rules) error { return ErrUnsupported }
