package store

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/plugstead/plugstead/artifact"
)

// Errors of every store. They come wrapped with the object they are about.
var (
	ErrNotFound = errors.New("not found")
	// ErrBound says that a tag names other bytes already. Tags never move.
	ErrBound = errors.New("bound to another digest")
)

// Store keeps blobs by digest and immutable tags. All methods allow concurrent
// calls, also from several processes where the store is on disk.
type Store interface {
	// Open returns the bytes of d, which the caller closes, or ErrNotFound.
	// They were checked against the digest when they were put.
	artifact.Blobs

	// Put reads r and keeps the bytes of d. It returns artifact.ErrDigest and
	// keeps nothing if r does not give exactly those bytes. If d is there
	// already, Put returns at once without reading r. When Put returns nil the
	// bytes survive a power cut (on disk).
	Put(ctx context.Context, d artifact.Descriptor, r io.Reader) error

	// Tag binds name and tag to d, which is in the store (else ErrNotFound).
	// Binding the same digest again changes nothing; another digest is ErrBound.
	Tag(ctx context.Context, name, tag string, d artifact.Descriptor) error

	// Resolve returns what a tag is bound to, or ErrNotFound.
	Resolve(ctx context.Context, name, tag string) (artifact.Descriptor, error)

	// Tags yields every tag, sorted by name and tag.
	Tags(ctx context.Context) iter.Seq2[Tagged, error]
}

// Tagged is one binding of a tag.
type Tagged struct {
	Name, Tag string
	artifact.Descriptor
}
