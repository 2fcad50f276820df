// Package blobs keeps the bytes of a registry as objects with keys: in a folder
// ([Dir]) or in a bucket of an S3-compatible service ([Bucket]).
//
// An object is written once, under a key that was never used before, and never
// changes. What an object means, and that there is one at all, is said by the
// database: until it does, the object is garbage.
package blobs

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/plugstead/plugstead/registry"
)

// Store keeps objects. Its methods allow concurrent calls.
//
// A key is made of parts of a-z, A-Z, 0-9, '.', '_' and '-' with slashes between them;
// no part begins with a dot.
type Store interface {
	// Put makes an object of what r gives, size bytes or, with -1, as many as come. It
	// is durable when Put returns. After an error there is no object, or one that
	// nobody was told about. The key is new.
	Put(ctx context.Context, key string, r io.Reader, size int64) error
	// Open returns an object and its size in bytes, or registry.ErrNotFound. The caller
	// closes it. Reads end with ctx. That of a folder is an *os.File.
	Open(ctx context.Context, key string) (io.ReadSeekCloser, int64, error)
	// Join makes an object of others, one behind the other. It is durable when Join
	// returns; the others stay. The key is new.
	Join(ctx context.Context, key string, parts []string) error
	// Delete removes an object, if there is one.
	Delete(ctx context.Context, key string) error
	// List yields the objects whose keys begin with prefix.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// URL returns an address at which everybody can read the object for a while, or ""
	// if there are no such addresses. It is a secret for that time.
	URL(ctx context.Context, key string, ttl time.Duration) (string, error)
}

// Object is one entry of a list.
type Object struct {
	Key     string
	Size    int64 // bytes
	Written time.Time
}

// ErrKey says that a key is not of the form that [Store] describes.
var ErrKey = errors.New("key of an object is not well-formed")

// CheckKey returns ErrKey for a key that no object can have.
func CheckKey(key string) error {
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part[0] == '.' || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
			return ErrKey
		}
	}
	return nil
}

var errNone = registry.ErrNotFound
