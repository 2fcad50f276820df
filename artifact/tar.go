package artifact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/manifest"
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

// packFile is one regular file of a payload.
type packFile struct {
	name string
	mode int64 // 0644 or 0755: all that survives packing
}

// listFiles names the files of a payload: the entry point and extra, which may
// name folders. The result is sorted and free of duplicates. The entry of a plugin of
// files alone is a folder.
func listFiles(fsys fs.FS, runtime, entry string, extra []string) ([]packFile, error) {
	if runtime == manifest.RuntimeFiles {
		if err := checkFolder(fsys, entry); err != nil {
			return nil, err
		}
		extra = append(slices.Clip(extra), entry)
	}
	found := map[string]packFile{}
	for _, name := range extra {
		if err := checkParents(fsys, name); err != nil {
			return nil, err
		}
		err := fs.WalkDir(fsys, name, func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			f, err := regular(fsys, p)
			found[p] = f
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if runtime != manifest.RuntimeFiles {
		f, err := entryFile(fsys, entry)
		if err != nil {
			return nil, err
		}
		found[entry] = f
	}
	out := make([]packFile, 0, len(found))
	for _, f := range found {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b packFile) int { return strings.Compare(a.name, b.name) })
	return out, checkFiles(out)
}

// entryFile is the file that a runtime starts.
func entryFile(fsys fs.FS, entry string) (packFile, error) {
	if err := checkParents(fsys, entry); err != nil {
		return packFile{}, err
	}
	f, err := regular(fsys, entry)
	f.mode = 0o755 // whatever the file system of the author keeps
	return f, err
}

// checkFolder refuses what is no folder, and one without files, which nobody could unpack.
func checkFolder(fsys fs.FS, name string) error {
	if err := checkParents(fsys, name); err != nil {
		return err
	}
	st, err := fs.Lstat(fsys, name)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return fmt.Errorf("%s: not a folder", name)
	}
	empty := true
	err = fs.WalkDir(fsys, name, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			empty = false
			return fs.SkipAll
		}
		return err
	})
	if err == nil && empty {
		err = fmt.Errorf("%s: the folder has no files", name)
	}
	return err
}

// checkFiles refuses what nobody could unpack: names, and how many there are.
func checkFiles(files []packFile) error {
	l := UnpackLimits{}.withDefaults()
	seen := map[string]string{} // by folded name: a file, or a folder with a slash behind it
	for _, f := range files {
		if err := checkPath(f.name, l.Path); err != nil {
			return fmt.Errorf("%.200q: %v", f.name, err) // not ErrUnsafe: nothing was unpacked
		}
		if err := checkCollision(seen, f.name, f.name); err != nil {
			return err
		}
		for dir := path.Dir(f.name); dir != "."; dir = path.Dir(dir) {
			if err := checkCollision(seen, dir, dir+"/"); err != nil {
				return err
			}
		}
	}
	if n := len(seen); n > l.Files {
		return fmt.Errorf("%d files and folders, more than the limit of %d", n, l.Files)
	}
	return nil
}

// checkCollision refuses a name that is another one on some file systems.
func checkCollision(seen map[string]string, name, what string) error {
	k := foldName(name)
	if other, ok := seen[k]; ok && other != what {
		return fmt.Errorf("%s and %s are one file on systems that ignore case", other, what)
	}
	seen[k] = what
	return nil
}

// checkParents refuses a path that runs through a symbolic link.
func checkParents(fsys fs.FS, name string) error {
	if !fs.ValidPath(name) {
		return fmt.Errorf("%s: path leaves the plugin folder", name)
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if st, err := fs.Lstat(fsys, dir); err == nil && st.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s: %s is a symbolic link, and links are not packed", name, dir)
		}
	}
	return nil
}

func regular(fsys fs.FS, name string) (packFile, error) {
	st, err := fs.Lstat(fsys, name)
	if err != nil {
		return packFile{}, err
	}
	switch {
	case st.Mode()&fs.ModeSymlink != 0:
		return packFile{}, fmt.Errorf("%s: symbolic links are not packed", name)
	case !st.Mode().IsRegular():
		return packFile{}, fmt.Errorf("%s: not a regular file", name)
	}
	f := packFile{name: name, mode: 0o644}
	if st.Mode()&0o111 != 0 {
		f.mode = 0o755
	}
	return f, nil
}

func readText(fsys fs.FS, name string) ([]byte, error) {
	if err := checkParents(fsys, name); err != nil {
		return nil, err
	}
	if _, err := regular(fsys, name); err != nil {
		return nil, err
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxDocument+1))
	if err == nil && len(b) > MaxDocument {
		err = fmt.Errorf("%s: more than the limit of %d bytes", name, MaxDocument)
	}
	return b, err
}

// writePayload writes files as tar+gzip with nothing in it that differs between
// machines: sorted names, one time, two modes, no owner.
func writePayload(w io.Writer, fsys fs.FS, files []packFile, created time.Time) (Descriptor, error) {
	h := sha256.New()
	n := new(counter)
	z := gzip.NewWriter(io.MultiWriter(w, h, n))
	t := tar.NewWriter(z)
	var content int64
	for _, f := range files {
		size, err := writeFile(t, fsys, f, created)
		if err != nil {
			return Descriptor{}, err
		}
		content += size
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return Descriptor{}, err
	}
	if limit := (UnpackLimits{}).withDefaults().bytes(int64(*n)); content > limit {
		return Descriptor{}, fmt.Errorf("%d bytes of files become %d; nobody unpacks more than %d from that", content, *n, limit)
	}
	return Descriptor{MediaType: MediaTarGzip, Digest: Digest(sha256Prefix + hex.EncodeToString(h.Sum(nil))), Size: int64(*n)}, nil
}

// writeFile returns the size of the file.
func writeFile(t *tar.Writer, fsys fs.FS, f packFile, created time.Time) (int64, error) {
	r, err := fsys.Open(f.name)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	st, err := r.Stat()
	if err != nil {
		return 0, err
	}
	err = t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: st.Size(), ModTime: created})
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(t, r); err != nil {
		return 0, fmt.Errorf("%s: %w", f.name, err)
	}
	return st.Size(), nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
