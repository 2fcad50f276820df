package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/plugstead/plugstead/manifest"
)

// A store that several applications share has the folders of each below "apps", and one of
// everything else: payloads, what they are unpacked from, and the lock.

// OpenIn returns the installation of application app in the folder store, which
// applications of one user share: what two of them install is there once. Each has
// generations, private folders and a history of its own. Changes wait for one another; reading
// and running do not. The error is that of [Open], or says that app is no name.
func OpenIn(store, app string) (*Dir, error) {
	if _, err := manifest.ParseID("app/" + app); err != nil {
		return nil, fmt.Errorf("%.200q is no name of an application", app)
	}
	abs, err := filepath.Abs(store)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: PathIn(abs, app), store: abs}
	if isDir(filepath.Join(abs, "generations")) {
		return nil, fmt.Errorf("store %s: it is the installation of one application", abs)
	}
	return d, errors.Join(ours(abs), ours(filepath.Dir(d.path)), ours(d.path))
}

// PathIn returns the folder of an application in a store.
func PathIn(store, app string) string { return filepath.Join(store, "apps", app) }

// Store returns the absolute path of the folder that has what d may share with others:
// that of d if it shares nothing.
func (d *Dir) Store() string { return d.store }

// Others returns the generations of all other applications in the store. One that is
// damaged needs nothing, since nobody can run it.
func (t *Tx) Others() ([]*Generation, error) {
	if t.lock == nil {
		return nil, ErrDone
	}
	d := t.d
	if d.path == d.store {
		return nil, nil
	}
	apps := filepath.Dir(d.path)
	entries, err := os.ReadDir(apps)
	if err != nil {
		return nil, err
	}
	var out []*Generation
	for _, e := range entries {
		other := &Dir{filepath.Join(apps, e.Name()), d.store}
		if !e.IsDir() || other.path == d.path {
			continue
		}
		numbers, err := other.numbers()
		if err != nil {
			return nil, err
		}
		for _, n := range slices.Backward(numbers) {
			g, err := other.Generation(n)
			switch {
			case err == nil:
				out = append(out, g)
			case !errors.Is(err, ErrBroken) && !errors.Is(err, ErrNoGeneration):
				return nil, err
			}
		}
	}
	return out, nil
}
