package resolve

import (
	"fmt"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
)

// Solution returns the set that l holds, without an index: its releases know only what
// a lock keeps of them. It fails if a plugin has no package for h; [Lock.Check] says
// more.
func (l *Lock) Solution(h Host) (*Solution, error) {
	out := &Solution{Wishes: l.Requests, Overrides: l.Overrides}
	for i := range l.Plugins {
		p := &l.Plugins[i]
		r := &index.Release{Record: index.Record{
			Facts: artifact.Facts{
				ID: p.ID, Version: p.Version, Provides: p.Provides, Host: p.Host, Requires: p.Requires,
				AnyOf: p.AnyOf, Conflicts: p.Conflicts, Offers: p.Offers,
			},
			Digest: p.Digest, Size: p.Size, Packages: p.Packages,
		}}
		pkg, ok := h.choosePackage(r, h.Platform)
		if !ok {
			return nil, &PlatformError{ID: p.ID, Platform: h.Platform}
		}
		out.Choices = append(out.Choices, Choice{ID: p.ID, Release: r, Package: *pkg, Frozen: true})
	}
	return out, nil
}

// Name returns "namespace/name version".
func (p *Locked) Name() string { return fmt.Sprintf("%s %s", p.ID, p.Version) }
