package plugstead

import (
	"context"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/install"
)

// Dir returns the installation folder.
func (h *Host) Dir() string { return h.dir.Path() }

// Store returns the folder with what applications may share: Dir() unless Options.Store was set.
func (h *Host) Store() string { return h.dir.Store() }

// Cache returns the folder in which index documents are kept, "" if none are.
func (h *Host) Cache() string { return h.up.Index.Cache }

// Sources returns where plugins come from, by namespace.
func (h *Host) Sources() fetch.Sources { return h.up.Sources }

// Inspect looks for damaged generations and for what killed changes left; see
// install.Dir.Inspect. It changes nothing.
func (h *Host) Inspect() (install.Inspection, error) { return h.dir.Inspect() }

// Sweep removes what killed changes left, as every change does first. It waits for a
// change of another process until ctx ends; the error wraps install.ErrBusy then.
func (h *Host) Sweep(ctx context.Context) error {
	tx, err := h.dir.Begin(ctx)
	if err != nil {
		return err
	}
	return tx.Abort()
}
