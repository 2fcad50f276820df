package pubgrub_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
)

// universe is a problem small enough to try every combination.
type universe struct {
	packages []*pubgrub.Package
	has      [][][]*pubgrub.Need // by package and version
	bad      map[*pubgrub.Need]pubgrub.Set
	target   map[*pubgrub.Need]int32
	needs    int32
}

func (u *universe) Package(p int32) (*pubgrub.Package, error) { return u.packages[p], nil }
func (u *universe) Open(n *pubgrub.Need) (int32, pubgrub.Set, error) {
	return u.target[n], u.bad[n], nil
}

func (u *universe) Weak(n *pubgrub.Need, q int32) pubgrub.Set {
	if n.Topic == q {
		return u.bad[n]
	}
	return nil
}

func (u *universe) Continue() error { return nil }

func (u *universe) versions(p int32) int { return u.packages[p].Versions }

func (u *universe) add(n int) int32 {
	p := int32(len(u.packages))
	u.packages = append(u.packages, &pubgrub.Package{Versions: n, Base: pubgrub.Full(n), Prefer: -1, Needs: func(v int) []*pubgrub.Need { return u.has[p][v] }})
	u.has = append(u.has, make([][]*pubgrub.Need, n))
	return p
}

// need makes versions of p, given as a bit mask, need target in good, another mask.
func (u *universe) need(p int32, versions uint, target int32, good uint, kind int) {
	n := &pubgrub.Need{ID: u.needs, From: pubgrub.NewSet(u.versions(p)), Weak: kind != hard, Topic: target}
	u.needs++
	bad := pubgrub.NewSet(u.versions(target))
	if kind == hard {
		bad = pubgrub.Absent(u.versions(target))
	}
	for v := range u.versions(target) {
		if (good>>v&1 == 0) != (kind == conflict) {
			bad.Add(v)
		}
	}
	for v := range u.versions(p) {
		if versions>>v&1 == 1 {
			n.From.Add(v)
			u.has[p][v] = append(u.has[p][v], n)
		}
	}
	u.bad[n], u.target[n] = bad, target
}

const (
	hard = iota
	optional
	conflict
)

func random(r *rand.Rand) (*universe, []pubgrub.Wish) {
	u := &universe{bad: map[*pubgrub.Need]pubgrub.Set{}, target: map[*pubgrub.Need]int32{}}
	n := 2 + r.IntN(6)
	for range n {
		size := r.IntN(5)
		if size == 0 && r.IntN(3) > 0 {
			size = 1
		}
		p := u.add(size)
		for v := range size {
			if r.IntN(8) == 0 {
				u.packages[p].Base = without(u.packages[p].Base, v)
			}
		}
		if size > 1 && r.IntN(4) == 0 {
			u.packages[p].Stable = without(pubgrub.Full(size), r.IntN(size))
		}
		if size > 0 && r.IntN(4) == 0 {
			u.packages[p].Prefer = r.IntN(size)
		}
		u.packages[p].Lowest = r.IntN(4) == 0
	}
	for p := range n {
		for range r.IntN(5) {
			if q := r.IntN(n); q != p {
				u.need(int32(p), uint(r.Uint32()), int32(q), uint(r.Uint32()), r.IntN(4)%3)
			}
		}
	}
	var wishes []pubgrub.Wish
	for range 1 + r.IntN(3) {
		p := int32(r.IntN(n))
		bad := pubgrub.Absent(u.versions(p))
		for v := range u.versions(p) {
			if r.IntN(3) == 0 {
				bad.Add(v)
			}
		}
		wishes = append(wishes, pubgrub.Wish{Target: p, Bad: bad})
	}
	return u, wishes
}

func without(s pubgrub.Set, v int) pubgrub.Set {
	one := make(pubgrub.Set, len(s))
	one.Add(v)
	return s.Minus(one)
}

// state returns the set of the single state of p in a candidate answer.
func (u *universe) state(p int32, v int) pubgrub.Set {
	s := pubgrub.NewSet(u.versions(p))
	s.AddRange(v+1, v+2)
	return s
}

// fits reports whether an answer, a version or -1 for every package, breaks nothing.
func (u *universe) fits(answer []int, wishes []pubgrub.Wish) bool {
	for _, w := range wishes {
		if u.state(w.Target, answer[w.Target]).Within(w.Bad) {
			return false
		}
	}
	for p, v := range answer {
		if v < 0 {
			continue
		}
		if !u.packages[p].Base.Has(v) {
			return false
		}
		for _, n := range u.has[p][v] {
			if u.state(u.target[n], answer[u.target[n]]).Within(u.bad[n]) {
				return false
			}
		}
	}
	return true
}

// brute tries every combination.
func (u *universe) brute(wishes []pubgrub.Wish) bool {
	answer := make([]int, len(u.packages))
	for i := range answer {
		answer[i] = -1
	}
	for {
		if u.fits(answer, wishes) {
			return true
		}
		i := 0
		for ; i < len(answer); i++ {
			if answer[i]++; answer[i] < u.versions(int32(i)) {
				break
			}
			answer[i] = -1
		}
		if i == len(answer) {
			return false
		}
	}
}

