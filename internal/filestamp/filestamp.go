// Package filestamp tells two states of a folder apart without reading its files.
package filestamp

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// MaxFiles is how many files and folders are looked at.
const MaxFiles = 20_000

// Stamp is a state of files.
type Stamp struct {
	Sum     string    // in hexadecimal digits; two states have the same one only if nothing changed
	Changed time.Time // last change of a file, or of its inode where a system tells that
	Bytes   int64     // of all files together
}

// Of returns the stamp of files and folders, which are looked into. What is not there is a
// part of the state. Symbolic links below a folder are not followed. It fails for more than
// [MaxFiles] and for what cannot be looked at.
func Of(fsys fs.FS, names ...string) (s Stamp, err error) {
	h, count := sha256.New(), 0
	add := func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(h, "%q gone\n", path)
			return nil
		}
		if err != nil {
			return err
		}
		if count++; count > MaxFiles {
			return fmt.Errorf("more than the limit of %d files and folders", MaxFiles)
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		changed := Changed(st)
		if changed.After(s.Changed) {
			s.Changed = changed
		}
		size := st.Size()
		if e.IsDir() {
			size = 0 // says nothing
		}
		s.Bytes += size
		fmt.Fprintf(h, "%q %v %d %d %d\n", path, st.Mode(), size, st.ModTime().UnixNano(), changed.UnixNano())
		return nil
	}
	for _, name := range names {
		if err := fs.WalkDir(fsys, name, add); err != nil {
			return Stamp{}, err
		}
	}
	s.Sum = hex.EncodeToString(h.Sum(nil))
	return s, nil
}

// Changed returns the later one of the last changes of a file's content and of its inode.
func Changed(st fs.FileInfo) time.Time {
	t := st.ModTime()
	if c := inodeTime(st); c.After(t) {
		return c
	}
	return t
}
