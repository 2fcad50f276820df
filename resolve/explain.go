package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Limits of the text of a failure, in lines.
const (
	maxText    = 12
	maxFacts   = 8
	maxTold    = 200 // that are written at all
	firstFacts = 3   // that stand before those that are left out
)

// text puts lead, facts and suggestions together.
func (f *Failure) text() string {
	lines := []string{f.Lead}
	left := len(f.Facts) - maxFacts + 1 // facts to leave out in the middle
	for i, fact := range f.Facts {
		switch {
		case left > 1 && i == firstFacts:
			lines = append(lines, fmt.Sprintf("  … %d more facts …", left+f.Left))
		case left <= 1 || i < firstFacts || i >= firstFacts+left:
			lines = append(lines, "  "+fact)
		}
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
	f.tell(s)
	if f.Kind == Versions || f.Kind == PreReleases {
		if l := f.subject(s); l != nil {
			f.Facts = append(f.Facts, s.available(l)...)
		}
	}
}

// tell writes the facts, without those in the middle if they are very many.
func (f *Failure) tell(s *Solver) {
	told := map[string]bool{}
	for i, l := range f.leaves {
		if i >= maxTold/2 && i < len(f.leaves)-maxTold/2 {
			f.Left++
			continue
		}
		if line := l.line(s); !told[line] {
			told[line] = true
			f.Facts = append(f.Facts, line)
		}
	}
}

// inOrder puts the leaves in the order in which somebody would tell them: wishes, what
// these plugins need and why they are refused, what those need, and so on.
func inOrder(leaves []leaf) []leaf {
	about := map[*plugin][]int{} // leaves by whose they are
	for i, l := range leaves {
		if l.wish < 0 {
			about[l.of] = append(about[l.of], i)
		}
	}
	out := make([]leaf, 0, len(leaves))
	var queue []*plugin
	tell := func(l leaf) {
		out = append(out, l)
		if l.target != nil {
			queue = append(queue, l.target)
		}
	}
	for _, l := range leaves {
		if l.wish >= 0 {
			tell(l)
		}
	}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		for _, i := range about[p] {
			tell(leaves[i])
		}
		delete(about, p)
	}
	for _, l := range leaves { // what is left has no path from a wish
		if _, left := about[l.of]; left && l.wish < 0 {
			out = append(out, l)
		}
	}
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
	if best == len(rank) {
		f.Kind, f.ID = Versions, f.contested(s)
	}
}

// onlyPre reports whether what a leaf asks for exists as pre-releases only.
func (s *Solver) onlyPre(l leaf) bool {
	return !l.need.Weak && l.kind != NodeOption && l.target.stable != nil && s.takesPre(l.target) == 0 &&
		l.target.within(l.need.rng, false).Empty() && !l.target.within(l.need.rng, true).Empty()
}

// contested returns the plugin of which somebody wants what nobody has published, or
// the one that most leaves ask for.
func (f *Failure) contested(s *Solver) manifest.ID {
	count := map[manifest.ID]int{}
	var best manifest.ID
	for _, l := range f.leaves {
		if l.target == nil {
			continue
		}
		if s.nothing(l) {
			return l.about()
		}
		id := l.about()
		if id == "" {
			continue
		}
		if count[id]++; best == "" || count[id] > count[best] {
			best = id
		}
	}
	return best
}

// about returns the plugin that a leaf asks for. Of a choice that nobody can serve it is
// the first name, of another one "".
func (l leaf) about() manifest.ID {
	switch {
	case l.target.choice == nil:
		return l.target.id
	case len(l.target.choice.options) > 0 || len(l.target.choice.list) == 0:
		return ""
	}
	return l.target.choice.list[0].ID
}

// nothing reports whether no version is what a leaf asks for.
func (s *Solver) nothing(l leaf) bool {
	switch {
	case l.target.choice != nil:
		return len(l.target.choice.options) == 0
	case l.need.Weak || l.kind == NodeOption: // an option has a version that serves
		return false
	}
	return l.target.within(s.rangeOf(l), s.takesPre(l.target) == 1).Empty()
}

// rangeOf returns the range that a leaf asks for, which the problem may have replaced.
func (s *Solver) rangeOf(l leaf) version.Range {
	if o := s.override[l.target]; o != nil && l.wish < 0 {
		return o.Range
	}
	return l.need.rng
}

// subject returns the leaf that asks for the plugin of the failure, if any does; one that
// asks for what nobody has published goes before the others.
func (f *Failure) subject(s *Solver) *leaf {
	var first *leaf
	for i, l := range f.leaves {
		if l.target == nil || l.about() != f.ID {
			continue
		}
		if s.nothing(l) {
			return &f.leaves[i]
		}
		if first == nil {
			first = &f.leaves[i]
		}
	}
	return first
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
	if l := f.subject(s); l != nil && s.nothing(*l) {
		if l.target.choice != nil {
			return fmt.Sprintf("nothing is published that is %s", words(l.target.choice.text))
		}
		return fmt.Sprintf("no version of %s is in the range %s", f.ID, s.rangeOf(*l))
	}
	return fmt.Sprintf("no version of %s fits everybody who needs it", f.ID)
}
