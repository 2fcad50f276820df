package resolve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

// maxNear is how many names are suggested for a mistyped one.
const maxNear = 3

// nearest returns known plugins whose names are like id, the nearest first: those that
// the search has met, and what the index finds for the parts of the name.
func (s *Solver) nearest(id manifest.ID) []string {
	known := map[string]bool{}
	for _, p := range s.plugins {
		if p.choice == nil && p.doc != nil && len(p.releases) > 0 {
			known[string(p.id)] = true
		}
	}
	if ix, ok := s.ix.(index.Searcher); ok {
		for _, text := range []string{id.Name(), id.Namespace(), stem(id.Name())} {
			for hit, err := range ix.Search(s.ctx, index.Query{Text: text}) {
				if err != nil {
					break
				}
				known[string(hit.ID)] = true
			}
		}
	}
	var near []string
	for name := range known {
		if distance(name, string(id)) <= max(2, len(id)/4) || manifest.ID(name).Name() == id.Name() {
			near = append(near, name)
		}
	}
	slices.SortFunc(near, func(a, b string) int {
		return cmp.Or(cmp.Compare(distance(a, string(id)), distance(b, string(id))), strings.Compare(a, b))
	})
	return near[:min(len(near), maxNear)]
}

// stem is the beginning of a name, which a search finds although the rest is mistyped.
func stem(name string) string { return name[:min(len(name), 3)] }

// distance counts the insertions, deletions, replacements and swaps of neighbours that
// turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
