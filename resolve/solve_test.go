package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/resolve/resolvetest"
	"github.com/plugstead/plugstead/version"
)

func parse(t testing.TB, text string) resolvetest.Universe {
	t.Helper()
	u, err := resolvetest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func problem(t testing.TB, wishes ...string) resolve.Problem {
	t.Helper()
	p := resolve.Problem{Host: resolvetest.Host()}
	for _, s := range wishes {
		p.Wishes = append(p.Wishes, wish(t, s))
	}
	return p
}

func wish(t testing.TB, s string) resolve.Wish {
	t.Helper()
	text, pre := strings.CutSuffix(s, "+pre")
	w, err := resolve.ParseWish(text)
	if err != nil {
		t.Fatal(err)
	}
	w.Pre = pre
	return w
}

// locked makes a lock of plugins written as "a/a@1.0.0".
func locked(t testing.TB, plugins ...string) *resolve.Lock {
	t.Helper()
	l := &resolve.Lock{}
	for _, s := range plugins {
		id, v, _ := strings.Cut(s, "@")
		l.Plugins = append(l.Plugins, resolve.Locked{ID: manifest.ID(id), Version: version.MustParse(v), Digest: digestOf(manifest.ID(id), v)})
	}
	return l
}

// show writes a solution in its order of starting.
func show(t testing.TB, s *resolve.Solution) string {
	t.Helper()
	order, err := s.StartOrder()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range order {
		out = append(out, fmt.Sprintf("%s@%s", c.ID, c.Release.Version))
	}
	return strings.Join(out, " ")
}

func TestSolve(t *testing.T) {
	for name, c := range map[string]struct{ universe, wishes, want string }{
		"newest":                   {"a/a 1.0.0\na/a 1.2.0\na/a 1.1.0", "a/a", "a/a@1.2.0"},
		"range":                    {"a/a 1.0.0\na/a 2.0.0", "a/a@^1", "a/a@1.0.0"},
		"pre-release is not new":   {"a/a 1.0.0\na/a 2.0.0-rc.1", "a/a", "a/a@1.0.0"},
		"pre-release by name":      {"a/a 1.0.0\na/a 2.0.0-rc.1", "a/a@>=2.0.0-rc.1", "a/a@2.0.0-rc.1"},
		"pre-release taken":        {"a/a 2.0.0-rc.1", "a/a+pre", "a/a@2.0.0-rc.1"},
		"stable before taken pre":  {"a/a 1.0.0\na/a 2.0.0-rc.1", "a/a+pre", "a/a@1.0.0"},
		"pre not of others":        {"a/a 1.0.0 b/b\nb/b 1.0.0\nb/b 2.0.0-rc.1", "a/a+pre", "b/b@1.0.0 a/a@1.0.0"},
		"pre of what others need":  {"a/a 1.0.0 b/b@^2\nb/b 2.1.0-rc.1", "a/a b/b+pre", "b/b@2.1.0-rc.1 a/a@1.0.0"},
		"dependency stands first":  {"a/a 1.0.0 b/b@^1\nb/b 1.0.0", "a/a", "b/b@1.0.0 a/a@1.0.0"},
		"transitive":               {"a/a 1.0.0 b/b\nb/b 1.0.0 c/c@^2\nc/c 2.1.0\nc/c 3.0.0", "a/a", "c/c@2.1.0 b/b@1.0.0 a/a@1.0.0"},
		"shared":                   {"a/a 1.0.0 c/c@>=1\nb/b 1.0.0 c/c@<3\nc/c 1.0.0\nc/c 2.0.0\nc/c 3.0.0", "a/a b/b", "c/c@2.0.0 a/a@1.0.0 b/b@1.0.0"},
		"backtracks":               {"a/a 1.0.0 c/c@^1\na/a 2.0.0 c/c@^2\nb/b 1.0.0 c/c@^1\nc/c 1.0.0\nc/c 2.0.0", "a/a b/b", "c/c@1.0.0 a/a@1.0.0 b/b@1.0.0"},
		"optional is not pulled":   {"a/a 1.0.0 b/b@^1?\nb/b 1.0.0", "a/a", "a/a@1.0.0"},
		"optional constrains":      {"a/a 1.0.0 b/b@^1?\nb/b 1.0.0\nb/b 2.0.0", "a/a b/b", "b/b@1.0.0 a/a@1.0.0"},
		"optional of nobody":       {"a/a 1.0.0 x/x@^1?", "a/a", "a/a@1.0.0"},
		"conflict is avoided":      {"a/a 1.0.0 !b/b@^2\nb/b 1.0.0\nb/b 2.0.0", "a/a b/b", "a/a@1.0.0 b/b@1.0.0"},
		"cycle":                    {"a/a 1.0.0 b/b\nb/b 1.0.0 a/a", "a/a", "a/a@1.0.0 b/b@1.0.0"},
		"cycle with init":          {"a/a 1.0.0 +b/b\nb/b 1.0.0 a/a", "a/a", "b/b@1.0.0 a/a@1.0.0"},
		"old host":                 {"a/a 1.0.0 host=<3\na/a 2.0.0 host=>=3", "a/a", "a/a@1.0.0"},
		"platform":                 {"a/a 1.0.0\na/a 2.0.0 only=plan9/386", "a/a", "a/a@1.0.0"},
		"newer contract":           {"a/a 1.0.0 point=acme.dev/p@1.1\na/a 2.0.0 point=acme.dev/p@1.2", "a/a", "a/a@1.0.0"},
		"dependency without point": {"a/a 1.0.0 b/b\nb/b 1.0.0 point=b.dev/other@1.0", "a/a", "b/b@1.0.0 a/a@1.0.0"},
		"yanked":                   {"a/a 1.0.0\na/a 1.1.0 yanked", "a/a", "a/a@1.0.0"},
		"yanked by its number":     {"a/a 1.0.0\na/a 1.1.0 yanked", "a/a@=1.1.0", "a/a@1.1.0"},
		"blocked":                  {"a/a 1.0.0\na/a 1.1.0 blocked", "a/a", "a/a@1.0.0"},
		"older without the missing": {
			"a/a 1.0.0\na/a 2.0.0 b/b", "a/a", "a/a@1.0.0",
		},
		"one of several, the first": {"a/a 1.0.0 b/b;c/c\nb/b 1.0.0\nc/c 1.0.0", "a/a", "b/b@1.0.0 a/a@1.0.0"},
		"one of several, the other": {"a/a 1.0.0 b/b@^2;c/c\nb/b 1.0.0\nc/c 1.0.0", "a/a", "c/c@1.0.0 a/a@1.0.0"},
		"one of several, wished":    {"a/a 1.0.0 b/b;c/c\nb/b 1.0.0\nc/c 1.0.0", "a/a c/c", "c/c@1.0.0 a/a@1.0.0"},
		"one of several, wished later": {
			"a/a 1.0.0 b/b;c/c\nb/b 1.0.0\nc/c 1.0.0", "c/c a/a", "c/c@1.0.0 a/a@1.0.0",
		},
		"offered name":             {"a/a 1.0.0 k/kv@^1\nk/redis 3.0.0 offers=k/kv@1.2.0", "a/a", "k/redis@3.0.0 a/a@1.0.0"},
		"offered in another range": {"a/a 1.0.0 k/kv@^1\nk/redis 3.0.0 offers=k/kv@2.0.0\nk/redis 2.0.0 offers=k/kv@1.0.0", "a/a", "k/redis@2.0.0 a/a@1.0.0"},
		"offered and published":    {"a/a 1.0.0 k/kv@^1\nk/redis 3.0.0 offers=k/kv@1.2.0\nk/kv 1.0.0", "a/a", "k/kv@1.0.0 a/a@1.0.0"},
		"foreign provider, wished": {"a/a 1.0.0 k/kv@^1\nx/redis 3.0.0 offers=k/kv@1.2.0", "a/a x/redis", "x/redis@3.0.0 a/a@1.0.0"},
		"conflict with a provider": {
			"a/a 1.0.0 !k/kv k/one;k/two\nk/one 1.0.0 offers=k/kv@1.0.0\nk/two 1.0.0", "a/a", "k/two@1.0.0 a/a@1.0.0",
		},
		"exclusive provider":  {"k/one 1.0.0 offers=k/kv@1.0.0 !k/kv", "k/one", "k/one@1.0.0"},
		"wish for an offered": {"k/one 1.0.0 offers=k/kv@1.0.0", "k/kv@^1", "k/one@1.0.0"},
	} {
		u, p := parse(t, c.universe), problem(t, strings.Fields(c.wishes)...)
		s, err := resolve.Solve(t.Context(), u, p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := show(t, s); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		} else if err := resolvetest.CheckSolution(t.Context(), u, p, s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRules(t *testing.T) {
	const text = "a/a 1.0.0 time=2026-01-01\na/a 1.1.0 time=2026-01-10\na/a 1.1.1 time=2026-01-12 c/c@^2\na/a 2.0.0 time=2026-01-20\nc/c 1.0.0 time=2026-01-01"
	day := func(n int) time.Time { return time.Date(2026, 1, n, 12, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		rules resolve.Rules
		lock  *resolve.Lock
		want  string
	}{
		"none":                    {resolve.Rules{}, nil, "a/a@2.0.0"},
		"as of":                   {resolve.Rules{AsOf: day(10)}, nil, "a/a@1.1.0"},
		"min age":                 {resolve.Rules{MinAge: 15 * 24 * time.Hour, Now: day(21)}, nil, "a/a@1.0.0"},
		"exempt":                  {resolve.Rules{AsOf: day(10), AgeExempt: []manifest.ID{"a/a"}}, nil, "a/a@2.0.0"},
		"pin":                     {resolve.Rules{Pins: []resolve.Pin{{ID: "a/a", Version: version.MustParse("1.1.0")}}}, nil, "a/a@1.1.0"},
		"exclude":                 {resolve.Rules{Excludes: []resolve.Wish{wish(t, "a/a@^2")}}, nil, "a/a@1.1.0"},
		"override":                {resolve.Rules{Excludes: []resolve.Wish{wish(t, "a/a@^2")}, Overrides: []resolve.Wish{wish(t, "c/c@^1")}}, nil, "c/c@1.0.0 a/a@1.1.1"},
		"lowest":                  {resolve.Rules{Lowest: true}, nil, "a/a@1.0.0"},
		"locked":                  {resolve.Rules{}, locked(t, "a/a@1.1.0"), "a/a@1.1.0"},
		"installed is old enough": {resolve.Rules{MinAge: 15 * 24 * time.Hour, Now: day(21)}, locked(t, "a/a@2.0.0"), "a/a@2.0.0"},
	} {
		p := problem(t, "a/a")
		p.Rules, p.Locked = c.rules, c.lock
		s, err := resolve.Solve(t.Context(), parse(t, text), p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := show(t, s); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// TestSteps updates as far as a step allows.
func TestSteps(t *testing.T) {
	const text = "a/a 1.0.0\na/a 1.0.1\na/a 1.1.0\na/a 2.0.0"
	for step, want := range map[resolve.Step]string{resolve.Patch: "a/a@1.0.1", resolve.Minor: "a/a@1.1.0", resolve.AnyStep: "a/a@2.0.0"} {
		p := problem(t, "a/a")
		p.Locked, p.UpdateAll, p.Rules.Step = locked(t, "a/a@1.0.0"), true, step
		if s, err := resolve.Solve(t.Context(), parse(t, text), p); err != nil || show(t, s) != want {
			t.Errorf("%q: %v, want %s", step, err, want)
		}
	}
}

// TestKeep installs one plugin and moves no other unless it must.
func TestKeep(t *testing.T) {
	const text = "a/a 1.0.0 c/c@^1\na/a 2.0.0 c/c@^2\na/b 1.0.0 c/c\nc/c 1.0.0\nc/c 1.1.0\nc/c 2.0.0\nd/d 1.0.0 c/c@>=1.1"
	for wishes, want := range map[string]string{
		"a/b a/a": "c/c@1.0.0 a/a@1.0.0 a/b@1.0.0", // an older a/a leaves c/c alone
		"a/b d/d": "c/c@1.1.0 a/b@1.0.0 d/d@1.0.0", // no d/d does: then c/c moves, but not further than it must
	} {
		p := problem(t, strings.Fields(wishes)...)
		p.Locked, p.Keep = locked(t, "a/b@1.0.0", "c/c@1.0.0"), true
		s, err := resolve.Solve(t.Context(), parse(t, text), p)
		if err != nil || wishes == "a/b a/a" && show(t, s) != want {
			t.Errorf("%s: %v", wishes, err)
		}
	}
}

func TestLockedIsPreferred(t *testing.T) {
	u := parse(t, "a/a 1.0.0 c/c\na/a 2.0.0 c/c\nb/b 1.0.0 c/c\nc/c 1.0.0\nc/c 2.0.0 yanked\nc/c 3.0.0")
	p := problem(t, "a/a", "b/b")
	p.Locked = locked(t, "a/a@1.0.0", "c/c@2.0.0")
	for _, c := range []struct {
		change func()
		want   string
	}{
		{func() {}, "c/c@2.0.0 a/a@1.0.0 b/b@1.0.0"},
		{func() { p.Update = []manifest.ID{"a/a"} }, "c/c@2.0.0 a/a@2.0.0 b/b@1.0.0"},
		{func() { p.UpdateAll = true }, "c/c@3.0.0 a/a@2.0.0 b/b@1.0.0"},
	} {
		c.change()
		s, err := resolve.Solve(t.Context(), u, p)
		if err != nil || show(t, s) != c.want {
			t.Errorf("got %v, %v, want %s", s, err, c.want)
		}
	}
}

func TestLinked(t *testing.T) {
	p := problem(t, "a/a")
	p.Host.Linked = []manifest.ID{"b/b"}
	s, err := resolve.Solve(t.Context(), parse(t, "a/a 1.0.0 b/b@^9"), p)
	if err != nil || show(t, s) != "a/a@1.0.0" {
		t.Fatal(s, err)
	}
	p.Host.Linked = []manifest.ID{"a/a"}
	if _, err := resolve.Solve(t.Context(), parse(t, "a/a 1.0.0"), p); !errors.Is(err, resolve.ErrLinked) {
		t.Fatal(err)
	}
}

// TestOneSolver answers different problems with one solver.
func TestOneSolver(t *testing.T) {
	u := parse(t, "a/a 1.0.0 b/b;c/c\na/a 2.0.0-rc.1\nb/b 1.0.0 host=^2\nb/b 2.0.0 host=^3\nc/c 1.0.0\nk/one 1.0.0 offers=b/b@2.5.0")
	s := resolve.New(u)
	for range 2 {
		for _, c := range []struct {
			change func(p *resolve.Problem)
			want   string
		}{
			{func(*resolve.Problem) {}, "b/b@1.0.0 a/a@1.0.0"},
			{func(p *resolve.Problem) { p.Host.Version = version.MustParse("3.0.0") }, "b/b@2.0.0 a/a@1.0.0"},
			{func(p *resolve.Problem) { p.Host.Linked = []manifest.ID{"b/b"} }, "a/a@1.0.0"},
			{func(p *resolve.Problem) { p.Rules.Excludes = []resolve.Wish{wish(t, "b/b")} }, "c/c@1.0.0 a/a@1.0.0"},
			{func(p *resolve.Problem) { p.Wishes[0].Pre, p.Wishes[0].Range = true, version.MustParseRange(">1.0.0") }, "a/a@2.0.0-rc.1"},
			{func(p *resolve.Problem) { p.Wishes = append(p.Wishes, wish(t, "k/one")) }, "k/one@1.0.0 a/a@1.0.0"},
		} {
			p := problem(t, "a/a")
			c.change(&p)
			sol, err := s.Solve(t.Context(), p)
			if err != nil || show(t, sol) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		}
	}
}

func TestBudgetAndCancel(t *testing.T) {
	for _, b := range []resolve.Budget{{Steps: 1}, {Plugins: 1}} {
		p := problem(t, "a/a", "b/b")
		p.Budget = b
		if _, err := resolve.Solve(t.Context(), parse(t, "a/a 1.0.0\nb/b 1.0.0"), p); !errors.Is(err, resolve.ErrBudget) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := resolve.Solve(ctx, parse(t, "a/a 1.0.0"), problem(t, "a/a")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p := problem(t, "a/a")
	p.Budget.Time = time.Nanosecond
	if _, err := resolve.Solve(t.Context(), slow{}, p); !errors.Is(err, resolve.ErrBudget) {
		t.Error(err)
	}
}

// slow is an index that answers when its context ends.
type slow struct{}

func (slow) Plugin(ctx context.Context, _ manifest.ID) (*index.Plugin, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestRuntimePreference(t *testing.T) {
	u := parse(t, "a/a 1.0.0")
	u["a/a"].Releases[0].Packages = append(u["a/a"].Releases[0].Packages, index.Package{Runtime: "process", Platform: resolvetest.Host().Platform})
	for _, order := range [][]string{{"wasm", "process"}, {"process", "wasm"}} {
		p := problem(t, "a/a")
		p.Host.Runtimes = order
		s, err := resolve.Solve(t.Context(), u, p)
		if err != nil || s.Choices[0].Package.Runtime != order[0] {
			t.Errorf("%v: %v, %v", order, s, err)
		}
	}
}

// TestForAllPlatforms: what is made for no platform is taken on each, by hosts that know the
// runtime.
func TestForAllPlatforms(t *testing.T) {
	u := parse(t, "a/a 1.0.0")
	u["a/a"].Releases[0].Packages = []index.Package{{Runtime: manifest.RuntimeFiles, Platform: manifest.AnyPlatform}}
	for _, c := range []struct {
		runtimes []string
		on       []manifest.Platform
		ok       bool
	}{
		{[]string{"files"}, nil, true},
		{[]string{"wasm", "files"}, []manifest.Platform{{OS: "windows", Arch: "arm64"}, {OS: "plan9", Arch: "mips"}}, true},
		{[]string{"wasm", "process"}, nil, false},
	} {
		p := problem(t, "a/a")
		p.Host.Runtimes, p.Platforms = c.runtimes, c.on
		s, err := resolve.Solve(t.Context(), u, p)
		if (err == nil) != c.ok || c.ok && s.Choices[0].Package.Platform != manifest.AnyPlatform {
			t.Errorf("%v: %v, %v", c, s, err)
		}
	}
}

func TestInitCycle(t *testing.T) {
	u := parse(t, "a/a 1.0.0 +b/b +d/d\nb/b 1.0.0 +c/c\nc/c 1.0.0 +a/a\nd/d 1.0.0 +a/a")
	_, err := resolve.Solve(t.Context(), u, problem(t, "a/a"))
	c, ok := errors.AsType[*resolve.CycleError](err)
	if !ok || len(c.Cycle) != 2 || !strings.Contains(err.Error(), "a/a after d/d after a/a") {
		t.Fatal(err)
	}
}

func TestBecauseOfSolution(t *testing.T) {
	s, err := resolve.Solve(t.Context(), parse(t, "a/a 1.0.0 b/b k/kv\nb/b 1.0.0\nk/r 1.0.0 offers=k/kv@1.0.0"), problem(t, "a/a", "b/b"))
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[manifest.ID]string{"a/a": "you", "b/b": "a/a 1.0.0,you", "k/r": "a/a 1.0.0", "x/x": ""} {
		if got := strings.Join(s.Because(id), ","); got != want || s.Requested(id) != strings.Contains(want, "you") {
			t.Errorf("%s because of %s, want %s", id, got, want)
		}
	}
}

func FuzzParseWish(f *testing.F) {
	f.Add("acme/hello@^1")
	f.Fuzz(func(t *testing.T, s string) {
		w, err := resolve.ParseWish(s)
		if err != nil {
			return
		}
		again, err := resolve.ParseWish(w.String())
		if err != nil || again.ID != w.ID || !again.Range.Equal(w.Range) {
			t.Fatalf("%q became %q: %v", s, w, err)
		}
	})
}
