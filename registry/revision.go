package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
)

// HeaderRevision is the header of answers about a document that carries the revision of
// the index; see docs/spec/index.md.
const HeaderRevision = "Plugstead-Revision"

// maxRevision is the length of a revision in bytes.
const maxRevision = 128

// CheckRevision returns [ErrInvalid] if r is no revision: 1 to 128 letters, digits, ".",
// "_" and "-".
func CheckRevision(r string) error {
	if r == "" || len(r) > maxRevision {
		return fmt.Errorf("revision of %d bytes: %w", len(r), ErrInvalid)
	}
	for _, c := range []byte(r) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return fmt.Errorf("revision %.200q: %w", r, ErrInvalid)
		}
	}
	return nil
}

// NextRevision returns the revision that follows old when documents are replaced by
// those with the given digests, "" for one that is gone: the SHA-256 of the old one and
// of what changed. Two registries that are restored from one backup and change
// differently since then never meet again in one revision.
func NextRevision(old string, changed map[manifest.ID]artifact.Digest) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", old)
	for _, id := range slices.Sorted(maps.Keys(changed)) {
		fmt.Fprintf(h, "%s %s\n", id, changed[id])
	}
	return hex.EncodeToString(h.Sum(nil))
}
