package update

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/filestamp"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/resolve"
)

// Override is a development override as it is now.
type Override struct {
	install.Override
	// Manifest is what the plugin.yaml of the folder says; nil if it cannot be read.
	Manifest *manifest.Manifest
	Runtime  string // that it runs in; "" if there is none
	// Err is an [*OverrideError] that says why it does not start; nil if nothing is known
	// against it.
	Err error

	locked resolve.Locked // what a lock would say of it
	stamp  string         // of the files
}

// readOverride looks at the folder of an override.
func (u *Updater) readOverride(at install.Override) Override {
	o := Override{Override: at}
	if err := u.readFolder(&o); err != nil {
		o.Err = &OverrideError{ID: at.ID, Dir: at.Dir, Err: err}
	}
	return o
}

func (u *Updater) readFolder(o *Override) error {
	root, err := openDev(o.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	m, err := publish.Load(root)
	if err != nil {
		return err
	}
	if m.ID != o.ID {
		return fmt.Errorf("%w: it holds %s now", ErrOverrideFolder, m.ID)
	}
	o.Manifest, o.locked = m, lockedOf(m)
	if slices.Contains(u.Host.Linked, m.ID) {
		return fmt.Errorf("%s: %w", o.locked.Name(), resolve.ErrLinked)
	}
	s, err := (&resolve.Lock{Plugins: []resolve.Locked{o.locked}}).Solution(u.Host)
	if err != nil {
		e := &resolve.PlatformError{ID: m.ID, Version: m.Version, Platform: u.Host.Platform}
		for _, p := range o.locked.Packages {
			e.Have = append(e.Have, p.Runtime+" on "+p.Platform.String())
		}
		return e
	}
	o.Runtime = s.Choices[0].Package.Runtime
	entry, _ := m.Runtimes.Entry(o.Runtime, s.Choices[0].Package.Platform)
	if o.Runtime == manifest.RuntimeFiles {
		if st, err := root.Lstat(filepath.FromSlash(entry)); err != nil || !st.IsDir() {
			return fmt.Errorf("%w: %s: not a folder", ErrOverrideFolder, entry)
		}
		o.stamp, err = stampOf(root, []string{publish.ManifestFile}, slices.Concat([]string{entry}, m.Files))
		return err
	}
	o.stamp, err = stampOf(root, []string{publish.ManifestFile, entry}, m.Files)
	return err
}

// openDev opens the folder of an override.
func openDev(dir string) (*os.Root, error) {
	st, err := os.Stat(dir)
	if err == nil && !st.IsDir() {
		err = errors.New("not a folder")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOverrideFolder, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOverrideFolder, err)
	}
	return root, nil
}

// lockedOf is what a lock says of a plugin, without digests.
func lockedOf(m *manifest.Manifest) resolve.Locked {
	f := artifact.FactsOf(m)
	l := resolve.Locked{
		ID: f.ID, Version: f.Version, Requires: f.Requires, AnyOf: f.AnyOf, Conflicts: f.Conflicts,
		Provides: f.Provides, Offers: f.Offers, Host: f.Host,
	}
	for _, p := range m.Runtimes.Platforms() {
		for _, rt := range m.Runtimes.Names() {
			if _, ok := m.Runtimes.Entry(rt, p); ok {
				l.Packages = append(l.Packages, index.Package{Runtime: rt, Platform: p})
			}
		}
	}
	return l
}

// stampOf tells two states of a folder apart without reading its files. must are files that
// have to be there, more are files and folders.
func stampOf(root *os.Root, must, more []string) (string, error) {
	for _, name := range must {
		st, err := root.Lstat(filepath.FromSlash(name))
		if err == nil && !st.Mode().IsRegular() {
			err = errors.New("not a regular file")
		}
		if err != nil {
			return "", fmt.Errorf("%w: %s: %w", ErrOverrideFolder, name, err)
		}
	}
	s, err := filestamp.Of(root.FS(), slices.Concat(must, more)...)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOverrideFolder, err)
	}
	return PathPrefix + s.Sum, nil
}
