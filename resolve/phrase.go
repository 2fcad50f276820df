package resolve

import (
	"fmt"
	"strings"

	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
)

// phrase says which states of p a set has, in as few words as the known versions
// allow.
func (p *plugin) phrase(set pubgrub.Set) string {
	n := len(p.versions)
	if set.HasAbsent() {
		switch set.Count() {
		case n + 1:
			return "anything of " + p.name()
		case 1:
			return "no " + p.name()
		}
		return "not " + p.phrase(pubgrub.Full(n).Minus(set))
	}
	if p.choice != nil {
		return words(p.name()) + " from " + p.names(set)
	}
	if set.Count() == n && n > 1 {
		return "every version of " + p.name()
	}
	return strings.TrimSpace(p.name() + " " + p.runs(set))
}

// names lists the plugins behind options of a choice.
func (p *plugin) names(set pubgrub.Set) string {
	var names []string
	for i, o := range p.choice.options {
		if set.Has(i) {
			names = append(names, string(o.by.id))
		}
	}
	return strings.Join(names, " or ")
}

// maxRuns is how many parts of the list of versions are written out.
const maxRuns = 3

// runs writes a set of versions, without "absent", as parts of the list of versions.
func (p *plugin) runs(set pubgrub.Set) string {
	var parts []string
	var few [maxRuns + 1][2]int
	list, texts := appendStates(few[:0], set), p.texts()
	for _, r := range list {
		lo, hi := r[0]-1, r[1]-2 // versions lo to hi
		switch {
		case lo == hi:
			parts = append(parts, texts[lo])
		case hi == len(p.versions)-1:
			parts = append(parts, texts[lo]+" and newer")
		case lo == 0:
			parts = append(parts, "up to "+texts[hi])
		case hi == lo+1:
			parts = append(parts, texts[lo], texts[hi])
		default:
			parts = append(parts, texts[lo]+" to "+texts[hi])
		}
	}
	switch {
	case len(parts) == 0:
		return "none"
	case len(list) > maxRuns:
		first, last := list[0][0]-1, list[len(list)-1][1]-2
		return fmt.Sprintf("%d versions from %s to %s", set.Count(), texts[first], texts[last])
	}
	return and(parts)
}

// and joins words as people do.
func and(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}
