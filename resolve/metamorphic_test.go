package resolve_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/resolve/resolvetest"
	"github.com/plugstead/plugstead/version"
)

// answer writes what came out, in an order that does not depend on the search.
func answer(t *testing.T, u resolvetest.Universe, p resolve.Problem) string {
	t.Helper()
	s, err := resolve.Solve(t.Context(), u, p)
	if f, ok := errors.AsType[*resolve.Failure](err); ok {
		return "none: " + string(f.Kind)
	}
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, c := range s.Choices {
		out = append(out, c.Name())
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// each calls f with random problems.
func eachProblem(t *testing.T, n int, f func(g generator, text string, u resolvetest.Universe, p resolve.Problem)) {
	t.Helper()
	for seed := range uint64(n) {
		g := generator{rand.New(rand.NewPCG(seed, 23))}
		text := g.universe()
		u := parse(t, text)
		f(g, text, u, g.problem(u))
	}
}

// TestUnrelatedChangesNothing adds a plugin that nobody needs.
func TestUnrelatedChangesNothing(t *testing.T) {
	eachProblem(t, 1000, func(_ generator, text string, u resolvetest.Universe, p resolve.Problem) {
		more := parse(t, text+"\nz/z 1.0.0 a/a@^1 y/y\n")
		if a, b := answer(t, u, p), answer(t, more, p); a != b {
			t.Fatalf("%s became %s\n%s", a, b, text)
		}
	})
}

// TestUnchosenVersionsDoNotMatter removes one that was not chosen.
func TestUnchosenVersionsDoNotMatter(t *testing.T) {
	eachProblem(t, 2000, func(g generator, text string, u resolvetest.Universe, p resolve.Problem) {
		before := answer(t, u, p)
		if strings.HasPrefix(before, "none") {
			return
		}
		lines := slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return l == "" })
		i := g.IntN(len(lines))
		f := strings.Fields(lines[i])
		if strings.Contains(before, f[0]+" "+f[1]) || p.Locked != nil || strings.Contains(text, "offers=") {
			return // what offers a name matters for who is preferred
		}
		after := answer(t, parse(t, strings.Join(slices.Delete(lines, i, i+1), "\n")), p)
		if strings.HasPrefix(after, "none") {
			t.Fatalf("without %s %s: %s became %s\n%s", f[0], f[1], before, after, text)
		}
	})
}

// TestTighterIsNeverEasier narrows a wish.
func TestTighterIsNeverEasier(t *testing.T) {
	eachProblem(t, 2000, func(g generator, text string, u resolvetest.Universe, p resolve.Problem) {
		if len(p.Wishes) == 0 || !strings.HasPrefix(answer(t, u, p), "none") {
			return
		}
		q := p
		q.Wishes = slices.Clone(p.Wishes)
		w := &q.Wishes[g.IntN(len(q.Wishes))]
		if tight := w.Range.Intersect(version.MustParseRange(g.rng())); !tight.Equal(version.Exact(version.MustParse("1.0.0"))) && !tight.Equal(version.Exact(version.MustParse("2.0.0"))) {
			w.Range = tight // a range of one version would admit a yanked one
		}
		if got := answer(t, u, q); !strings.HasPrefix(got, "none") {
			t.Fatalf("%v has no answer, %v has %s\n%s", p.Wishes, q.Wishes, got, text)
		}
	})
}

// TestLockedStays solves again with the answer locked.
func TestLockedStays(t *testing.T) {
	eachProblem(t, 2000, func(_ generator, text string, u resolvetest.Universe, p resolve.Problem) {
		p.Locked, p.UpdateAll, p.Update, p.Rules.Step = nil, false, nil, ""
		s, err := resolve.Solve(t.Context(), u, p)
		if err != nil {
			return
		}
		l := &resolve.Lock{}
		for _, c := range s.Choices {
			l.Plugins = append(l.Plugins, c.Locked("x"))
		}
		before := answer(t, u, p)
		p.Locked = l
		for _, keep := range []bool{false, true} {
			p.Keep = keep
			after := answer(t, u, p)
			if strings.Contains(text, "offers=") { // an installed plugin may make another one needless
				for name := range strings.SplitSeq(after, ", ") {
					if !strings.Contains(before, name) {
						t.Fatalf("%s became %s\n%s", before, after, text)
					}
				}
			} else if after != before {
				t.Fatalf("%s became %s\n%s", before, after, text)
			}
		}
	})
}

