package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
)

// Limits of the text of a failure, in lines.
const (
	maxText  = 12
	maxFacts = 8
)

// text puts lead, facts and suggestions together.
func (f *Failure) text() string {
	lines := []string{f.Lead}
	for i, fact := range f.Facts {
		if i == maxFacts-1 && len(f.Facts) > maxFacts {
			lines = append(lines, fmt.Sprintf("  … and %d more facts", len(f.Facts)-i))
			break
		}
		lines = append(lines, "  "+fact)
	}
	for _, s := range f.Suggestions {
		lines = append(lines, "this would do: "+s.Text)
	}
	return strings.Join(lines[:min(len(lines), maxText)], "\n")
}

// explain sorts the leaves of the proof and says what they come to.
func (f *Failure) explain(s *Solver) {
	f.leaves = inOrder(f.leaves)
	f.judge(s)
	f.Lead = f.lead(s)
	for _, l := range f.leaves {
		if line := l.line(s); !slices.Contains(f.Facts, line) {
			f.Facts = append(f.Facts, line)
		}
	}
	if l := f.subject(); l != nil && f.Kind == Versions || f.Kind == PreReleases {
		f.Facts = append(f.Facts, published(s.plugin(f.ID)))
	}
}

// inOrder puts the leaves in the order in which somebody would tell them: wishes, what
// these plugins need, what those need, each followed by who is refused for what.
func inOrder(leaves []leaf) []leaf {
	var out []leaf
	told, spoken := make([]bool, len(leaves)), map[*plugin]bool{}
	tell := func(want func(l leaf) bool) {
		for i, l := range leaves {
			if !told[i] && want(l) {
				told[i] = true
				out = append(out, l)
				if l.target != nil {
					spoken[l.target] = true
				}
			}
		}
	}
	tell(func(l leaf) bool { return l.wish >= 0 })
	for n := -1; n != len(out); {
		n = len(out)
		now := map[*plugin]bool{}
		for p := range spoken {
			now[p] = true
		}
		tell(func(l leaf) bool { return now[l.of] })
	}
	tell(func(leaf) bool { return true })
	return out
}

// rank orders the kinds of failures by how much they explain.
var rank = []Kind{Unknown, Blocked, Yanked, HostRange, Point, Platform, Age, Forbidden, Excluded, Pinned, Kept, Older, TooFar, Itself, Provider, PreReleases, Conflict, Versions}

// judge finds out what the failure is about.
func (f *Failure) judge(s *Solver) {
	best := len(rank)
	consider := func(k Kind, id manifest.ID) {
		if i := slices.Index(rank, k); i < best {
			best, f.Kind, f.ID = i, k, id
		}
	}
	for _, l := range f.leaves {
		switch {
		case l.need == nil && l.of.choice != nil:
			consider(Provider, l.of.choice.options[0].by.id)
		case l.need == nil:
			consider(Kind(l.kind), l.of.id)
		case l.target.choice != nil:
		case l.target.absent != nil && !l.need.Weak:
			consider(Unknown, l.target.id)
			if f.Kind == Unknown && f.cause == nil {
				f.cause = l.target.absent
			}
		case s.onlyPre(l):
			consider(PreReleases, l.target.id)
		case l.kind == NodeConflicts:
			consider(Conflict, l.target.id)
		}
	}
	consider(Versions, f.contested())
}

// onlyPre reports whether what a leaf asks for exists as pre-releases only.
func (s *Solver) onlyPre(l leaf) bool {
	return !l.need.Weak && l.target.stable != nil && s.takesPre(l.target) == 0 &&
		l.target.within(l.need.rng, false).Empty() && !l.target.within(l.need.rng, true).Empty()
}

// contested returns the plugin that most leaves ask for.
func (f *Failure) contested() manifest.ID {
	count := map[manifest.ID]int{}
	var best manifest.ID
	for _, l := range f.leaves {
		if l.target == nil || l.target.choice != nil {
			continue
		}
		id := l.target.id
		if count[id]++; best == "" || count[id] > count[best] {
			best = id
		}
	}
	return best
}

