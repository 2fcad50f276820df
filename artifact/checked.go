package artifact

import (
	"bytes"
	"fmt"
	"io"
)

// Checked is the bytes of a descriptor, in memory, that were hashed once; [Verify] does not
// hash them again. They must not change as long as a reader of them is in use. The zero value
// is the bytes of no descriptor.
type Checked struct {
	b []byte
	d Descriptor
}

// Check hashes b and returns it as the bytes of d, or an error that wraps [ErrDigest].
func Check(b []byte, d Descriptor) (Checked, error) {
	if got := DigestOf(b); got != d.Digest {
		return Checked{}, fmt.Errorf("%s: %w: got %s", d.Digest.Short(), ErrDigest, got.Short())
	}
	if int64(len(b)) != d.Size {
		return Checked{}, fmt.Errorf("%s: %w: %d bytes, want %d", d.Digest.Short(), ErrDigest, len(b), d.Size)
	}
	return Checked{b, d}, nil
}

// Digest returns the digest of the bytes.
func (c Checked) Digest() Digest { return c.d.Digest }

// Open returns a reader of all bytes. It need not be closed.
func (c Checked) Open() io.ReadCloser { return &checkedReader{bytes.NewReader(c.b), c.d} }

type checkedReader struct {
	*bytes.Reader
	d Descriptor
}

func (*checkedReader) Close() error { return nil }

// is reports whether r gives all bytes of d.
func (r *checkedReader) is(d Descriptor) bool {
	return r.d.Digest == d.Digest && r.d.Size == d.Size && int64(r.Len()) == d.Size
}
