package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// refusal says why a published version is no candidate.
type refusal struct {
	version version.Version
	kind    Kind
	reason  string
}

// plugin reads the document of id once and sorts its releases into candidates and
// refusals.
func (s *solver) plugin(id manifest.ID) (*plugin, error) {
	if p := s.plugins[id]; p != nil {
		return p, nil
	}
	doc, err := s.ix.Plugin(s.ctx, id)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", id, err)
	}
	p := &plugin{document: doc.Document}
	wished := slices.ContainsFunc(s.p.Wishes, func(w Wish) bool { return w.ID == id })
	locked, isLocked := s.p.Locked.Find(id)
	for i := range doc.Releases {
		r := &doc.Releases[i]
		p.versions = append(p.versions, r.Version)
		same := isLocked && r.Digest == locked.Digest
		pkg, no := s.admit(id, r, wished, same)
		if no.kind != "" {
			no.version = r.Version
			p.refused = append(p.refused, no)
			continue
		}
		p.all = append(p.all, candidate{id, r, pkg})
	}
	slices.SortFunc(p.versions, version.Version.Compare)
	slices.SortStableFunc(p.all, func(a, b candidate) int { return b.release.Version.Compare(a.release.Version) })
	if isLocked && !s.p.UpdateAll && !slices.Contains(s.p.Update, id) {
		p.prefer(locked.Version)
	}
	s.plugins[id] = p
	return p, nil
}

// prefer moves the candidate of version v to the front.
func (p *plugin) prefer(v version.Version) {
	i := slices.IndexFunc(p.all, func(c candidate) bool { return c.release.Version == v })
	if i > 0 {
		c := p.all[i]
		copy(p.all[1:i+1], p.all[:i])
		p.all[0] = c
	}
}

// admit asks host and policy whether r may be chosen and picks its package.
func (s *solver) admit(id manifest.ID, r *index.Release, wished, locked bool) (index.Package, refusal) {
	if s.p.Policy != nil {
		if why, ok := s.p.Policy.Admit(id, r, locked); !ok {
			return index.Package{}, refusal{kind: Forbidden, reason: why}
		}
	}
	if why := s.p.Host.refuses(r); why != "" {
		return index.Package{}, refusal{kind: HostRange, reason: why}
	}
	if why := s.p.Host.lacksPoint(r, wished); why != "" {
		return index.Package{}, refusal{kind: Point, reason: why}
	}
	pkg, ok := s.p.Host.choosePackage(r)
	if !ok {
		return pkg, refusal{kind: Platform, reason: s.p.Host.noPackage(r)}
	}
	return pkg, refusal{}
}

// refuses checks the host range of r and returns why it does not fit, or "".
func (h Host) refuses(r *index.Release) string {
	if len(r.Host) == 0 {
		return ""
	}
	rng, ok := r.Host[h.App]
	if !ok {
		return fmt.Sprintf("is for %s, not for %s", strings.Join(sortedKeys(r.Host), ", "), h.App)
	}
	v := h.Version
	release := version.Version{Major: v.Major, Minor: v.Minor, Patch: v.Patch}
	if rng.Has(v) || rng.Has(release) {
		return ""
	}
	return fmt.Sprintf("needs %s %s", h.App, rng)
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// lacksPoint checks the extension points that r provides. A point that the host
// offers must have the same major and at least the same minor. A plugin that was
// wished for serves at least one point of the host; one that only others need may
// serve none.
func (h Host) lacksPoint(r *index.Release, wished bool) string {
	served := 0
	for _, p := range r.Provides {
		offered, fits := false, false
		for _, o := range h.Points {
			if o.ID == p.ID {
				offered = true
				fits = fits || o.Major == p.Major && o.Minor >= p.Minor
			}
		}
		if offered && !fits {
			return fmt.Sprintf("provides %s, and %s offers %s", p, h.App, h.offers(p.ID))
		}
		if fits {
			served++
		}
	}
	if wished && served == 0 && len(h.Points) > 0 {
		return fmt.Sprintf("provides no extension point of %s", h.App)
	}
	return ""
}

func (h Host) offers(id string) string {
	var out []string
	for _, o := range h.Points {
		if o.ID == id {
			out = append(out, fmt.Sprintf("%d.%d", o.Major, o.Minor))
		}
	}
	return strings.Join(out, " and ")
}

// choosePackage picks the payload of the runtime that the host prefers.
func (h Host) choosePackage(r *index.Release) (index.Package, bool) {
	for _, rt := range h.Runtimes {
		for _, p := range r.Packages {
			if p.Runtime == rt && (p.Platform == h.Platform || p.Platform == manifest.WasmPlatform) {
				return p, true
			}
		}
	}
	return index.Package{}, false
}

func (h Host) noPackage(r *index.Release) string {
	var have []string
	for _, p := range r.Packages {
		have = append(have, p.Runtime+" on "+p.Platform.String())
	}
	if len(have) == 0 {
		return "has no package for any platform"
	}
	return fmt.Sprintf("runs as %s; this program runs %s on %s", strings.Join(have, ", "), strings.Join(h.Runtimes, ", "), h.Platform)
}
