package install

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/manifest"
)

// maxOverrides is how many development overrides one generation may have.
const maxOverrides = 100

// Override is a plugin folder that runs in place of an installed plugin, or besides what
// is installed. It is no part of the lock, and nothing of the folder is copied.
type Override struct {
	ID  manifest.ID `json:"id"`
	Dir string      `json:"dir"` // absolute path
}

// Override returns the development override of a plugin.
func (g *Generation) Override(id manifest.ID) (Override, bool) {
	i := slices.IndexFunc(g.Overrides, func(o Override) bool { return o.ID == id })
	if i < 0 {
		return Override{}, false
	}
	return g.Overrides[i], true
}

// has reports whether g installs a plugin or overrides it.
func (g *Generation) has(id manifest.ID) bool {
	_, installed := g.Find(id)
	_, overridden := g.Override(id)
	return installed || overridden
}

// SetOverrides says which development overrides the new generation has, in place of those
// of the one before. It refuses a list that a generation cannot have: too long, twice for
// one plugin, or with a path that is not absolute and clean.
func (t *Tx) SetOverrides(list []Override) error {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Override) int { return strings.Compare(string(a.ID), string(b.ID)) })
	if !validOverrides(list) {
		return fmt.Errorf("overrides: want at most %d, one for a plugin, with absolute paths", maxOverrides)
	}
	t.overrides = list
	return nil
}

// validOverrides reports whether a generation can have list.
func validOverrides(list []Override) bool {
	if len(list) > maxOverrides {
		return false
	}
	for i, o := range list {
		_, err := manifest.ParseID(string(o.ID))
		if err != nil || !filepath.IsAbs(o.Dir) || filepath.Clean(o.Dir) != o.Dir || i > 0 && list[i-1].ID >= o.ID {
			return false
		}
	}
	return true
}

// devFolder stands in the name of the private folder of an override where others have
// their number.
const devFolder = "dev"

// DevDataPath returns the private folder of an override that cannot share the one of the
// installed plugin. It outlives the override.
func (d *Dir) DevDataPath(id manifest.ID) string { return d.dataPath(id, 0) + "@" + devFolder }

// MakeDevData makes the folder that [Dir.DevDataPath] names, which begins empty.
func (d *Dir) MakeDevData(id manifest.ID) error {
	if _, err := manifest.ParseID(string(id)); err != nil {
		return err
	}
	return durable.MkdirAll(d.DevDataPath(id), 0o700)
}
