package resolve_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/resolve/resolvetest"
	"github.com/plugstead/plugstead/version"
)

// growing makes universes that grow: a lock is made from the first releases, then there
// are more, and one wish is added.
type growing struct{ *rand.Rand }

func (g growing) pick(list ...string) string { return list[g.IntN(len(list))] }

// movable is how many plugins a universe has besides the one that is added.
const movable = 12

func (g growing) id() string { return fmt.Sprintf("p/p%02d", g.IntN(movable)) }

// needs writes what a release of plugin i with a major version needs.
func (g growing) needs(i, major int) string {
	var out []string
	for range g.IntN(4) {
		to := g.id()
		if to == fmt.Sprintf("p/p%02d", i) {
			continue
		}
		rng := g.pick("*", fmt.Sprintf(">=%d", major), fmt.Sprintf("^%d", major), fmt.Sprintf("<%d", major+1), fmt.Sprintf("^%d||^%d", major, major+1))
		n := to + "@" + rng
		switch g.IntN(9) {
		case 0:
			n += "?"
		case 1:
			n = "!" + to + "@" + g.pick("<2", "^3", "^1.1")
		case 2:
			if other := g.id(); other != to && other != fmt.Sprintf("p/p%02d", i) {
				n += ";" + other + "@" + rng
			}
		}
		out = append(out, n)
	}
	return strings.Join(out, " ")
}

// universe writes the releases that there are first, and those that come later.
func (g growing) universe() (before, later string) {
	var a, b strings.Builder
	for i := range movable {
		for k, v := range []string{"1.0.0", "1.1.0", "2.0.0", "2.1.0", "3.0.0"} {
			to := &b
			if k < 1+g.IntN(2) || k == 2 && g.IntN(3) == 0 {
				to = &a
			} else if g.IntN(4) == 0 {
				continue
			}
			fmt.Fprintf(to, "p/p%02d %s %s\n", i, v, g.needs(i, int(v[0]-'0')))
		}
	}
	for major := range 1 + g.IntN(2) {
		fmt.Fprintf(&b, "x/new %d.0.0 %s %s\n", 1+major, g.needs(-1, 3), g.needs(-1, 2))
	}
	return a.String(), b.String()
}

// question makes a lock of the first releases and asks for one thing more.
func (g growing) question(t *testing.T, before resolvetest.Universe) (resolve.Problem, bool) {
	p := resolve.Problem{Host: resolvetest.Host(), NoSuggestions: true}
	for range 3 + g.IntN(3) {
		w := resolve.Wish{ID: manifest.ID(g.id())}
		if !slices.ContainsFunc(p.Wishes, func(x resolve.Wish) bool { return x.ID == w.ID }) {
			p.Wishes = append(p.Wishes, w)
		}
	}
	s, err := resolve.Solve(t.Context(), before, p)
	if err != nil {
		return p, false
	}
	p.Locked, p.Keep = lockOf(p, s), true
	w := resolve.Wish{ID: "x/new"}
	if g.IntN(4) == 0 {
		w = resolve.Wish{ID: manifest.ID(g.id()), Range: version.MustParseRange(g.pick("^2", "^3", ">=2"))}
	}
	p.Wishes, p.Update = p.Locked.With(w), []manifest.ID{w.ID}
	p.Rules.Downgrade = g.IntN(4) == 0
	return p, true
}

// moved counts the plugins of the lock that are there in another version.
func moved(p resolve.Problem, s *resolve.Solution) int {
	n := 0
	for _, c := range s.Choices {
		if l, ok := p.Locked.Find(c.ID); ok && l.Version != c.Release.Version && !slices.Contains(p.Update, c.ID) {
			n++
		}
	}
	return n
}

// leastMoves tries everything to answer a question with as few moves as possible. It
// knows requires, any_of, optional needs and conflicts by name, as universes have them here.
type leastMoves struct {
	u      resolvetest.Universe
	p      resolve.Problem
	chosen map[manifest.ID]*index.Release
}