// subject returns the leaf that asks for the plugin of the failure, if any does.
func (f *Failure) subject() *leaf {
	for i, l := range f.leaves {
		if l.target != nil && l.target.id == f.ID {
			return &f.leaves[i]
		}
	}
	return nil
}

func (f *Failure) lead(s *Solver) string {
	h := &s.p.Host
	app := strings.TrimSpace(h.App + " " + h.Version.String())
	switch f.Kind {
	case Unknown:
		return fmt.Sprintf("no plugin is called %s", f.ID)
	case HostRange:
		return fmt.Sprintf("no version of %s that would fit is for %s", f.ID, app)
	case Point:
		return fmt.Sprintf("no version of %s that would fit serves the extension points of %s", f.ID, app)
	case Platform:
		return fmt.Sprintf("no version of %s that would fit runs here", f.ID)
	case PreReleases:
		return fmt.Sprintf("only pre-releases of %s would fit", f.ID)
	case Yanked, Blocked:
		return fmt.Sprintf("every version of %s that would fit is %s", f.ID, f.Kind)
	case Age:
		return fmt.Sprintf("every version of %s that would fit is too young", f.ID)
	case Forbidden:
		return fmt.Sprintf("policy forbids every version of %s that would fit", f.ID)
	case Excluded, Pinned:
		return fmt.Sprintf("every version of %s that would fit is kept away by a rule of yours", f.ID)
	case Older:
		return fmt.Sprintf("%s could only be downgraded", f.ID)
	case TooFar, Kept:
		return fmt.Sprintf("no version of %s that may be chosen now fits", f.ID)
	case Itself:
		return fmt.Sprintf("%s contradicts itself", f.ID)
	case Provider:
		return "nobody asked for a plugin that offers what is needed"
	case Conflict:
		return fmt.Sprintf("%s conflicts with another plugin", f.ID)
	}
	if l := f.subject(); l != nil && !l.need.Weak && l.target.within(l.need.rng, s.takesPre(l.target) == 1).Empty() {
		return fmt.Sprintf("no version of %s is in the range %s", f.ID, l.need.rng)
	}
	return fmt.Sprintf("no version of %s fits everybody who needs it", f.ID)
}

// line says one fact.
func (l leaf) line(s *Solver) string {
	if l.need == nil {
		return fmt.Sprintf("%s is %s", l.of.phrase(l.set), l.reason)
	}
	what := l.need.words()
	if l.need.target != nil {
		if o := s.override[l.need.target]; o != nil && l.wish < 0 && l.kind != NodeConflicts {
			what = fmt.Sprintf("%s, which you replaced by %s", what, o.Range)
		}
	}
	switch l.kind {
	case NodeWish:
		return "you asked for " + what
	case NodeOption:
		return fmt.Sprintf("%s would need %s", l.of.phrase(l.set), l.target.phrase(pubgrub.Full(len(l.target.versions)).Minus(l.need.fixed)))
	case NodeConflicts:
		return fmt.Sprintf("%s conflicts with %s", l.of.phrase(l.set), what)
	case NodeOptional:
		return fmt.Sprintf("%s works with %s only", l.of.phrase(l.set), what)
	}
	return fmt.Sprintf("%s requires %s", l.of.phrase(l.set), what)
}

func published(p *plugin) string {
	if len(p.versions) == 0 {
		return "nothing is published of " + string(p.id)
	}
	if n := len(p.versions); n > 4 {
		return fmt.Sprintf("published of %s: %d versions from %s to %s", p.id, n, p.versions[0], p.versions[n-1])
	}
	var list []string
	for _, v := range p.versions {
		list = append(list, v.String())
	}
	return fmt.Sprintf("published of %s: %s", p.id, strings.Join(list, ", "))
}
