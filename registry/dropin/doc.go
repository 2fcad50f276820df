// Package dropin makes a folder that people drop plugins into a source: plugin folders as
// their authors have them, and bundles. docs/reference/dropin.md describes it.
package dropin

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Prefix stands before the absolute path of the folder in the identity of a source.
const Prefix = "dropin:"

const (
	// DefaultSettle is how long an entry must not have changed before it is looked at.
	DefaultSettle = 2 * time.Second
	// MaxEntries is how many entries a folder may have, hidden ones included.
	MaxEntries = 10_000
	// MaxBytes is how many bytes the files of one plugin folder may have together.
	MaxBytes = artifact.MaxPayload

	fresh = time.Second // how long a look at the folder answers questions about it
)

// Classes of errors. But for ErrFolder they are of one entry, wrapped by an [*EntryError],
// as are manifest.Errors, bundle.ErrBundle, and what packing says.
var (
	// ErrFolder says that there is no folder at a path.
	ErrFolder = errors.New("no drop-in folder")
	// ErrSettling says that an entry has changed just now, and may not be whole yet.
	ErrSettling = errors.New("it has just changed, and is looked at when it is at rest")
	// ErrNoEntry says that an entry is neither a plugin folder nor a bundle.
	ErrNoEntry = errors.New("neither a folder with a plugin.yaml nor a bundle")
	// ErrTooLarge says that an entry is beyond the limits.
	ErrTooLarge = errors.New("too large")
)

// EntryError says why an entry of the folder does not count. It hides no other entry.
type EntryError struct {
	Dir  string // absolute
	Name string // of the entry, in Dir
	Err  error
}

// Error names folder and entry.
func (e *EntryError) Error() string { return fmt.Sprintf("%s: %.200q: %v", e.Dir, e.Name, e.Err) }

// Unwrap returns the cause.
func (e *EntryError) Unwrap() error { return e.Err }

// TwiceError says that two entries have one version of a plugin with different bytes.
// Nobody can say which is meant, so the folder has nothing of that plugin.
type TwiceError struct {
	Dir          string
	ID           manifest.ID
	Version      version.Version
	First, Other string // names of the entries
}

// Error names both entries.
func (e *TwiceError) Error() string {
	return fmt.Sprintf("%s: %s %s is in %.200q and, with other bytes, in %.200q", e.Dir, e.ID, e.Version, e.First, e.Other)
}

// Kind is what an entry is.
type Kind string

// The kinds of entries. The empty one is not known.
const (
	PluginFolder Kind = "folder"
	BundleFile   Kind = "bundle"
)

// Entry is one entry of the folder that is not hidden.
type Entry struct {
	Name string
	Kind Kind
	IDs  []manifest.ID // of the plugins in it, as far as they can be told; sorted
	Err  error         // an [*EntryError] if it does not count, otherwise nil
}

// Scan is what is in the folder at one time.
type Scan struct {
	Entries []Entry // by name
	// State is the same text for the same entries in the same state.
	State string
}

// Has reports whether an entry, good or bad, is of a plugin.
func (s *Scan) Has(id manifest.ID) bool {
	for _, e := range s.Entries {
		if slices.Contains(e.IDs, id) {
			return true
		}
	}
	return false
}

// Unclear reports whether there is an entry of which it cannot be told what it is of.
func (s *Scan) Unclear() bool {
	for _, e := range s.Entries {
		if e.Err != nil && len(e.IDs) == 0 && !errors.Is(e.Err, ErrNoEntry) {
			return true
		}
	}
	return false
}

// entry is an Entry with what is known of it.
type entry struct {
	Entry
	stamp    string
	again    bool               // look anew the next time, although nothing changed
	plugin   *plugin            // of a PluginFolder
	releases []release          // of a BundleFile
	blobs    artifact.Blobs     // of a BundleFile
	m        *manifest.Manifest // of a PluginFolder
}

// release is one release that an entry has, with what the header of a document says.
type release struct {
	index.Release
	header index.Header
}