// search returns the least number of moves, or -1 if there is no answer.
func (m *leastMoves) search(t *testing.T) int {
	for n := range len(m.p.Locked.Plugins) + 1 {
		m.chosen = map[manifest.ID]*index.Release{}
		if !m.within(n) {
			continue
		}
		set := new(resolvetest.Set)
		for _, r := range m.chosen {
			set.Add(r)
		}
		if err := set.Fits(m.p); err != nil {
			t.Fatalf("tried everything and found what does not fit: %v", err)
		}
		return n
	}
	return -1
}

// within completes what is chosen with at most some moves.
func (m *leastMoves) within(moves int) bool {
	open, ok := m.open()
	if !ok {
		return false
	}
	if open == nil {
		return true
	}
	for _, n := range open {
		if m.chosen[n.ID] != nil || m.u[n.ID] == nil {
			continue
		}
		for i := range m.u[n.ID].Releases {
			r := &m.u[n.ID].Releases[i]
			if left := moves - m.cost(r); left >= 0 && n.Range.Has(r.Version) && m.admits(r) {
				m.chosen[n.ID] = r
				if m.within(left) {
					return true
				}
				delete(m.chosen, n.ID)
			}
		}
	}
	return false
}

// open returns a need that nothing serves yet, as its alternatives. ok is false if it can
// not be served any more.
func (m *leastMoves) open() (open []manifest.Need, ok bool) {
	var lists [][]manifest.Need
	for _, w := range m.p.Wishes {
		lists = append(lists, []manifest.Need{{ID: w.ID, Range: w.Range}})
	}
	for _, r := range m.chosen {
		for _, n := range r.Requires {
			if !n.Optional {
				lists = append(lists, []manifest.Need{n})
			} else if have := m.chosen[n.ID]; have != nil && !n.Range.Has(have.Version) {
				return nil, false
			}
		}
		lists = append(lists, r.AnyOf...)
		for _, n := range r.Conflicts {
			if have := m.chosen[n.ID]; have != nil && have != r && n.Range.Has(have.Version) {
				return nil, false
			}
		}
	}
	for _, list := range lists {
		served, left := false, false
		for _, n := range list {
			have := m.chosen[n.ID]
			served = served || have != nil && n.Range.Has(have.Version)
			left = left || have == nil
		}
		switch {
		case !served && !left:
			return nil, false
		case !served && (open == nil || len(list) < len(open)):
			open = list
		}
	}
	return open, true
}

// cost is 1 for a move.
func (m *leastMoves) cost(r *index.Release) int {
	l, ok := m.p.Locked.Find(r.ID)
	if !ok || l.Version == r.Version || slices.Contains(m.p.Update, r.ID) {
		return 0
	}
	return 1
}

func (m *leastMoves) admits(r *index.Release) bool {
	l, ok := m.p.Locked.Find(r.ID)
	return !ok || m.p.Rules.Downgrade || r.Version.Compare(l.Version) >= 0
}

// TestKeepMovesLittle compares how many plugins move when one wish is added with the least
// that is possible.
func TestKeepMovesLittle(t *testing.T) {
	var asked, still, sum, least, worse int
	for seed := uint64(0); asked < 250; seed++ {
		g := growing{rand.New(rand.NewPCG(seed, 11))}
		before, later := g.universe()
		p, ok := g.question(t, parse(t, before))
		if !ok {
			continue
		}
		u := parse(t, before+later)
		want := (&leastMoves{u: u, p: p}).search(t)
		s, err := resolve.Solve(t.Context(), u, p)
		if _, isFailure := errors.AsType[*resolve.Failure](err); isFailure && want < 0 {
			continue
		}
		if err != nil || want < 0 {
			t.Fatalf("seed %d: %v, %d moves are possible\n%s", seed, err, want, before+later)
		}
		if err := resolvetest.CheckSolution(t.Context(), u, p, s); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, before+later)
		}
		got := moved(p, s)
		if got < want || want == 0 && got > 0 {
			t.Fatalf("seed %d: %d moves, the least is %d\n%s", seed, got, want, before+later)
		}
		if want == 0 {
			still++
			continue
		}
		asked++
		sum, least = sum+got, least+want
		if got > want {
			worse++
		}
	}
	t.Logf("%d questions: %d moves, the least is %d; %d with more than needed; %d more without a move", asked, sum, least, worse, still)
	if float64(sum) > 1.05*float64(least) {
		t.Errorf("%d moves, the least is %d", sum, least)
	}
}

