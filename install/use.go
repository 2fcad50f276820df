package install

import (
	"errors"
	"fmt"
	"os"

	"github.com/plugstead/plugstead/internal/filelock"
)

// Use is a generation that somebody runs: as long as it is held, [Dir.Collect] leaves
// it and its files alone, also in another process. The system frees it when the
// process ends.
type Use struct {
	*Generation
	lock *filelock.Lock // nil: nothing was ever installed
}

// Use returns the active generation, held. The caller releases it. It takes no lock that
// keeps others from changing the folder.
func (d *Dir) Use() (*Use, error) {
	for {
		g, err := d.Active()
		if err != nil {
			return nil, err
		}
		u, err := d.hold(g)
		if !errors.Is(err, ErrNoGeneration) { // it was collected meanwhile: there is a newer one
			return u, err
		}
	}
}

// UseOf is Use of one generation. It returns [ErrNoGeneration] if that is not there.
func (d *Dir) UseOf(n int) (*Use, error) {
	g, err := d.Generation(n)
	if err != nil {
		return nil, err
	}
	return d.hold(g)
}

func (d *Dir) hold(g *Generation) (*Use, error) {
	if g.Number == 0 {
		return &Use{Generation: g}, nil
	}
	path := d.generationPath(g.Number)
	gone := fmt.Errorf("generation %d: %w", g.Number, ErrNoGeneration)
	lock, err := filelock.SharedExisting(path)
	switch {
	case isMissing(err), errors.Is(err, filelock.ErrHeld): // only who removes it holds it alone
		return nil, gone
	case err != nil:
		return nil, err
	}
	// The file may have been removed after it was opened and before it was locked.
	if _, err := os.Stat(path); err != nil {
		if isMissing(err) {
			err = gone
		}
		return nil, errors.Join(err, lock.Unlock())
	}
	return &Use{g, lock}, nil
}

// Release lets the generation go. A second call does nothing.
func (u *Use) Release() error {
	if u.lock == nil {
		return nil
	}
	lock := u.lock
	u.lock = nil
	return lock.Unlock()
}
