package pubgrub_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
)

// failing is a universe whose source breaks at a call.
type failing struct {
	*universe
	left int
	err  error
}

func (f *failing) next() error {
	if f.left--; f.left < 0 {
		return f.err
	}
	return nil
}

func (f *failing) Package(p int32) (*pubgrub.Package, error) {
	if err := f.next(); err != nil {
		return nil, err
	}
	return f.universe.Package(p)
}

func (f *failing) Open(n *pubgrub.Need) (int32, pubgrub.Set, error) {
	if err := f.next(); err != nil {
		return 0, nil, err
	}
	return f.universe.Open(n)
}

// TestSourceFails breaks the source at every call in turn. The error comes out as it is,
// and the solver answers the next problem as if nothing had been.
func TestSourceFails(t *testing.T) {
	s, broke := new(pubgrub.Solver), 0
	for seed := range uint64(600) {
		u, wishes := random(rand.New(rand.NewPCG(seed, 3)))
		for left := 0; ; left++ {
			f := &failing{u, left, fmt.Errorf("call %d", left)}
			_, err := s.Solve(f, wishes, pubgrub.Budget{})
			if again := u.check(s, wishes); again != nil {
				t.Fatalf("seed %d, after call %d: %v", seed, left, again)
			}
			if f.left >= 0 {
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				break // no call failed
			}
			if !errors.Is(err, f.err) {
				t.Fatalf("seed %d: %v, want %v", seed, err, f.err)
			}
			broke++
		}
	}
	if broke < 1000 {
		t.Errorf("the source broke %d times only", broke)
	}
}

// TestBudget bounds a search in each way: it gives up or answers rightly, what it spends
// is within the bound, and more to spend never makes it give up.
func TestBudget(t *testing.T) {
	s, up := new(pubgrub.Solver), map[string]int{}
	for seed := range uint64(400) {
		u, wishes := random(rand.New(rand.NewPCG(seed, 4)))
		want := u.brute(wishes)
		for name, budget := range map[string]func(n int) pubgrub.Budget{
			"steps":   func(n int) pubgrub.Budget { return pubgrub.Budget{Steps: n} },
			"touched": func(n int) pubgrub.Budget { return pubgrub.Budget{Touched: n} },
		} {
			done := false
			for n := 1; n < 40; n++ {
				ok, err := s.Solve(u, wishes, budget(n))
				switch {
				case err == nil && ok != want:
					t.Fatalf("seed %d, %d %s: %v, want %v", seed, n, name, ok, want)
				case err != nil && (!errors.Is(err, pubgrub.ErrBudget) || done):
					t.Fatalf("seed %d, %d %s: %v, enough before: %v", seed, n, name, err, done)
				case err != nil:
					up[name]++
				}
				done = done || err == nil
				touched := 0
				for range s.Touched {
					touched++
				}
				st := s.Stats()
				if name == "touched" && touched > n || name == "steps" && st.Steps > n+1 {
					t.Fatalf("seed %d: %d packages, %+v with %d %s", seed, touched, st, n, name)
				}
			}
		}
	}
	if up["steps"] == 0 || up["touched"] == 0 {
		t.Errorf("gave up %v", up)
	}
}

// pigeons makes more packages than versions, no two of which may have the same one.
func pigeons(n int) (*universe, []pubgrub.Wish) {
	u := &universe{bad: map[*pubgrub.Need]pubgrub.Set{}, target: map[*pubgrub.Need]int32{}}
	var wishes []pubgrub.Wish
	for range n {
		wishes = append(wishes, pubgrub.Wish{Target: u.add(n - 1), Bad: pubgrub.Absent(n - 1)})
	}
	for p := range int32(n) {
		for q := range p {
			for v := range n - 1 {
				u.need(p, 1<<v, q, 1<<v, conflict)
			}
		}
	}
	return u, wishes
}

// TestClauseBudget bounds what may be learned, where much has to be.
func TestClauseBudget(t *testing.T) {
	s := new(pubgrub.Solver)
	u, wishes := pigeons(6)
	if err := u.check(s, wishes); err != nil {
		t.Fatal(err)
	}
	need := s.Stats().Learned
	if need < 20 {
		t.Fatalf("learned %d clauses only", need)
	}
	for n := 1; n <= need; n++ {
		ok, err := s.Solve(u, wishes, pubgrub.Budget{Clauses: n})
		if st := s.Stats(); ok || n < need && !errors.Is(err, pubgrub.ErrBudget) || n == need && err != nil || st.Learned > n+1 {
			t.Fatalf("%d clauses: %v, %v, learned %d", n, ok, err, st.Learned)
		}
	}
}

