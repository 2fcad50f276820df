package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
)

// Inspection is what [Dir.Inspect] found in an installation folder besides what is
// installed.
type Inspection struct {
	// Busy: another process is changing the folder, so that Leftovers is not known.
	Busy bool
	// Broken are the generations whose files are damaged, ascending.
	Broken []BrokenGeneration
	// Leftovers are the files and folders, relative to that of the installation, or to the
	// store that it shares, of changes that were killed. The next change sweeps them, and so does [Dir.Begin].
	Leftovers []string
}

// BrokenGeneration is one that cannot be read.
type BrokenGeneration struct {
	Number int
	Err    error // wraps [ErrBroken]
}

// Inspect looks at the folder and changes nothing. It holds the lock for an instant if
// that is there already; the error is that of opening it for writing if that fails.
func (d *Dir) Inspect() (x Inspection, err error) {
	numbers, err := d.numbers()
	if err != nil {
		return x, err
	}
	for _, n := range numbers {
		if _, err := d.Generation(n); errors.Is(err, ErrBroken) {
			x.Broken = append(x.Broken, BrokenGeneration{n, err})
		} else if err != nil && !errors.Is(err, ErrNoGeneration) {
			return x, err
		}
	}
	path := filepath.Join(d.store, "lock")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil // nothing was ever changed here
	}
	if err != nil {
		return x, err
	}
	if err := f.Close(); err != nil {
		return x, err
	}
	lock, err := filelock.ExclusiveExisting(path)
	if errors.Is(err, ErrBusy) {
		x.Busy = true
		return x, nil
	}
	if err != nil {
		return x, err
	}
	x.Leftovers, err = d.leftovers()
	return x, errors.Join(err, lock.Unlock())
}

// leftovers lists what sweep would remove. The lock is held.
func (d *Dir) leftovers() ([]string, error) {
	var out []string
	if _, err := os.Lstat(filepath.Join(d.store, "staging")); err == nil {
		out = append(out, "staging")
	}
	spaces, err := d.dataSpaces()
	if err != nil {
		return out, err
	}
	for _, dir := range append([]string{filepath.Join(d.path, "generations"), filepath.Join(d.store, "trees")}, spaces...) {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return out, err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), durable.TempPrefix) {
				name, err := filepath.Rel(d.store, filepath.Join(dir, e.Name()))
				if err != nil {
					return out, err
				}
				out = append(out, name)
			}
		}
	}
	return out, nil
}
