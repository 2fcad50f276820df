package resolve

import (
	"cmp"
	"maps"
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
	n := &neighbours{id: string(id), suffix: "/" + id.Name(), most: max(2, len(id)/4), far: map[string]int{}}
	for _, p := range s.plugins {
		if p.choice == nil && len(p.releases) > 0 {
			n.add(string(p.id))
		}
	}
	if ix, ok := s.ix.(index.Searcher); ok {
		for _, text := range []string{id.Name(), id.Namespace(), stem(id.Name())} {
			for hit, err := range ix.Search(s.ctx, index.Query{Text: text}) {
				if err != nil {
					break
				}
				n.add(string(hit.ID))
			}
		}
	}
	near := slices.SortedFunc(maps.Keys(n.far), func(a, b string) int {
		return cmp.Or(cmp.Compare(n.far[a], n.far[b]), strings.Compare(a, b))
	})
	return near[:min(len(near), maxNear)]
}

// neighbours collects names that are like an id.
type neighbours struct {
	id, suffix string
	most       int            // distance
	far        map[string]int // distance by name; 0 for the same name in another namespace
}

func (n *neighbours) add(name string) {
	if strings.HasSuffix(name, n.suffix) {
		n.far[name] = 0
		return
	}
	if d := len(name) - len(n.id); d > n.most || -d > n.most {
		return
	}
	if d := distance(name, n.id); d <= n.most {
		n.far[name] = d
	}
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
