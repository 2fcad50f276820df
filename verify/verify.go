// Package verify is step 6 of 10: it decides whether a plugin may be installed.
//
// It acts twice: [Policy] and [Solution] judge releases before any payload is
// fetched, [Fetched] judges the artifact that arrived. Only this package makes a
// [Verified], and install accepts nothing else.
//
// What is proven today: every byte matches the digest that the index document
// names, and artifact, index record and plugin.json agree. Who published it is not
// proven yet; see SECURITY.md.
package verify

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// Errors of this step. They come wrapped with the plugin they are about.
var (
	// ErrMismatch says that an artifact is not what its index record says.
	ErrMismatch = index.ErrMismatch
	// ErrPolicy says that a rule forbids a release.
	ErrPolicy = errors.New("forbidden by policy")
)

// Policy is the operator's rules. The zero value refuses nothing.
type Policy struct {
	// Forbidden lists capabilities that no plugin may ask for: exact ones, or a kind
	// with a colon ("net:").
	Forbidden []manifest.Capability
	// Payload is how many bytes of one plugin may be fetched; default and most
	// [artifact.MaxPayload].
	Payload int64
	// Unpack bounds what one payload may unpack to.
	Unpack artifact.UnpackLimits
}

var _ resolve.Policy = Policy{}

// Admit implements resolve.Policy with the rules that need no bytes, so that a
// refused release is never downloaded.
func (p Policy) Admit(_ manifest.ID, r *index.Release, _ bool) (string, bool) {
	for _, c := range r.Capabilities {
		if p.forbids(c) {
			return fmt.Sprintf("forbidden: it asks for %s", c), false
		}
	}
	return "", true
}

func (p Policy) forbids(c manifest.Capability) bool {
	return slices.ContainsFunc(p.Forbidden, func(f manifest.Capability) bool {
		if f == c {
			return true
		}
		n := len(f)
		return n > 0 && f[n-1] == ':' && len(c) > n && c[:n] == f
	})
}

// manifest judges a plugin.json that arrived: what was chosen by a lock has not been
// judged by its capabilities before.
func (p Policy) manifest(m *manifest.Manifest) error {
	if why, ok := p.Admit(m.ID, &index.Release{Record: index.Record{Facts: artifact.FactsOf(m)}}, false); !ok {
		return fmt.Errorf("%w: %s", ErrPolicy, why)
	}
	return nil
}

// size judges how many bytes are to be fetched.
func (p Policy) size(d index.Ref) error {
	most := int64(artifact.MaxPayload)
	if p.Payload > 0 {
		most = min(most, p.Payload)
	}
	if d.Size > most {
		return fmt.Errorf("%w: its payload has %d bytes, more than the limit of %d", ErrPolicy, d.Size, most)
	}
	return nil
}

// Solution judges everything that was chosen, before any payload is fetched. It
// returns an error that wraps [ErrPolicy] and names the release. locked is the
// installed set.
func Solution(p Policy, s *resolve.Solution, locked *resolve.Lock) error {
	for _, c := range s.Choices {
		l, ok := locked.Find(c.ID)
		same := ok && l.Digest == c.Release.Digest
		if why, fine := p.Admit(c.ID, c.Release, same); !fine {
			return fmt.Errorf("verify %s %s: %w: %s", c.ID, c.Release.Version, ErrPolicy, why)
		}
		if same {
			continue // it is here
		}
		if err := p.size(c.Package.Payload); err != nil {
			return fmt.Errorf("verify %s %s: %w", c.ID, c.Release.Version, err)
		}
	}
	return nil
}

// Verified is a plugin that may be installed. Its zero value is not.
type Verified struct {
	f      fetch.Fetched
	limits artifact.UnpackLimits
	ok     bool
}

// OK reports whether v was made by this package.
func (v Verified) OK() bool { return v.ok }

// Manifest returns the plugin.json that was verified.
func (v Verified) Manifest() *manifest.Manifest { return v.f.Image.Manifest }

// Package returns the payload to install.
func (v Verified) Package() artifact.Package { return v.f.Package }

// Limits returns what the payload may unpack to.
func (v Verified) Limits() artifact.UnpackLimits { return v.limits }

// Fetched judges an artifact whose bytes matched their digests: index record, image
// index, plugin.json and package must say the same, and p must admit it. Errors wrap
// [ErrMismatch] or [ErrPolicy].
func Fetched(p Policy, f fetch.Fetched) (Verified, error) {
	err := agree(f)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrMismatch, err)
	} else {
		err = p.manifest(f.Image.Manifest)
	}
	if err != nil {
		return Verified{}, fmt.Errorf("verify %s %s: %w", f.Choice.ID, f.Choice.Release.Version, err)
	}
	return Verified{f, p.Unpack, true}, nil
}

func agree(f fetch.Fetched) error {
	r := f.Choice.Release
	if f.Image.Digest != r.Digest {
		return fmt.Errorf("digest %s, the record says %s", f.Image.Digest, r.Digest)
	}
	facts := artifact.FactsOf(f.Image.Manifest)
	if f.Choice.Frozen { // a lock does not keep these
		facts.Capabilities, facts.State = nil, 0
	}
	got, err := facts.JSON()
	if err != nil {
		return err
	}
	want, err := r.Facts.JSON()
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("plugin.json says %s, the record says %s", got, want)
	}
	promised := f.Choice.Package
	if f.Package.Digest != promised.Manifest.Digest || f.Package.Payload.Digest != promised.Payload.Digest || f.Package.Payload.Size != promised.Payload.Size {
		return fmt.Errorf("payload %s, the record says %s", f.Package.Payload.Digest, promised.Payload.Digest)
	}
	return nil
}
