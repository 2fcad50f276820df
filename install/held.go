package install

import (
	"slices"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// maxHeld is how many releases one generation holds back; older ones are forgotten.
const maxHeld = 100

// Held is a release that was installed and did not start. It is not chosen again unless
// somebody asks to try it.
type Held struct {
	ID      manifest.ID     `json:"id"`
	Version version.Version `json:"version"`
	Digest  artifact.Digest `json:"digest"` // of the image index: the same version in other bytes may be tried
	Why     string          `json:"why"`
	Since   time.Time       `json:"since"`
}

// HeldBack returns the entry of a release that is held back.
func (g *Generation) HeldBack(d artifact.Digest) (Held, bool) {
	i := slices.IndexFunc(g.Held, func(h Held) bool { return h.Digest == d })
	if i < 0 {
		return Held{}, false
	}
	return g.Held[i], true
}

// Hold adds a release to those that the new generation holds back, besides those that the
// one before did. Since is set.
func (t *Tx) Hold(h Held) {
	t.Free(h.Digest)
	h.Since = now()
	t.held = append(t.held, h)
	t.held = t.held[max(0, len(t.held)-maxHeld):]
}

// Free lets a release be chosen again.
func (t *Tx) Free(d artifact.Digest) {
	t.held = slices.DeleteFunc(slices.Clone(t.held), func(h Held) bool { return h.Digest == d })
}
