package resolve_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/resolve/resolvetest"
	"github.com/plugstead/plugstead/version"
)

// generator makes random universes and problems as text, so that a failing one can be
// read and kept.
type generator struct{ *rand.Rand }

var names = []string{"a/a", "a/b", "b/c", "b/d", "c/e"}

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) version() string {
	return g.pick("1.0.0", "1.1.0", "2.0.0", "2.1.0-rc.1", "3.0.0-beta")
}

func (g generator) rng() string {
	return g.pick("*", "*", "*", ">=1", "^1", ">=1", "^2", "<2", ">=1.1", "=1.0.0", "=2.0.0", "^1.1", ">=2.1.0-rc.0", "1.0.0 || ^2", "=9.0.0", "<2.1.0")
}

func (g generator) need() string {
	n := g.pick(names...)
	if g.IntN(40) == 0 {
		n = "x/nobody"
	}
	if g.IntN(6) == 0 {
		n = "b/name" // offered, not published
	}
	return n + "@" + strings.ReplaceAll(g.rng(), " ", "")
}

func (g generator) attributes() string {
	var out []string
	for range []int{0, 0, 0, 0, 1, 1, 2, 3}[g.IntN(8)] {
		n := g.need()
		switch g.IntN(9) {
		case 0:
			n += "?"
		case 1:
			n = "!" + n
		case 2:
			n += ";" + g.need()
		}
		out = append(out, n)
	}
	for _, x := range []struct {
		attr string
		odds int
	}{
		{"yanked", 16},
		{"blocked", 20},
		{"host=^1", 16},
		{"host=^2", 8},
		{"point=acme.dev/p@2.0", 20},
		{"only=linux/amd64", 10},
		{"only=darwin/arm64", 20},
		{"time=2026-01-01", 2},
		{"offers=b/name@1.0.0", 8},
		{"offers=b/c@2.0.0", 14},
	} {
		if g.IntN(x.odds) == 0 {
			out = append(out, x.attr)
		}
	}
	return strings.Join(out, " ")
}

// universe has releases for most names.
func (g generator) universe() string {
	var b strings.Builder
	for _, n := range names {
		seen := map[string]bool{}
		for range []int{0, 1, 2, 2, 3, 3, 3, 3}[g.IntN(8)] {
			if v := g.version(); !seen[v] {
				seen[v] = true
				fmt.Fprintf(&b, "%s %s %s\n", n, v, g.attributes())
			}
		}
	}
	return b.String()
}

func (g generator) problem(u resolvetest.Universe) resolve.Problem {
	p := resolve.Problem{Host: resolvetest.Host(), NoSuggestions: true}
	for range 1 + g.IntN(3) {
		w := resolve.Wish{ID: manifest.ID(g.pick(names...)), Range: version.MustParseRange(g.rng()), Pre: g.IntN(8) == 0}
		if g.IntN(10) == 0 {
			w.ID = "b/name"
		}
		if !slices.ContainsFunc(p.Wishes, func(x resolve.Wish) bool { return x.ID == w.ID }) {
			p.Wishes = append(p.Wishes, w)
		}
	}
	id := func() manifest.ID { return manifest.ID(g.pick(names...)) }
	r := &p.Rules
	for i, set := range []func(){
		func() { r.AsOf = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC) },
		func() { r.MinAge, r.Now = 24*time.Hour, time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC) },
		func() { r.AgeExempt = []manifest.ID{id()} },
		func() { r.Pins = []resolve.Pin{{ID: id(), Version: version.MustParse("1.0.0")}} },
		func() { r.Excludes = []resolve.Wish{{ID: id(), Range: version.MustParseRange(g.rng())}} },
		func() {
			named := manifest.ID(g.pick(append(names, "b/name")...))
			r.Overrides = []resolve.Wish{{ID: named, Range: version.MustParseRange(g.rng())}}
		},
		func() { r.Pre = true },
		func() { r.Lowest = true },
		func() { r.Blocked = true },
		func() { r.Downgrade = true },
		func() { r.Step = resolve.Step(g.pick("minor", "patch")) },
		func() { p.Host.Linked = []manifest.ID{id()} },
		func() { p.Platforms = []manifest.Platform{{OS: "darwin", Arch: "arm64"}} },
		func() { p.Keep = true },
		func() { p.UpdateAll = true },
		func() { p.Update = []manifest.ID{id()} },
	} {
		if g.IntN(8+i%3) == 0 {
			set()
		}
	}
	if g.IntN(3) == 0 {
		p.Locked = g.lock(u)
	}
	p.Wishes = slices.DeleteFunc(p.Wishes, func(w resolve.Wish) bool { return slices.Contains(p.Host.Linked, w.ID) })
	return p
}

