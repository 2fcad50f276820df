package resolve

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// smallest tries every set of numbers below n.
func smallest(lists [][]int, n int) int {
	best := n
	for set := range 1 << n {
		if size := bits.OnesCount(uint(set)); size < best && !slices.ContainsFunc(lists, func(l []int) bool {
			return !slices.ContainsFunc(l, func(x int) bool { return set>>x&1 == 1 })
		}) {
			best = size
		}
	}
	return best
}

func hits(set []int, lists [][]int) bool {
	return !slices.ContainsFunc(lists, func(l []int) bool {
		return !slices.ContainsFunc(l, func(x int) bool { return slices.Contains(set, x) })
	})
}

func randomLists(seed uint64, n int) [][]int {
	r := rand.New(rand.NewPCG(seed, 3))
	lists := make([][]int, 1+r.IntN(12))
	for i := range lists {
		lists[i] = r.Perm(n)[:1+r.IntN(4)]
	}
	return lists
}

// TestHitting compares sets with the smallest ones, after each list.
func TestHitting(t *testing.T) {
	const n = 9
	for seed := range uint64(400) {
		lists := randomLists(seed, n)
		h, again := &hitter[int]{left: maxHits}, &hitter[int]{left: maxHits}
		for i, l := range lists {
			set := h.add(l)
			if !hits(set, lists[:i+1]) {
				t.Fatalf("seed %d: %v has nothing of one of %v", seed, set, lists[:i+1])
			}
			if want := smallest(lists[:i+1], n); len(set) != want {
				t.Fatalf("seed %d: %v for %v, %d are enough", seed, set, lists[:i+1], want)
			}
			if other := again.add(l); !slices.Equal(other, set) {
				t.Fatalf("seed %d: %v and then %v", seed, set, other)
			}
		}
	}
}

// TestHittingBounded has no or few tries: sets may be larger, but they do.
func TestHittingBounded(t *testing.T) {
	larger := 0
	for seed := range uint64(400) {
		lists := randomLists(seed, 9)
		h := &hitter[int]{left: int(seed % 4)}
		var set []int
		for i, l := range lists {
			if set = h.add(l); !hits(set, lists[:i+1]) {
				t.Fatalf("seed %d: %v has nothing of one of %v", seed, set, lists[:i+1])
			}
		}
		if len(set) > smallest(lists, 9) {
			larger++
		}
		if len(set) > smallest(lists, 9)+3 {
			t.Errorf("seed %d: %v for %v", seed, set, lists)
		}
	}
	if larger == 0 {
		t.Error("no set is larger: the bound has no effect")
	}
}

// TestHittingMany has no choice 300 times, and costs no tries.
func TestHittingMany(t *testing.T) {
	h := &hitter[int]{left: 10}
	for i := range 300 {
		if set := h.add([]int{i}); len(set) != i+1 {
			t.Fatalf("%d elements after %d lists", len(set), i+1)
		}
	}
	if set := h.add([]int{400, 17}); len(set) != 300 || h.left != 10 {
		t.Errorf("%d elements, %d tries left", len(set), h.left)
	}
}