// check compares one answer of the solver with all there is to know.
func (u *universe) check(s *pubgrub.Solver, wishes []pubgrub.Wish) error {
	ok, err := s.Solve(u, wishes, pubgrub.Budget{})
	if err != nil {
		return err
	}
	if want := u.brute(wishes); ok != want {
		return fmt.Errorf("solver says %v, trying everything says %v", ok, want)
	}
	if !ok {
		return u.checkProof(s.Proof(), wishes)
	}
	answer := make([]int, len(u.packages))
	for p := range answer {
		answer[p] = s.Version(int32(p))
	}
	if !u.fits(answer, wishes) {
		return fmt.Errorf("wrong answer %v", answer)
	}
	return nil
}

// checkProof replays every step and compares every outside node with the problem.
func (u *universe) checkProof(nodes []pubgrub.Node, wishes []pubgrub.Wish) error {
	if len(nodes) == 0 || len(nodes[len(nodes)-1].Terms) != 0 {
		return errors.New("the proof does not end in nothing")
	}
	for i, n := range nodes {
		if len(n.Causes) == 0 {
			if err := u.checkFact(n, wishes); err != nil {
				return fmt.Errorf("node %d: %w", i, err)
			}
			continue
		}
		var terms []pubgrub.Term
		for _, c := range n.Causes {
			if c.Node >= i {
				return fmt.Errorf("node %d rests on node %d", i, c.Node)
			}
			terms = pubgrub.Resolve(terms, nodes[c.Node].Terms, c.On)
			terms = u.open(terms)
		}
		if !same(terms, n.Terms) {
			return fmt.Errorf("node %d: %v, its causes give %v", i, n.Terms, terms)
		}
	}
	return nil
}

// open drops the terms that hold in every state.
func (u *universe) open(terms []pubgrub.Term) []pubgrub.Term {
	var out []pubgrub.Term
	for _, t := range terms {
		if !pubgrub.Full(u.versions(t.Package)).Within(t.Set) {
			out = append(out, t)
		}
	}
	return out
}

func same(a, b []pubgrub.Term) bool {
	in := func(a, b []pubgrub.Term) bool {
		for _, x := range a {
			found := false
			for _, y := range b {
				found = found || x.Package == y.Package && x.Set.Within(y.Set) && y.Set.Within(x.Set)
			}
			if !found {
				return false
			}
		}
		return true
	}
	return in(a, b) && in(b, a)
}

func (u *universe) checkFact(n pubgrub.Node, wishes []pubgrub.Wish) error {
	var want []pubgrub.Term
	switch {
	case n.Wish >= 0:
		want = []pubgrub.Term{{Package: wishes[n.Wish].Target, Set: wishes[n.Wish].Bad}}
	case n.Need != nil:
		want = []pubgrub.Term{{Package: n.From, Set: n.Need.From}, {Package: u.target[n.Need], Set: u.bad[n.Need]}}
	default:
		want = []pubgrub.Term{{Package: n.From, Set: pubgrub.Full(u.versions(n.From)).Minus(u.packages[n.From].Base)}}
	}
	if !same(want, n.Terms) {
		return fmt.Errorf("states %v, but the fact is %v", n.Terms, want)
	}
	return nil
}

// TestAgainstBruteForce compares answers and proofs with trying everything.
func TestAgainstBruteForce(t *testing.T) {
	s := new(pubgrub.Solver)
	unsat := 0
	for seed := range uint64(20_000) {
		u, wishes := random(rand.New(rand.NewPCG(seed, 1)))
		if err := u.check(s, wishes); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(s.Proof()) > 1 {
			unsat++
		}
	}
	if unsat < 2000 {
		t.Errorf("only %d problems without a solution", unsat)
	}
}

func TestSets(t *testing.T) {
	for _, n := range []int{0, 1, 62, 63, 64, 65, 127, 128, 200} {
		s := pubgrub.NewSet(n)
		for v := 0; v < n; v += 3 {
			s.Add(v)
		}
		inv := append(pubgrub.Set(nil), s...)
		inv.Invert(n)
		if want := pubgrub.Full(n).Minus(s); !inv.Within(want) || !want.Within(inv) {
			t.Errorf("%d versions: inverse of %x is %x", n, s, inv)
		}
		if full := pubgrub.Full(n); full.Count() != n+1 || full.Top() != n-1 || n > 0 && full.Bottom() != 0 {
			t.Errorf("%d versions: full is %x", n, full)
		}
		if s.HasAbsent() || !inv.HasAbsent() || !s.Disjoint(inv) || s.Count()+inv.Count() != n+1 {
			t.Errorf("%d versions: %x and %x", n, s, inv)
		}
	}
}
