package pubgrub_test

import (
	"math/rand/v2"
	"testing"

	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
)

// model is a set as a plain list of booleans, state 0 first.
type model []bool

func (m model) set() pubgrub.Set {
	s := pubgrub.NewSet(len(m) - 1)
	for i, in := range m {
		if in {
			s.AddRange(i, i+1)
		}
	}
	return s
}

func (m model) with(o model, f func(a, b bool) bool) model {
	out := make(model, len(m))
	for i := range m {
		out[i] = f(m[i], o[i])
	}
	return out
}

// equals compares every state, and what is counted of them.
func (m model) equals(s pubgrub.Set) bool {
	count, top, bottom := 0, -1, -1
	for i, in := range m {
		if s.Has(i-1) != in {
			return false
		}
		if !in {
			continue
		}
		count++
		if i > 0 {
			top = i - 1
			if bottom < 0 {
				bottom = i - 1
			}
		}
	}
	return s.Count() == count && s.Top() == top && s.Bottom() == bottom && s.Empty() == (count == 0) && s.HasAbsent() == m[0] && len(s) == pubgrub.Words(len(m)-1)
}

func randomModel(r *rand.Rand, n int) model {
	m := make(model, n+1)
	odds := 1 + r.IntN(20)
	for i := range m {
		m[i] = r.IntN(odds) == 0
	}
	return m
}

// TestSetOperations compares sets with lists of booleans, around the lengths at which a set
// takes another word.
func TestSetOperations(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 2))
		n := []int{0, 1, 5, 62, 63, 64, 65, 126, 127, 128, 200}[r.IntN(11)]
		a, b := randomModel(r, n), randomModel(r, n)
		x, y := a.set(), b.set()
		if !a.equals(x) {
			t.Fatalf("seed %d: %v became %x", seed, a, x)
		}
		for name, c := range map[string]struct {
			got  pubgrub.Set
			want model
		}{
			"union": {x.Union(y), a.with(b, func(p, q bool) bool { return p || q })},
			"minus": {x.Minus(y), a.with(b, func(p, q bool) bool { return p && !q })},
			"and":   {x.And(y), a.with(b, func(p, q bool) bool { return p && q })},
		} {
			if !c.want.equals(c.got) {
				t.Fatalf("seed %d: %s of %x and %x is %x", seed, name, x, y, c.got)
			}
		}
		if !a.equals(x) || !b.equals(y) {
			t.Fatalf("seed %d: an operand changed", seed)
		}
		within, disjoint := true, true
		for i := range a {
			within = within && (!a[i] || b[i])
			disjoint = disjoint && !(a[i] && b[i])
		}
		if x.Within(y) != within || x.Disjoint(y) != disjoint || !x.And(y).Within(x) || !x.Within(x.Union(y)) || !x.Minus(y).Disjoint(y) {
			t.Fatalf("seed %d: %x and %x", seed, x, y)
		}
		x.Invert(n)
		if !a.with(a, func(p, _ bool) bool { return !p }).equals(x) {
			t.Fatalf("seed %d: inverse of %v is %x", seed, a, x)
		}
	}
}

// TestSetRanges adds every range of states to sets of many lengths.
func TestSetRanges(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 130} {
		for lo := 0; lo <= n+1; lo++ {
			for hi := lo; hi <= n+1; hi++ {
				m := make(model, n+1)
				for i := lo; i < hi; i++ {
					m[i] = true
				}
				s := pubgrub.NewSet(n)
				s.AddRange(lo, hi)
				if !m.equals(s) {
					t.Fatalf("states %d to %d of %d: %x", lo, hi, n+1, s)
				}
			}
		}
	}
}

// TestBest decides for what is preferred, then for what is stable, from the right end.
func TestBest(t *testing.T) {
	const n = 70
	of := func(versions ...int) pubgrub.Set {
		s := pubgrub.NewSet(n)
		for _, v := range versions {
			s.Add(v)
		}
		return s
	}
	stable := of(1, 3, 66)
	for name, c := range map[string]struct {
		k    pubgrub.Package
		dom  pubgrub.Set
		want int
	}{
		"newest":                     {pubgrub.Package{Prefer: -1}, of(1, 5, 69), 69},
		"none":                       {pubgrub.Package{Prefer: -1}, pubgrub.Absent(n), -1},
		"absent does not count":      {pubgrub.Package{Prefer: -1, Lowest: true}, of(4).Union(pubgrub.Absent(n)), 4},
		"oldest":                     {pubgrub.Package{Prefer: -1, Lowest: true}, of(2, 5, 69), 2},
		"oldest, none":               {pubgrub.Package{Prefer: -1, Lowest: true}, pubgrub.Absent(n), -1},
		"preferred":                  {pubgrub.Package{Prefer: 2}, of(1, 2, 69), 2},
		"preferred is not there":     {pubgrub.Package{Prefer: 2}, of(1, 69), 69},
		"preferred before stable":    {pubgrub.Package{Prefer: 2, Stable: stable}, of(1, 2, 66), 2},
		"preferred before oldest":    {pubgrub.Package{Prefer: 66, Lowest: true}, of(1, 66), 66},
		"newest stable":              {pubgrub.Package{Prefer: -1, Stable: stable}, of(1, 66, 69), 66},
		"no stable one left":         {pubgrub.Package{Prefer: -1, Stable: stable}, of(2, 68), 68},
		"oldest stable":              {pubgrub.Package{Prefer: -1, Stable: stable, Lowest: true}, of(0, 3, 66), 3},
		"oldest, no stable one left": {pubgrub.Package{Prefer: -1, Stable: stable, Lowest: true}, of(0, 68), 0},
		"stable in the second word":  {pubgrub.Package{Prefer: -1, Stable: of(66), Lowest: true}, of(0, 66), 66},
	} {
		if got := c.k.Best(c.dom); got != c.want {
			t.Errorf("%s: version %d, want %d", name, got, c.want)
		}
	}
}
