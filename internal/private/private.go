// Package private tells whether a folder belongs to this user alone, so that what lies
// in it can be trusted as much as what this user writes.
package private

import (
	"errors"
	"fmt"
	"os"
)

// ErrNotPrivate says that others could change what is in a folder.
var ErrNotPrivate = errors.New("others can change it")

// MkdirAll makes dir, of mode 0700, and its missing parents, and checks it as [Check]
// does.
func MkdirAll(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return Check(dir)
}

// Trusted is Check of a folder that may also belong to the administrator, and that the
// user's own group may write to: who makes a folder with umask 002 means nobody else by
// that.
func Trusted(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("folder %s: %w: it is no folder", dir, ErrNotPrivate)
	}
	return trusted(dir, info)
}

// Check returns an error that wraps [ErrNotPrivate] if dir is no folder, is a symbolic
// link, belongs to another user, or can be written by others. On Windows folders below
// the profile of a user are private by inheritance, and only the kind of file is looked
// at.
func Check(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("folder %s: %w: it is no folder", dir, ErrNotPrivate)
	}
	return check(dir, info)
}
