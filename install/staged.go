package install

import (
	"path/filepath"
	"slices"

	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/resolve"
)

// Staged returns what [Tx.Commit] would make with lock l, without a number.
func (t *Tx) Staged(l resolve.Lock) *Generation {
	return &Generation{Made: now(), Auto: t.auto, From: t.from, Lock: l, Records: slices.Clone(t.records), Held: t.held, Disabled: t.off(), Configs: t.configured(), Overrides: t.overrides, Left: t.left()}
}

// Return makes the new generation repeat g, without that anybody asked for it; see
// [Generation.Auto]. What the base holds back stays so.
func (t *Tx) Return(g *Generation) {
	t.records, t.disabled, t.overrides, t.configs, t.held = slices.Clone(g.Records), g.Disabled, g.Overrides, g.Configs, t.Base.Held
	t.auto, t.from = true, g.Number
}

// Scratch makes an empty private folder that goes when the transaction ends. name is
// below a folder of the transaction.
func (t *Tx) Scratch(name string) (string, error) {
	if t.lock == nil {
		return "", ErrDone
	}
	path := filepath.Join(t.d.store, "staging", filepath.Join("/", name))
	if err := durable.RemoveAll(path); err != nil {
		return "", err
	}
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, durable.Mkdir(path, 0o700)
}