// TestLaterHidesLess moves a date forward.
func TestLaterHidesLess(t *testing.T) {
	eachProblem(t, 1000, func(_ generator, text string, u resolvetest.Universe, p resolve.Problem) {
		p.Rules.AsOf = time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)
		early := answer(t, u, p)
		p.Rules.AsOf = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		if late := answer(t, u, p); strings.HasPrefix(late, "none") && !strings.HasPrefix(early, "none") {
			t.Fatalf("%s became %s\n%s", early, late, text)
		}
	})
}

// TestNamesDoNotMatter renames every plugin such that the order of names stays.
func TestNamesDoNotMatter(t *testing.T) {
	rename := strings.NewReplacer("a/a", "a/aa", "a/b", "a/bb", "b/c", "b/cc", "b/d", "b/dd", "c/e", "c/ee", "b/name", "b/nname")
	eachProblem(t, 1000, func(_ generator, text string, u resolvetest.Universe, p resolve.Problem) {
		q := p
		id := func(x manifest.ID) manifest.ID { return manifest.ID(rename.Replace(string(x))) }
		q.Wishes = slices.Clone(p.Wishes)
		for i := range q.Wishes {
			q.Wishes[i].ID = id(q.Wishes[i].ID)
		}
		p.Rules, q.Rules, p.Locked, q.Locked, p.Host.Linked, q.Host.Linked = resolve.Rules{}, resolve.Rules{}, nil, nil, nil, nil
		p.Update, q.Update = nil, nil
		if a, b := rename.Replace(answer(t, u, p)), answer(t, parse(t, rename.Replace(text)), q); a != b {
			t.Fatalf("%s became %s\n%s", a, b, text)
		}
	})
}

// TestCoveringTerm and TestNothingToStartWith pin two mistakes that solvers of this kind
// are easily made with: a term that covers all states must vanish, and a problem that
// is broken before the first decision must fail.
func TestCoveringTerm(t *testing.T) {
	u := parse(t, "a/a 1.0.0 b/b@^2\na/a 2.0.0 b/b@^2\na/a 3.0.0\nb/b 1.0.0\nc/c 1.0.0 a/a b/b")
	if got := answer(t, u, problem(t, "c/c")); got != "a/a 3.0.0, b/b 1.0.0, c/c 1.0.0" {
		t.Error(got)
	}
}

func TestNothingToStartWith(t *testing.T) {
	for _, text := range []string{"b/b 1.0.0", "a/a 1.0.0 blocked", "a/a 2.0.0"} {
		if got := answer(t, parse(t, text), problem(t, "a/a@^1")); !strings.HasPrefix(got, "none") {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := answer(t, resolvetest.Universe{}, problem(t)); got != "" {
		t.Errorf("nothing asked: %s", got)
	}
}

// TestSameAnswerEveryTime solves with one solver and with many, in any order.
func TestSameAnswerEveryTime(t *testing.T) {
	eachProblem(t, 300, func(_ generator, text string, u resolvetest.Universe, p resolve.Problem) {
		first := fmt.Sprint(resolve.Solve(t.Context(), u, p))
		s := resolve.New(u)
		for range 3 {
			sol, err := s.Solve(t.Context(), p)
			if got := fmt.Sprint(sol, err); errText(got) != errText(first) {
				t.Fatalf("%s became %s\n%s", first, got, text)
			}
		}
	})
}

// errText leaves out addresses.
func errText(s string) string {
	if before, _, ok := strings.Cut(s, "0x"); ok {
		return before
	}
	return s
}
