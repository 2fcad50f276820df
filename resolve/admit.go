package resolve

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
	"github.com/plugstead/plugstead/version"
)

// admission is which versions of a plugin are candidates in a problem, and which are
// not, by the reason.
type admission struct {
	pubgrub.Package
	epoch   int
	refused []refusal
}

// refusal is the versions that are no candidates for one kind of reason.
type refusal struct {
	kind Kind
	set  pubgrub.Set
}

// admit sorts the versions of p into candidates and refused ones. Only what is special
// in a problem is worked out anew for it.
func (s *Solver) admit(p *plugin) *admission {
	wished := 0
	if s.isWished(p) {
		wished = 1
	}
	locked := p.role.locked
	special := locked != nil || s.ruled[p] || wished == 1 && p.withdrawn
	if a := p.admitted[wished]; a != nil && a.epoch == s.epoch && !special {
		return a
	}
	a := &admission{epoch: s.epoch}
	a.Versions, a.Base, a.Stable, a.Prefer, a.Topics = len(p.versions), pubgrub.Full(len(p.versions)), p.stable, -1, p.topics
	a.Needs = func(v int) []*pubgrub.Need { return s.needsOf(p, v) }
	a.Lowest = s.p.Rules.Lowest
	for i, r := range p.releases {
		k := s.refuse(p, r, wished == 1, locked)
		if k == "" {
			continue
		}
		a.Base[(i+1)>>6] &^= 1 << uint((i+1)&63)
		j := slices.IndexFunc(a.refused, func(x refusal) bool { return x.kind == k })
		if j < 0 {
			a.refused = append(a.refused, refusal{k, pubgrub.NewSet(len(p.versions))})
			j = len(a.refused) - 1
		}
		a.refused[j].set.Add(i)
	}
	if locked != nil && !s.p.UpdateAll && !p.role.updating {
		a.Prefer = slices.IndexFunc(p.versions, func(v version.Version) bool { return v == locked.Version })
	}
	if !special {
		p.admitted[wished] = a
	}
	return a
}

// refuse returns why r is no candidate, or "". locked is nil if p is not installed.
func (s *Solver) refuse(p *plugin, r *index.Release, wished bool, locked *Locked) Kind {
	rules := &s.p.Rules
	same := locked != nil && locked.Digest == r.Digest && locked.Version == r.Version
	switch {
	case r.State.Blocked != nil && !rules.Blocked:
		return Blocked
	case s.ruled[p] && rules.excludes(r):
		return Excluded
	case s.ruled[p] && rules.unpins(r):
		return Pinned
	case locked != nil && s.keeping && !same && !p.role.updating && !s.freed[p]:
		return Kept
	case locked != nil && !rules.Downgrade && r.Version.Compare(locked.Version) < 0:
		return Older
	case locked != nil && !rules.Step.reaches(locked.Version, r.Version):
		return TooFar
	case r.State.Yanked != nil && !same && !(wished && s.asksExactly(p, r.Version)):
		return Yanked
	case !slices.Contains(rules.AgeExempt, p.id) && rules.hides(r, same):
		return Age
	}
	if s.p.Policy != nil {
		if _, ok := s.p.Policy.Admit(p.id, r, same); !ok {
			return Forbidden
		}
	}
	return s.refuseHere(r, wished)
}

// refuseHere returns why r cannot run in this application, or "".
func (s *Solver) refuseHere(r *index.Release, wished bool) Kind {
	switch {
	case s.p.Host.refuses(r) != "":
		return HostRange
	case s.p.Host.lacksPoint(r, wished) != "":
		return Point
	case !s.runs(r):
		return Platform
	case !satisfiesItself(r):
		return Itself
	}
	return ""
}

// asksExactly reports whether a wish names exactly version v of p.
func (s *Solver) asksExactly(p *plugin, v version.Version) bool {
	return slices.ContainsFunc(s.p.Wishes, func(w Wish) bool { return w.ID == p.id && w.Range.Equal(version.Exact(v)) })
}

func (r *Rules) excludes(rel *index.Release) bool {
	return slices.ContainsFunc(r.Excludes, func(w Wish) bool { return w.ID == rel.ID && w.Range.HasPre(rel.Version) })
}

// unpins reports whether a pin is for another version of the plugin than rel.
func (r *Rules) unpins(rel *index.Release) bool {
	return slices.ContainsFunc(r.Pins, func(p Pin) bool { return p.ID == rel.ID && p.Version != rel.Version })
}

// hides reports whether rel is too young to be chosen, or of no known age.
func (r *Rules) hides(rel *index.Release, installed bool) bool {
	if !r.AsOf.IsZero() && (rel.Time.IsZero() || rel.Time.After(r.AsOf)) {
		return true
	}
	return r.MinAge > 0 && !installed && (rel.Time.IsZero() || rel.Time.After(r.Now.Add(-r.MinAge)))
}

