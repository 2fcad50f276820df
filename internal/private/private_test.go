package private_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/plugstead/plugstead/internal/private"
)

func TestMkdirAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		if err := private.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := os.Stat(dir); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o700 {
		t.Error(st.Mode(), err)
	}
}

func TestCheck(t *testing.T) {
	root := t.TempDir()
	path := func(name string) string { return filepath.Join(root, name) }
	if err := private.Check(path("nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := os.WriteFile(path("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := private.Check(path("file")); !errors.Is(err, private.ErrNotPrivate) {
		t.Error(err)
	}
	if err := os.Symlink(root, path("link")); err == nil {
		if err := private.Check(path("link")); !errors.Is(err, private.ErrNotPrivate) {
			t.Error(err)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	for mode, good := range map[fs.FileMode]bool{0o700: true, 0o755: true, 0o720: false, 0o702: false, 0o777: false} {
		dir := path(mode.String())
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
		if err := private.Check(dir); (err == nil) != good || err != nil && !errors.Is(err, private.ErrNotPrivate) {
			t.Errorf("%s: %v", mode, err)
		}
	}
	if os.Geteuid() == 0 {
		other := path("other")
		if err := errors.Join(os.Mkdir(other, 0o700), os.Chown(other, 4242, 4242)); err != nil {
			t.Fatal(err)
		}
		if err := private.Check(other); !errors.Is(err, private.ErrNotPrivate) {
			t.Errorf("a folder of another user: %v", err)
		}
	}
}

func TestTrusted(t *testing.T) {
	root := t.TempDir()
	if err := private.Trusted(filepath.Join(root, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := private.Trusted(file); !errors.Is(err, private.ErrNotPrivate) {
		t.Error(err)
	}
	for mode, good := range map[fs.FileMode]bool{0o700: true, 0o755: true, 0o775: true, 0o757: false, 0o777: false} {
		dir := filepath.Join(root, mode.String())
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
		if err := private.Trusted(dir); (err == nil) != good || err != nil && !errors.Is(err, private.ErrNotPrivate) {
			t.Errorf("%s: %v", mode, err)
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	for _, c := range []struct {
		name     string
		uid, gid int
		mode     fs.FileMode
	}{{"user", 4242, 0, 0o700}, {"group", 0, 4242, 0o775}} {
		dir := filepath.Join(root, c.name)
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, c.uid, c.gid), os.Chmod(dir, c.mode)); err != nil {
			t.Fatal(err)
		}
		if err := private.Trusted(dir); !errors.Is(err, private.ErrNotPrivate) {
			t.Errorf("of another %s: %v", c.name, err)
		}
	}
}
