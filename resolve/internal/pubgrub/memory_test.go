package pubgrub

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRuns puts a set together again from its runs.
func TestRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for n := range 300 {
		s := NewSet(n)
		for range r.IntN(6) {
			lo := r.IntN(n + 1)
			s.AddRange(lo, lo+1+r.IntN(n+1-lo))
		}
		again, end := NewSet(n), -1
		for lo, hi := s.Next(0); lo < hi; lo, hi = s.Next(hi) {
			if lo <= end || hi > n+1 {
				t.Fatalf("%d versions: the run %d to %d of %b follows one up to %d", n, lo, hi, s, end)
			}
			again.AddRange(lo, hi)
			end = hi
		}
		if !slices.Equal(s, again) {
			t.Fatalf("%d versions: the runs of %b make %b", n, s, again)
		}
	}
}

// TestWords checks what watches keep of a set.
func TestWords(t *testing.T) {
	for _, c := range []struct {
		s, t          Set
		outside, only int
	}{
		{Set{0}, Set{0}, -1, -1},
		{Set{6}, Set{2}, 0, 0},
		{Set{6, 1}, Set{6, 1}, -1, -1},
		{Set{0, 0, 5}, Set{7, 7, 4}, 2, 2},
		{Set{0, 9, 0}, Set{1, 9, 1}, -1, 1},
		{Set{1, 9, 1}, Set{1, 1, 0}, 1, -1},
	} {
		if n := c.s.outside(c.t); n != c.outside {
			t.Errorf("%b lies outside %b in word %d, want %d", c.s, c.t, n, c.outside)
		}
		if n := c.s.onlyWord(); n != c.only {
			t.Errorf("only word of %b is %d, want %d", c.s, n, c.only)
		}
	}
}

// TestStack takes and gives back slices in the order of a stack, over several chunks:
// those that are out never share memory.
func TestStack(t *testing.T) {
	var a arena[int]
	r := rand.New(rand.NewPCG(9, 1))
	var out [][]int
	for i := range 20_000 {
		if k := len(out) - 1; k >= 0 && r.IntN(20_000) < i {
			for _, x := range out[k] {
				if x != k {
					t.Fatalf("slice %d has %d in it", k, x)
				}
			}
			a.give(out[k])
			out = out[:k]
			continue
		}
		x := a.take(1 + r.IntN(40))
		for i := range x {
			x[i] = len(out)
		}
		out = append(out, x)
	}
	size := len(a.chunk)
	for range size {
		a.give(a.take(1))
	}
	if len(a.chunk) != size {
		t.Errorf("what was given back is not used again: %d became %d", size, len(a.chunk))
	}
}
