package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
)

// CycleError says that plugins would wait for each other to start.
type CycleError struct {
	Cycle []manifest.ID // each must start after the next one, the last after the first
}

// Error names the plugins of the cycle.
func (e *CycleError) Error() string {
	var names []string
	for _, id := range append(slices.Clone(e.Cycle), e.Cycle[0]) {
		names = append(names, string(id))
	}
	return "plugins wait for each other to start: " + strings.Join(names, " after ")
}

// StartOrder returns the choices such that each stands behind what it requires. In a
// cycle only needs with init count; equal ranks are in the order of their ids. It
// returns a [*CycleError] if there is none.
//
// It uses Tarjan's algorithm for strongly connected components ("Depth-first search
// and linear graph algorithms", SIAM J. Comput. 1972) without recursion.
func (s *Solution) StartOrder() ([]Choice, error) {
	g := newGraph(s)
	out := make([]Choice, 0, len(s.Choices))
	for _, group := range g.components() {
		order, err := g.arrange(group)
		if err != nil {
			return nil, err
		}
		for _, i := range order {
			out = append(out, g.choices[i])
		}
	}
	return out, nil
}

// graph is who must start after whom.
type graph struct {
	choices []Choice // by id
	all     [][]int  // what each requires
	init    [][]int  // of these, with init
}

func newGraph(s *Solution) *graph {
	g := &graph{choices: slices.Clone(s.Choices)}
	slices.SortFunc(g.choices, func(a, b Choice) int { return strings.Compare(string(a.ID), string(b.ID)) })
	serving := map[manifest.ID][]int{}
	for i, c := range g.choices {
		serving[c.ID] = append(serving[c.ID], i)
		for _, o := range c.Release.Offers {
			serving[o.ID] = append(serving[o.ID], i)
		}
	}
	g.all, g.init = make([][]int, len(g.choices)), make([][]int, len(g.choices))
	for i, c := range g.choices {
		for _, n := range needsOf(c.Release) {
			for _, j := range serving[n.ID] {
				if i == j {
					continue
				}
				g.all[i] = append(g.all[i], j)
				if n.Init {
					g.init[i] = append(g.init[i], j)
				}
			}
		}
	}
	return g
}

// components returns the strongly connected components, what is required first.
func (g *graph) components() [][]int {
	n := len(g.choices)
	var out [][]int
	index, low, on := make([]int, n), make([]int, n), make([]bool, n)
	var stack, path []int
	next := make([]int, n) // edge to follow next
	count := 0
	enter := func(v int) {
		count++
		index[v], low[v], on[v] = count, count, true
		stack, path = append(stack, v), append(path, v)
	}
	for root := range n {
		if index[root] == 0 {
			enter(root)
		}
		for len(path) > 0 {
			v := path[len(path)-1]
			if next[v] < len(g.all[v]) {
				w := g.all[v][next[v]]
				next[v]++
				if index[w] == 0 {
					enter(w)
				} else if on[w] {
					low[v] = min(low[v], index[w])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				up := path[len(path)-1]
				low[up] = min(low[up], low[v])
			}
			if low[v] == index[v] {
				at := slices.Index(stack, v)
				group := slices.Clone(stack[at:])
				stack = stack[:at]
				for _, w := range group {
					on[w] = false
				}
				slices.Sort(group)
				out = append(out, group)
			}
		}
	}
	return out
}

// arrange orders the members of a component by their needs with init.
func (g *graph) arrange(group []int) ([]int, error) {
	var out []int
	left := slices.Clone(group)
	for len(left) > 0 {
		i := slices.IndexFunc(left, func(v int) bool {
			return !slices.ContainsFunc(g.init[v], func(w int) bool { return slices.Contains(left, w) })
		})
		if i < 0 {
			return nil, fmt.Errorf("resolve: %w", g.cycle(left))
		}
		out = append(out, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return out, nil
}

// cycle finds a shortest cycle of needs with init among some choices.
func (g *graph) cycle(among []int) *CycleError {
	var best []int
	for _, start := range among {
		from := map[int]int{start: -1}
		queue := []int{start}
		for len(queue) > 0 {
			v := queue[0]
			queue = queue[1:]
			for _, w := range g.init[v] {
				if w == start {
					var path []int
					for x := v; x >= 0; x = from[x] {
						path = append(path, x)
					}
					if best == nil || len(path) < len(best) {
						slices.Reverse(path)
						best = path
					}
					queue = nil
					break
				}
				if _, seen := from[w]; !seen && slices.Contains(among, w) {
					from[w] = v
					queue = append(queue, w)
				}
			}
		}
	}
	e := &CycleError{}
	for _, i := range best {
		e.Cycle = append(e.Cycle, g.choices[i].ID)
	}
	return e
}
