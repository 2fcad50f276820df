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
	ErrMismatch = errors.New("artifact does not match its index record")
	// ErrPolicy says that a rule forbids a release.
	ErrPolicy = errors.New("forbidden by policy")
)

// Policy is the operator's rules. The zero value refuses nothing.
type Policy struct {
	// Forbidden lists capabilities that no plugin may ask for: exact ones, or a kind
	// with a colon ("net:").
	Forbidden []manifest.Capability
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

// Manifest judges a plugin.json that arrived: what was chosen by a lock has not been
// judged by its capabilities before. Errors wrap [ErrPolicy].
func (p Policy) Manifest(m *manifest.Manifest) error {
	if why, ok := p.Admit(m.ID, &index.Release{Record: index.Record{Facts: artifact.FactsOf(m)}}, false); !ok {
		return fmt.Errorf("verify %s %s: %w: %s", m.ID, m.Version, ErrPolicy, why)
	}
	return nil
}

// Solution judges everything that was chosen, before any payload is fetched. It
// returns an error that wraps [ErrPolicy] and names the release. locked is the
// installed set.
func Solution(p Policy, s *resolve.Solution, locked *resolve.Lock) error {
	for _, c := range s.Choices {
		l, ok := locked.Find(c.ID)
		if why, fine := p.Admit(c.ID, c.Release, ok && l.Digest == c.Release.Digest); !fine {
			return fmt.Errorf("verify %s %s: %w: %s", c.ID, c.Release.Version, ErrPolicy, why)
		}
	}
	return nil
}

// Verified is a plugin that may be installed. Its zero value is not.
type Verified struct {
	f  fetch.Fetched
	ok bool
}

// OK reports whether v was made by this package.
func (v Verified) OK() bool { return v.ok }

// Manifest returns the plugin.json that was verified.
func (v Verified) Manifest() *manifest.Manifest { return v.f.Image.Manifest }

// Package returns the payload to install.
func (v Verified) Package() artifact.Package { return v.f.Package }

// Fetched judges an artifact whose bytes matched their digests: index record,
// image index, plugin.json and package must say the same. Errors wrap
// [ErrMismatch].
func Fetched(f fetch.Fetched) (Verified, error) {
	if err := agree(f); err != nil {
		return Verified{}, fmt.Errorf("verify %s %s: %w: %w", f.Choice.ID, f.Choice.Release.Version, ErrMismatch, err)
	}
	return Verified{f, true}, nil
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
