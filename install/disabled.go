package install

import (
	"slices"

	"github.com/plugstead/plugstead/manifest"
)

// SetDisabled says which plugins of the new generation are not started, in place of
// those of the one before. Plugins that the new one has not are left out.
func (t *Tx) SetDisabled(ids []manifest.ID) { t.disabled = slices.Clone(ids) }

// off lists the disabled plugins that stay installed, sorted.
func (t *Tx) off() []manifest.ID {
	var out []manifest.ID
	for _, r := range t.records {
		if slices.Contains(t.disabled, r.ID) {
			out = append(out, r.ID)
		}
	}
	slices.Sort(out)
	return out
}
