//go:build unix

package sdk

import (
	"fmt"
	"os"
	"syscall"

	"github.com/plugstead/plugstead/internal/guest"
)

// listen serves every application that connects to a socket at path, which only the user of
// this process can do, until the process is ended. It is for a plugin that runs in a debugger.
func listen(path string) error {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		_ = os.Remove(path) // a process before left it behind
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	syscall.CloseOnExec(fd)
	mask := syscall.Umask(0o177)
	err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
	syscall.Umask(mask)
	if err == nil {
		err = syscall.Listen(fd, 16)
	}
	if err != nil {
		return fmt.Errorf("listen: %w", &os.PathError{Op: "bind", Path: path, Err: err})
	}
	fmt.Fprintf(os.Stderr, "plugin: waiting for its application at %s\n", path)
	for {
		conn, _, err := syscall.Accept(fd)
		switch {
		case err == syscall.EINTR || err == syscall.ECONNABORTED:
			continue
		case err != nil:
			return fmt.Errorf("listen: %w", err)
		}
		f, err := inherited(uintptr(conn), "application")
		if err != nil {
			syscall.Close(conn)
			fmt.Fprintln(os.Stderr, "plugin:", err)
			continue
		}
		go func() {
			defer f.Close()
			if err := serve(f, f, &guest.Linked, os.Getenv("PLUGSTEAD_PLUGIN")); err != nil {
				fmt.Fprintln(os.Stderr, "plugin:", err)
			}
		}()
	}
}
