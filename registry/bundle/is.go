package bundle

import "os"

// Is reports whether the file at path begins like a bundle. The rest of it may be damaged,
// which [Open] finds out. It does not follow symbolic links.
func Is(path string) bool {
	if st, err := os.Lstat(path); err != nil || !st.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	raw := make([]byte, block)
	if _, err := f.ReadAt(raw, 0); err != nil {
		return false
	}
	name, _, err := readHeader(raw)
	return err == nil && name == layoutName
}