func (g generator) lock(u resolvetest.Universe) *resolve.Lock {
	l := &resolve.Lock{}
	for _, n := range names {
		if d := u[manifest.ID(n)]; d != nil && len(d.Releases) > 0 && g.IntN(2) == 0 {
			r := d.Releases[g.IntN(len(d.Releases))]
			l.Plugins = append(l.Plugins, resolve.Locked{ID: r.ID, Version: r.Version, Digest: r.Digest})
		}
	}
	return l
}

// solvable tries every combination of versions with the checker.
func solvable(t *testing.T, u resolvetest.Universe, p resolve.Problem) bool {
	var ids []manifest.ID
	for _, n := range names {
		if d := u[manifest.ID(n)]; d != nil && len(d.Releases) > 0 {
			ids = append(ids, d.ID)
		}
	}
	pick := make([]int, len(ids))
	for {
		s := &resolvetest.Set{}
		for i, id := range ids {
			if pick[i] > 0 {
				s.Add(&u[id].Releases[pick[i]-1])
			}
		}
		if s.Fits(p) == nil {
			return true
		}
		i := 0
		for ; i < len(ids); i++ {
			if pick[i]++; pick[i] <= len(u[ids[i]].Releases) {
				break
			}
			pick[i] = 0
		}
		if i == len(ids) {
			return false
		}
	}
}

// TestAgainstBruteForce compares answers with trying everything, and lets the checker
// judge solutions and proofs.
func TestAgainstBruteForce(t *testing.T) {
	counts := map[string]int{}
	for seed := range uint64(10_000) {
		g := generator{rand.New(rand.NewPCG(seed, 7))}
		text := g.universe()
		u, err := resolvetest.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		p := g.problem(u)
		kind, err := compare(t, u, p)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s\nproblem %+v", seed, err, text, p)
		}
		counts[kind]++
	}
	t.Log(counts)
	if counts["solved"] < 1500 || len(counts) < 10 {
		t.Errorf("the problems have little variety: %v", counts)
	}
}

func compare(t *testing.T, u resolvetest.Universe, p resolve.Problem) (string, error) {
	sol, err := resolve.Solve(t.Context(), u, p)
	if f, ok := errors.AsType[*resolve.Failure](err); ok {
		if solvable(t, u, p) {
			return "", fmt.Errorf("there is a solution, but: %w", err)
		}
		if n := strings.Count(f.Error(), "\n") + 1; n > 12 {
			return "", fmt.Errorf("%d lines: %w", n, f)
		}
		if f.ID == "" || slices.ContainsFunc(f.Facts, func(s string) bool { return strings.HasSuffix(s, " ") }) {
			return "", fmt.Errorf("a failure about %q with the facts %q", f.ID, f.Facts)
		}
		return string(f.Kind), resolvetest.CheckFailure(t.Context(), u, p, f)
	}
	if err != nil {
		return "", err
	}
	return "solved", resolvetest.CheckSolution(t.Context(), u, p, sol)
}

var _ index.Index = resolvetest.Universe{}

func digestOf(id manifest.ID, v string) artifact.Digest {
	return artifact.DigestOf([]byte(string(id) + " " + v))
}