// migration is a lock of one base plugin, some that need its first version until they
// move themselves, and as many that nothing touches but that have newer versions.
func migration(t testing.TB, dependents int) (resolvetest.Universe, resolve.Problem) {
	var b strings.Builder
	b.WriteString("c/core 1.0.0\nc/core 2.0.0\nx/new 1.0.0 c/core@^2\n")
	p, plugins := problem(t, "x/new"), []string{"c/core@1.0.0"}
	for i := range dependents {
		fmt.Fprintf(&b, "d/d%d 1.0.0 c/core@^1\nd/d%d 2.0.0 c/core@^2\nd/d%d 3.0.0 c/core@^2\n", i, i, i)
		fmt.Fprintf(&b, "e/e%d 1.0.0 d/d%d\ne/e%d 2.0.0 d/d%d@>=2\n", i, i, i, i)
		p.Wishes = append(p.Wishes, wish(t, fmt.Sprintf("d/d%d", i)), wish(t, fmt.Sprintf("e/e%d", i)))
		plugins = append(plugins, fmt.Sprintf("d/d%d@1.0.0", i), fmt.Sprintf("e/e%d@1.0.0", i))
	}
	p.Locked, p.Keep, p.Update = locked(t, plugins...), true, []manifest.ID{"x/new"}
	return parse(t, b.String()), p
}

// TestKeepMigration moves many plugins, as they have to, and nothing else.
func TestKeepMigration(t *testing.T) {
	for _, n := range []int{1, 5, 80, 400} {
		u, p := migration(t, n)
		s, err := resolve.Solve(t.Context(), u, p)
		if err != nil {
			t.Fatal(err)
		}
		if got := moved(p, s); got != n+1 {
			t.Errorf("%d dependents: %d plugins move", n, got)
		}
	}
}

// TestKeepLimits has little to spend: the search for the least ends sooner, and what is
// left to spend is enough for an answer as soon as it is enough without that search.
func TestKeepLimits(t *testing.T) {
	u, p := migration(t, 30)
	answers, given := 0, 0
	for steps := 20; steps < 3000; steps += 60 {
		p.Budget.Steps = steps
		plain := p
		plain.Keep = false
		_, plainErr := resolve.Solve(t.Context(), u, plain)
		s, err := resolve.Solve(t.Context(), u, p)
		if err != nil && (!errors.Is(err, resolve.ErrBudget) || plainErr == nil) {
			t.Fatalf("%d steps: %v; without keeping: %v", steps, err, plainErr)
		}
		if err != nil {
			given++
			continue
		}
		answers++
		if err := resolvetest.CheckSolution(t.Context(), u, p, s); err != nil {
			t.Error(err)
		}
	}
	if answers == 0 || given == 0 {
		t.Errorf("%d answers, gave up %d times", answers, given)
	}
}

// TestKeepRepeats asks one solver again and again: what was free once is kept the next time.
func TestKeepRepeats(t *testing.T) {
	u, p := migration(t, 6)
	still := p
	still.Wishes = still.Wishes[1:]
	s := resolve.New(u)
	for range 3 {
		for want, p := range map[int]resolve.Problem{7: p, 0: still} {
			sol, err := s.Solve(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if got := moved(p, sol); got != want {
				t.Errorf("%d plugins move, want %d", got, want)
			}
		}
	}
}

func BenchmarkKeepMigration(b *testing.B) {
	for _, n := range []int{10, 100} {
		u, p := migration(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := resolve.New(u)
			for b.Loop() {
				if _, err := s.Solve(b.Context(), p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
