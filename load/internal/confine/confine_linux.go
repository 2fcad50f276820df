package confine

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Access rights, by the version of Landlock that has them.
const (
	execute   = unix.LANDLOCK_ACCESS_FS_EXECUTE
	readOnly  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	files1    = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1
	files2    = files1 | unix.LANDLOCK_ACCESS_FS_REFER
	files3    = files2 | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	files5    = files3 | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	ofOneFile = execute | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV

	rulePort = 2 // LANDLOCK_RULE_NET_PORT
)

// The structures of the kernel; golang.org/x/sys names their fields differently from version
// to version.
type (
	rulesetAttr struct{ files, net, scoped uint64 } // landlock_ruleset_attr
	pathAttr    struct {                            // landlock_path_beneath_attr
		access uint64
		parent int32
	}
	portAttr struct{ access, port uint64 } // landlock_net_port_attr
)

// version returns that of Landlock, 0 if it is not there or turned off.
func version() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// Supported says what this kernel can take away.
func Supported() (l Level) {
	l.Active = []string{Privileges}
	v := version()
	for _, x := range []struct {
		name string
		from int
	}{{Files, 1}, {TCP, 4}, {Processes, 6}} {
		if v >= x.from {
			l.Active = append(l.Active, x.name)
		} else {
			l.Missing = append(l.Missing, x.name)
		}
	}
	return l
}

func isFirst() bool { return unix.Gettid() == unix.Getpid() }

// Thread takes from the calling thread what [Supported] says and r does not allow. It is for
// functions that [Go] runs.
func Thread(r Rules) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	v := version()
	if v == 0 {
		return nil
	}
	fd, attr, err := ruleset(v, r.Net)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := fill(fd, attr, r); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(fd), 0, 0); errno != 0 {
		return fmt.Errorf("landlock: restrict: %w", errno)
	}
	return nil
}

// ruleset makes an empty one of what version v can take away.
func ruleset(v int, net bool) (fd int, attr rulesetAttr, err error) {
	attr.files = files1
	switch {
	case v >= 5:
		attr.files = files5
	case v >= 3:
		attr.files = files3
	case v >= 2:
		attr.files = files2
	}
	size := unsafe.Sizeof(attr.files)
	if v >= 4 {
		attr.net = unix.LANDLOCK_ACCESS_NET_BIND_TCP
		if !net {
			attr.net |= unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		}
		size += unsafe.Sizeof(attr.net)
	}
	if v >= 6 {
		attr.scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size += unsafe.Sizeof(attr.scoped)
	}
	n, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return -1, attr, fmt.Errorf("landlock: %w", errno)
	}
	return int(n), attr, nil
}

func fill(fd int, attr rulesetAttr, r Rules) error {
	read, write := attr.files&(execute|readOnly), attr.files&^execute
	for _, x := range []struct {
		paths  []string
		open   func(string) (int, error)
		access uint64
	}{{r.Read, open, read}, {r.Write, open, write}, {r.BelowRead, r.openBelow, read}, {r.BelowWrite, r.openBelow, write}} {
		for _, path := range x.paths {
			if err := allow(fd, path, x.open, x.access); err != nil {
				return err
			}
		}
	}
	if attr.net&unix.LANDLOCK_ACCESS_NET_CONNECT_TCP == 0 {
		return nil
	}
	for _, port := range r.Ports {
		rule := portAttr{unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, uint64(port)}
		if err := add(fd, rulePort, unsafe.Pointer(&rule)); err != nil {
			return fmt.Errorf("landlock: port %d: %w", port, err)
		}
	}
	return nil
}

func open(path string) (int, error) { return unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0) }

// openBelow opens a path in r.Below and follows no link there: who may change what is in the
// folder could otherwise name another one with it.
func (r Rules) openBelow(path string) (int, error) {
	root, err := open(r.Below)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	return unix.Openat2(root, path, &how)
}

// allow adds the rule that access below path is allowed.
func allow(fd int, path string, open func(string) (int, error), access uint64) error {
	dir, err := open(path)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("landlock: %s: %w", path, err)
	}
	defer unix.Close(dir)
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return fmt.Errorf("landlock: %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= ofOneFile
	}
	rule := pathAttr{access: access, parent: int32(dir)}
	if err := add(fd, unix.LANDLOCK_RULE_PATH_BENEATH, unsafe.Pointer(&rule)); err != nil {
		return fmt.Errorf("landlock: %s: %w", path, err)
	}
	return nil
}

func add(fd, kind int, rule unsafe.Pointer) error {
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(fd), uintptr(kind), uintptr(rule), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
