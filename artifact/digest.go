package artifact

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/plugstead/plugstead/manifest"
)

// ErrDigest says that bytes are not those that a digest or a size promised.
var ErrDigest = errors.New("content does not match its digest")

// Digest names bytes by their hash: the algorithm, a colon and lower-case hex digits.
// Everything that belongs to a plugin is named by SHA-256; SHA-512 occurs in what others
// keep in a registry.
type Digest string

// Algorithm is a hash function of digests.
type Algorithm string

// The algorithms of the OCI image specification.
const (
	SHA256 Algorithm = "sha256"
	SHA512 Algorithm = "sha512"
)

// New returns the hash function, or nil for an algorithm that is not known. Its state
// can be marshalled (encoding.BinaryMarshaler).
func (a Algorithm) New() hash.Hash {
	switch a {
	case SHA256:
		return sha256.New()
	case SHA512:
		return sha512.New()
	}
	return nil
}

// Digest returns the digest that h has come to, a hash of this algorithm.
func (a Algorithm) Digest(h hash.Hash) Digest {
	return Digest(string(a) + ":" + hex.EncodeToString(h.Sum(nil)))
}

// DigestOf hashes b, or returns "" for an algorithm that is not known.
func (a Algorithm) DigestOf(b []byte) Digest {
	h := a.New()
	if h == nil {
		return ""
	}
	h.Write(b)
	return a.Digest(h)
}

// Algorithm returns what stands before the colon.
func (d Digest) Algorithm() Algorithm {
	a, _, _ := strings.Cut(string(d), ":")
	return Algorithm(a)
}

// ParseAnyDigest checks the form of a digest of any known algorithm, as registries
// keep them for others.
func ParseAnyDigest(s string) (Digest, error) {
	h := Digest(s).Algorithm().New()
	if h == nil || len(Digest(s).Hex()) != 2*h.Size() || !lowerHex(Digest(s).Hex()) {
		return "", fmt.Errorf("digest %.150q: want sha256: and 64, or sha512: and 128 lower-case hex digits", s)
	}
	return Digest(s), nil
}

const sha256Prefix = "sha256:"

// ParseDigest checks the form of the digest of a part of a plugin, which is a SHA-256.
func ParseDigest(s string) (Digest, error) {
	h, ok := strings.CutPrefix(s, sha256Prefix)
	if !ok || len(h) != 2*sha256.Size || !lowerHex(h) {
		return "", fmt.Errorf("digest %.80q: want sha256: and 64 lower-case hex digits", s)
	}
	return Digest(s), nil
}

// lowerHex is written by hand because an index has three digests a line.
func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// DigestOf hashes b.
func DigestOf(b []byte) Digest {
	s := sha256.Sum256(b)
	return Digest(sha256Prefix + hex.EncodeToString(s[:]))
}

// Hex returns the digits without the algorithm.
func (d Digest) Hex() string {
	_, h, ok := strings.Cut(string(d), ":")
	if !ok {
		return string(d)
	}
	return h
}

// Short returns enough of the digits to tell digests apart in a message.
func (d Digest) Short() string {
	h := d.Hex()
	return string(d[:len(d)-len(h)]) + h[:min(12, len(h))]
}

// Descriptor points to bytes: what they are, their digest and their size in bytes.
// The JSON form is that of the OCI image specification.
type Descriptor struct {
	MediaType    string             `json:"mediaType"`
	Digest       Digest             `json:"digest"`
	Size         int64              `json:"size"`
	ArtifactType string             `json:"artifactType,omitempty"`
	Platform     *manifest.Platform `json:"platform,omitempty"`
	Annotations  map[string]string  `json:"annotations,omitempty"`
}

// Describe returns the descriptor of b.
func Describe(mediaType string, b []byte) Descriptor {
	return Descriptor{MediaType: mediaType, Digest: DigestOf(b), Size: int64(len(b))}
}

// Check reports what is wrong with the form of d: digest or size.
func (d Descriptor) Check() error {
	if _, err := ParseDigest(string(d.Digest)); err != nil {
		return err
	}
	if d.Size < 0 {
		return fmt.Errorf("descriptor %s: negative size", d.Digest.Short())
	}
	return nil
}

// verifier is the reader that Verify returns.
type verifier struct {
	r    io.Reader
	d    Descriptor
	h    hash.Hash
	left int64
	err  error
}

// Verify wraps r, which is expected to give the bytes of d. It returns a reader that passes
// them through and fails with [ErrDigest] in place of io.EOF if they are others. It never
// passes on more bytes than the descriptor promises. What [Checked.Open] of d returned is not
// hashed again.
func Verify(r io.Reader, d Descriptor) io.Reader {
	if c, ok := r.(*checkedReader); ok && c.is(d) {
		return c.Reader
	}
	return &verifier{r: r, d: d, h: sha256.New(), left: d.Size}
}

// Read implements io.Reader.
func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if v.left == 0 {
		v.err = v.end()
		return 0, v.err
	}
	n, err := v.r.Read(p[:min(int64(len(p)), v.left)])
	v.h.Write(p[:n])
	v.left -= int64(n)
	switch {
	case err == io.EOF && v.left > 0:
		v.err = fmt.Errorf("%s: %w: %d of %d bytes missing", v.d.Digest.Short(), ErrDigest, v.left, v.d.Size)
	case err == io.EOF:
		v.err = v.sum()
	case err != nil:
		v.err = err
	}
	return n, v.err
}

// end looks for surplus bytes once all promised bytes were read.
func (v *verifier) end() error {
	var one [1]byte
	switch n, err := io.ReadFull(v.r, one[:]); {
	case n > 0:
		return fmt.Errorf("%s: %w: longer than %d bytes", v.d.Digest.Short(), ErrDigest, v.d.Size)
	case err != io.EOF:
		return err
	}
	return v.sum()
}

func (v *verifier) sum() error {
	if got := sha256Prefix + hex.EncodeToString(v.h.Sum(nil)); got != string(v.d.Digest) {
		return fmt.Errorf("%s: %w: got %s", v.d.Digest.Short(), ErrDigest, Digest(got).Short())
	}
	return io.EOF
}