func (s Step) reaches(from, to version.Version) bool {
	switch s {
	case Minor:
		return from.Major == to.Major
	case Patch:
		return from.Major == to.Major && from.Minor == to.Minor
	}
	return true
}

// why says in words why r was refused for the reason k. It completes a sentence that
// begins with a plugin and versions.
func (s *Solver) why(k Kind, p *plugin, r *index.Release) string {
	locked := p.role.locked
	switch k {
	case Blocked:
		return "blocked as unsafe" + because(r.State.Blocked)
	case Yanked:
		return "yanked" + because(r.State.Yanked)
	case Excluded:
		return "excluded by you"
	case Pinned:
		i := slices.IndexFunc(s.p.Rules.Pins, func(x Pin) bool { return x.ID == p.id })
		return "kept away by the pin to " + s.p.Rules.Pins[i].Version.String()
	case Kept, Older, TooFar:
		return map[Kind]string{
			Kept: "other than the installed ", Older: "older than the installed ", TooFar: "beyond a " + string(s.p.Rules.Step) + " update of ",
		}[k] + locked.Version.String()
	case Age:
		return s.p.Rules.whyHidden(r)
	case Forbidden:
		why, _ := s.p.Policy.Admit(p.id, r, locked != nil && locked.Digest == r.Digest)
		return why
	case HostRange:
		return s.p.Host.refuses(r)
	case Point:
		return s.p.Host.lacksPoint(r, s.isWished(p))
	case Platform:
		return s.noPackage(r)
	case Itself:
		return "requires another version of itself"
	}
	return string(k)
}

func because(y *index.Yank) string {
	if y == nil || y.Reason == "" {
		return ""
	}
	return ": " + y.Reason
}

func (r *Rules) whyHidden(rel *index.Release) string {
	switch {
	case rel.Time.IsZero():
		return "of unknown age: the source has no time of publication"
	case !r.AsOf.IsZero() && rel.Time.After(r.AsOf):
		return "published after " + r.AsOf.UTC().Format(time.DateOnly)
	}
	return fmt.Sprintf("younger than %s", ageText(r.MinAge))
}

// ageText writes a duration in days where it is whole days.
func ageText(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}

// refuses checks the host range of r and returns why it does not fit, or "".
func (h *Host) refuses(r *index.Release) string {
	if len(r.Host) == 0 {
		return ""
	}
	rng, ok := r.Host[h.App]
	if !ok {
		return fmt.Sprintf("for %s, not for %s", strings.Join(slices.Sorted(maps.Keys(r.Host)), ", "), h.App)
	}
	if rng.Has(h.Version) || rng.Has(h.Version.Release()) {
		return ""
	}
	return fmt.Sprintf("for %s %s", h.App, rng)
}

// lacksPoint checks the extension points that r provides. A point that the host
// offers must have the same major and at least the same minor. A plugin that was
// wished for serves at least one point of the host, or offers what other plugins need;
// one that only others need may serve none.
func (h *Host) lacksPoint(r *index.Release, wished bool) string {
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
			return fmt.Sprintf("for %s, and %s offers %s", p, h.App, h.offers(p.ID))
		}
		if fits {
			served++
		}
	}
	if wished && served == 0 && len(h.Points) > 0 && len(r.Offers) == 0 {
		return fmt.Sprintf("for no extension point of %s", h.App)
	}
	return ""
}

func (h *Host) offers(id string) string {
	var out []string
	for _, o := range h.Points {
		if o.ID == id {
			out = append(out, fmt.Sprintf("%d.%d", o.Major, o.Minor))
		}
	}
	return strings.Join(out, " and ")
}

// runs reports whether r has a package for every platform asked for.
func (s *Solver) runs(r *index.Release) bool {
	if _, ok := s.p.Host.choosePackage(r, s.p.Host.Platform); !ok {
		return false
	}
	for _, on := range s.p.Platforms {
		if _, ok := s.p.Host.choosePackage(r, on); !ok {
			return false
		}
	}
	return true
}

// choosePackage picks the payload of the runtime that the host prefers.
func (h *Host) choosePackage(r *index.Release, on manifest.Platform) (*index.Package, bool) {
	for _, rt := range h.Runtimes {
		for i := range r.Packages {
			if p := &r.Packages[i]; p.Runtime == rt && p.Platform.Fits(on) {
				return p, true
			}
		}
	}
	return nil, false
}

func (s *Solver) noPackage(r *index.Release) string {
	var have []string
	for _, p := range r.Packages {
		have = append(have, p.Runtime+" on "+p.Platform.String())
	}
	if len(have) == 0 {
		return "without a package for any platform"
	}
	want := []string{s.p.Host.Platform.String()}
	for _, p := range s.p.Platforms {
		if t := p.String(); !slices.Contains(want, t) {
			want = append(want, t)
		}
	}
	return fmt.Sprintf("for %s; wanted is %s on %s", strings.Join(have, ", "), strings.Join(s.p.Host.Runtimes, " or "), strings.Join(want, ", "))
}