// TestWide solves problems of packages with more versions than a word has bits.
func TestWide(t *testing.T) {
	s, unsat := new(pubgrub.Solver), 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 5))
		u := &universe{bad: map[*pubgrub.Need]pubgrub.Set{}, target: map[*pubgrub.Need]int32{}}
		for range 2 + r.IntN(2) {
			u.add(55 + r.IntN(20))
		}
		for p := range u.packages {
			for range 3 {
				if q := r.IntN(len(u.packages)); q != p {
					u.wide(r, int32(p), int32(q))
				}
			}
		}
		bad := pubgrub.Absent(u.versions(0))
		bad.AddRange(0, r.IntN(u.versions(0)))
		if err := u.check(s, []pubgrub.Wish{{Target: 0, Bad: bad}}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(s.Proof()) > 1 {
			unsat++
		}
	}
	if unsat < 20 || unsat > 380 {
		t.Errorf("%d of 400 have no solution", unsat)
	}
}

// wide adds a need between ranges of versions.
func (u *universe) wide(r *rand.Rand, p, q int32) {
	n := &pubgrub.Need{ID: u.needs, From: pubgrub.NewSet(u.versions(p)), Topic: q}
	u.needs++
	lo := r.IntN(u.versions(p))
	for v := lo; v < u.versions(p) && v < lo+50; v++ {
		n.From.Add(v)
		u.has[p][v] = append(u.has[p][v], n)
	}
	bad := pubgrub.Full(u.versions(q))
	lo = r.IntN(u.versions(q))
	good := pubgrub.NewSet(u.versions(q))
	good.AddRange(lo+1, min(u.versions(q), lo+1+r.IntN(12))+1)
	u.bad[n], u.target[n] = bad.Minus(good), q
}

// TestSameAnswer solves problems with a new solver and with one that has solved others: the
// answers, the effort and the proofs are the same.
func TestSameAnswer(t *testing.T) {
	used := new(pubgrub.Solver)
	for seed := range uint64(1500) {
		u, wishes := random(rand.New(rand.NewPCG(seed, 6)))
		fresh := new(pubgrub.Solver)
		ok1, err1 := fresh.Solve(u, wishes, pubgrub.Budget{})
		ok2, err2 := used.Solve(u, wishes, pubgrub.Budget{})
		if ok1 != ok2 || err1 != nil || err2 != nil || fresh.Stats() != used.Stats() {
			t.Fatalf("seed %d: %v %v %+v, and %v %v %+v", seed, ok1, err1, fresh.Stats(), ok2, err2, used.Stats())
		}
		if !slices.Equal(touched(fresh), touched(used)) || !slices.Equal(chosen(t, fresh), chosen(t, used)) {
			t.Fatalf("seed %d: the answers differ", seed)
		}
		if ok1 {
			continue
		}
		a, b := fresh.Proof(), used.Proof()
		if !slices.EqualFunc(a, b, func(x, y pubgrub.Node) bool { return same(x.Terms, y.Terms) && slices.Equal(x.Causes, y.Causes) }) {
			t.Fatalf("seed %d: two proofs\n%v\n%v", seed, a, b)
		}
	}
}

func touched(s *pubgrub.Solver) (out []int32) {
	for p := range s.Touched {
		out = append(out, p)
	}
	return out
}

// chosen lists packages and versions in turn.
func chosen(t *testing.T, s *pubgrub.Solver) (out []int32) {
	t.Helper()
	for p, v := range s.Chosen {
		out = append(out, p, int32(v))
		if s.Version(p) != v {
			t.Errorf("package %d has version %d and %d", p, v, s.Version(p))
		}
	}
	for p, v := range s.Chosen { // again, and not to the end
		if out[0] != p || out[1] != int32(v) {
			t.Errorf("package %d, version %d comes first, then package %d", out[0], out[1], p)
		}
		break
	}
	return out
}
