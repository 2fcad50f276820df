package hook

import (
	"cmp"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/manifest"
)

// Plugin is one that can be called, like a *supervise.Plugin. Manifest returns nil while
// it does not run.
type Plugin interface {
	contract.Caller
	ID() manifest.ID
	Manifest() *manifest.Manifest
}

// Hooks are the plugins at one extension point. They allow concurrent calls.
type Hooks[P Plugin] struct {
	point string
	list  func() iter.Seq[P]
	last  atomic.Pointer[sorted[P]]
}

// sorted is an order and what it was made of.
type sorted[P Plugin] struct {
	from   []P // as list yields them
	of     []*manifest.Manifest
	order  []P
	circle []manifest.ID
}

// At returns the hooks of a point. list yields those that implement it now, for example
//
//	hook.At(point, func() iter.Seq[*plugstead.Plugin] { return host.Plugins(point) })
func At[P Plugin](p *contract.Point, list func() iter.Seq[P]) *Hooks[P] {
	return &Hooks[P]{point: p.ID(), list: list}
}

// Order returns the plugins that run, in the order in which they are called. The slice is
// not to be changed.
func (h *Hooks[P]) Order() []P { return h.sorted().order }

// Circle returns plugins that want to stand before each other, by id, or nil. Of those the
// one with the lowest priority, then id, is called first, whatever they say.
func (h *Hooks[P]) Circle() []manifest.ID { return h.sorted().circle }

func (h *Hooks[P]) sorted() *sorted[P] {
	last := h.last.Load()
	if last != nil && last.still(h.list()) {
		return last
	}
	s := new(sorted[P])
	for p := range h.list() {
		if m := p.Manifest(); m != nil {
			s.from, s.of = append(s.from, p), append(s.of, m)
		}
	}
	s.sort(h.point)
	h.last.Store(s)
	return s
}

// still reports whether list has the same plugins in the same versions.
func (s *sorted[P]) still(list iter.Seq[P]) bool {
	n := 0
	for p := range list {
		m := p.Manifest()
		if m == nil {
			continue
		}
		if n == len(s.of) || s.of[n] != m || s.from[n].ID() != p.ID() {
			return false
		}
		n++
	}
	return n == len(s.of)
}

// sort takes one plugin after the other, each time the lowest of those that wait for
// nobody, and of a circle if there is none such.
func (s *sorted[P]) sort(point string) {
	left := make([]int, len(s.from)) // indexes, the lowest first
	hooks := make([]manifest.Hook, len(s.from))
	for i, m := range s.of {
		left[i], hooks[i] = i, m.Hook(point)
	}
	slices.SortFunc(left, func(a, b int) int {
		return cmp.Or(cmp.Compare(hooks[a].Priority, hooks[b].Priority), cmp.Compare(s.from[a].ID(), s.from[b].ID()))
	})
	first := func(a, b int) bool { // a says, or b says, that a comes first
		return slices.Contains(hooks[a].Before, s.from[b].ID()) || slices.Contains(hooks[b].After, s.from[a].ID())
	}
	for len(left) > 0 {
		at := slices.IndexFunc(left, func(i int) bool {
			return !slices.ContainsFunc(left, func(j int) bool { return j != i && first(j, i) })
		})
		if at < 0 {
			circle := around(left, first)
			at = slices.IndexFunc(left, func(i int) bool { return slices.Contains(circle, i) })
			s.note(circle)
		}
		s.order = append(s.order, s.from[left[at]])
		left = slices.Delete(left, at, at+1)
	}
}

// note keeps the first circle.
func (s *sorted[P]) note(circle []int) {
	if s.circle != nil {
		return
	}
	for _, i := range circle {
		s.circle = append(s.circle, s.from[i].ID())
	}
	slices.Sort(s.circle)
}

// around finds a circle: everybody in left waits for somebody in left.
func around(left []int, first func(a, b int) bool) []int {
	var path []int
	for at := left[0]; ; {
		if i := slices.Index(path, at); i >= 0 {
			return path[i:]
		}
		path = append(path, at)
		at = left[slices.IndexFunc(left, func(j int) bool { return j != at && first(j, at) })]
	}
}
