package resolve

import "slices"

// hitter looks for small sets that have an element of every list of a growing number.
type hitter[T comparable] struct {
	lists [][]T
	set   []T
	size  int // no smaller set will do
	left  int // sets that may still be tried
}

// add adds a list that is not empty and returns a smallest set that has an element of
// every list, or a small one if that takes more tries than are left. The same lists give
// the same set.
func (h *hitter[T]) add(list []T) []T {
	h.lists = append(h.lists, list)
	h.set = nil
	for _, l := range h.lists { // of one element there is no choice
		if len(l) == 1 && !slices.Contains(h.set, l[0]) {
			h.set = append(h.set, l[0])
		}
	}
	given := len(h.set)
	greedy := h.greedy()
	for size := max(h.size, given); size < len(greedy) && h.left > 0; size++ {
		h.set = h.set[:given]
		if h.within(size - given) {
			h.size = size
			return slices.Clone(h.set)
		}
		if h.left > 0 {
			h.size = size + 1
		}
	}
	return greedy
}

// hit reports whether the set has an element of a list.
func (h *hitter[T]) hit(list []T) bool {
	return slices.ContainsFunc(list, func(x T) bool { return slices.Contains(h.set, x) })
}

// open returns the shortest list that the set has nothing of, or nil.
func (h *hitter[T]) open() []T {
	var best []T
	for _, l := range h.lists {
		if (best == nil || len(l) < len(best)) && !h.hit(l) {
			best = l
		}
	}
	return best
}

// within adds at most size elements to the set so that it has one of every list. Without
// success the set is as before.
func (h *hitter[T]) within(size int) bool {
	list := h.open()
	if list == nil {
		return true
	}
	for _, x := range list {
		if h.left--; size == 0 || h.left < 0 {
			return false
		}
		h.set = append(h.set, x)
		if h.within(size - 1) {
			return true
		}
		h.set = h.set[:len(h.set)-1]
	}
	return false
}

// greedy adds what most of the open lists have, again and again, and returns that set.
func (h *hitter[T]) greedy() []T {
	given := len(h.set)
	for h.open() != nil {
		count := map[T]int{}
		var best T
		for _, l := range h.lists {
			if h.hit(l) {
				continue
			}
			for _, x := range l {
				if count[x]++; count[x] > count[best] {
					best = x
				}
			}
		}
		h.set = append(h.set, best)
	}
	out := slices.Clone(h.set)
	h.set = h.set[:given]
	return out
}
