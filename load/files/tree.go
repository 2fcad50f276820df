package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// tree shows a folder. All goes through the [os.Root], so that no link leads out of it.
type tree struct{ root *os.Root }

// errSpecial is the error of what is neither a file nor a folder: opening a pipe or a device
// may wait for ever, or do something.
var errSpecial = errors.New("not a regular file")

// Open implements fs.FS.
func (t tree) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: cause(err)} }
	local, err := filepath.Localize(name) // fs.ValidPath, and no name that the system takes for another
	if err != nil {
		return fail(fs.ErrInvalid)
	}
	f, err := t.root.OpenFile(local, os.O_RDONLY|nonBlock, 0)
	if err != nil {
		return fail(err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() && !st.IsDir() {
		err = errSpecial
	}
	if err != nil {
		f.Close()
		return fail(err)
	}
	if st.IsDir() {
		return &folder{file{f, name}, t}, nil
	}
	return &file{f, name}, nil
}

// cause takes the error out of one that names a path of the system.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// file is an open file that can be read and nothing else: an os.File could be changed.
type file struct {
	f    *os.File
	name string
}

var (
	_ io.ReadSeeker  = (*file)(nil)
	_ io.ReaderAt    = (*file)(nil)
	_ fs.ReadDirFile = (*folder)(nil)
)

func (f *file) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &fs.PathError{Op: op, Path: f.name, Err: cause(err)}
}

// Stat implements fs.File.
func (f *file) Stat() (fs.FileInfo, error) {
	st, err := f.f.Stat()
	if err != nil {
		return nil, f.wrap("stat", err)
	}
	return named{st, path.Base(f.name)}, nil
}

// Read implements fs.File.
func (f *file) Read(b []byte) (int, error) {
	n, err := f.f.Read(b)
	return n, f.wrap("read", err)
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.f.ReadAt(b, off)
	return n, f.wrap("read", err)
}

// Seek implements io.Seeker.
func (f *file) Seek(off int64, whence int) (int64, error) {
	n, err := f.f.Seek(off, whence)
	return n, f.wrap("seek", err)
}

// Close implements fs.File.
func (f *file) Close() error { return f.wrap("close", f.f.Close()) }

// named is what is known of a file, under the name of its path here.
type named struct {
	fs.FileInfo
	name string
}

// Name implements fs.FileInfo.
func (n named) Name() string { return n.name }

// folder is an open folder.
type folder struct {
	file
	tree tree
}

// ReadDir implements fs.ReadDirFile.
func (f *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	list, err := f.f.ReadDir(n)
	for i, e := range list {
		list[i] = entry{e, f}
	}
	return list, f.wrap("readdir", err)
}

// entry asks the root for details: a path could lead elsewhere by now.
type entry struct {
	fs.DirEntry
	in *folder
}

// Info implements fs.DirEntry.
func (e entry) Info() (fs.FileInfo, error) {
	st, err := e.in.tree.root.Lstat(filepath.Join(filepath.FromSlash(e.in.name), e.Name()))
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path.Join(e.in.name, e.Name()), Err: cause(err)}
	}
	return st, nil
}
