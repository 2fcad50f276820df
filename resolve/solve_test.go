package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// universe is an index in memory. Each line is "id version [needs…]" where a need
// is "id@range", "id@range?" if optional, "!id@range" for a conflict, or
// "host=range", "point=id@M.m", "yanked", "only=os/arch".
type universe map[manifest.ID]*index.Plugin

func parse(t testing.TB, text string) universe {
	t.Helper()
	u := universe{}
	for l := range strings.Lines(text) {
		f := strings.Fields(l)
		if len(f) == 0 {
			continue
		}
		id := manifest.ID(f[0])
		r := index.Release{Record: index.Record{Facts: artifact.Facts{ID: id, Version: version.MustParse(f[1])}}}
		r.Digest = artifact.DigestOf([]byte(f[0] + f[1]))
		r.Packages = []index.Package{{Runtime: manifest.RuntimeWasm, Platform: manifest.WasmPlatform}}
		for _, x := range f[2:] {
			attribute(t, &r, x)
		}
		if len(r.Provides) == 0 {
			r.Provides = []manifest.PointRef{{ID: "acme.dev/p", Major: 1}}
		}
		if u[id] == nil {
			u[id] = &index.Plugin{Header: index.Header{ID: id}, Document: artifact.DigestOf([]byte(id))}
		}
		u[id].Releases = append(u[id].Releases, r)
	}
	return u
}

func attribute(t testing.TB, r *index.Release, x string) {
	t.Helper()
	if v, ok := strings.CutPrefix(x, "host="); ok {
		r.Host = map[string]version.Range{"acme": version.MustParseRange(v)}
		return
	}
	if v, ok := strings.CutPrefix(x, "point="); ok {
		p, err := manifest.ParsePointRef(v)
		if err != nil {
			t.Fatal(err)
		}
		r.Provides = append(r.Provides, p)
		return
	}
	if v, ok := strings.CutPrefix(x, "only="); ok {
		p, err := manifest.ParsePlatform(v)
		if err != nil {
			t.Fatal(err)
		}
		r.Packages = []index.Package{{Runtime: manifest.RuntimeProcess, Platform: p}}
		return
	}
	if x == "yanked" {
		r.State.Yanked = &index.Yank{}
		return
	}
	conflict := strings.HasPrefix(x, "!")
	optional := strings.HasSuffix(x, "?")
	w, err := resolve.ParseWish(strings.TrimSuffix(strings.TrimPrefix(x, "!"), "?"))
	if err != nil {
		t.Fatal(err)
	}
	n := manifest.Need{ID: w.ID, Range: w.Range, Optional: optional}
	if conflict {
		r.Conflicts = append(r.Conflicts, n)
	} else {
		r.Requires = append(r.Requires, n)
	}
}

func (u universe) Plugin(_ context.Context, id manifest.ID) (*index.Plugin, error) {
	if p := u[id]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s: %w", id, index.ErrNotFound)
}

type noYanked struct{}

func (noYanked) Admit(_ manifest.ID, r *index.Release, locked bool) (string, bool) {
	return "is yanked", locked || r.State.Yanked == nil
}

var host = resolve.Host{
	App: "acme", Version: version.MustParse("2.1.0"), Points: []manifest.PointRef{{ID: "acme.dev/p", Major: 1, Minor: 1}},
	Platform: manifest.Platform{OS: "linux", Arch: "amd64"}, Runtimes: []string{"wasm", "process"},
}

func problem(t testing.TB, wishes ...string) resolve.Problem {
	t.Helper()
	p := resolve.Problem{Host: host, Policy: noYanked{}}
	for _, s := range wishes {
		w, err := resolve.ParseWish(s)
		if err != nil {
			t.Fatal(err)
		}
		p.Wishes = append(p.Wishes, w)
	}
	return p
}

func show(s *resolve.Solution) string {
	var out []string
	for _, c := range s.Choices {
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
		"dependency stands first":  {"a/a 1.0.0 b/b@^1\nb/b 1.0.0", "a/a", "b/b@1.0.0 a/a@1.0.0"},
		"transitive":               {"a/a 1.0.0 b/b\nb/b 1.0.0 c/c@^2\nc/c 2.1.0\nc/c 3.0.0", "a/a", "c/c@2.1.0 b/b@1.0.0 a/a@1.0.0"},
		"shared":                   {"a/a 1.0.0 c/c@>=1\nb/b 1.0.0 c/c@<3\nc/c 1.0.0\nc/c 2.0.0\nc/c 3.0.0", "a/a b/b", "c/c@2.0.0 a/a@1.0.0 b/b@1.0.0"},
		"backtracks":               {"a/a 1.0.0 c/c@^1\na/a 2.0.0 c/c@^2\nb/b 1.0.0 c/c@^1\nc/c 1.0.0\nc/c 2.0.0", "a/a b/b", "c/c@1.0.0 a/a@1.0.0 b/b@1.0.0"},
		"optional is not pulled":   {"a/a 1.0.0 b/b@^1?\nb/b 1.0.0", "a/a", "a/a@1.0.0"},
		"optional constrains":      {"a/a 1.0.0 b/b@^1?\nb/b 1.0.0\nb/b 2.0.0", "a/a b/b", "b/b@1.0.0 a/a@1.0.0"},
		"conflict is avoided":      {"a/a 1.0.0 !b/b@^2\nb/b 1.0.0\nb/b 2.0.0", "a/a b/b", "a/a@1.0.0 b/b@1.0.0"},
		"cycle":                    {"a/a 1.0.0 b/b\nb/b 1.0.0 a/a", "a/a", "b/b@1.0.0 a/a@1.0.0"},
		"old host":                 {"a/a 1.0.0 host=<3\na/a 2.0.0 host=>=3", "a/a", "a/a@1.0.0"},
		"platform":                 {"a/a 1.0.0\na/a 2.0.0 only=plan9/386", "a/a", "a/a@1.0.0"},
		"newer contract":           {"a/a 1.0.0 point=acme.dev/p@1.1\na/a 2.0.0 point=acme.dev/p@1.2", "a/a", "a/a@1.0.0"},
		"dependency without point": {"a/a 1.0.0 b/b\nb/b 1.0.0 point=b.dev/other@1.0", "a/a", "b/b@1.0.0 a/a@1.0.0"},
		"yanked":                   {"a/a 1.0.0\na/a 1.1.0 yanked", "a/a", "a/a@1.0.0"},
	} {
		s, err := resolve.Solve(t.Context(), parse(t, c.universe), problem(t, strings.Fields(c.wishes)...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := show(s); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestConflictTexts(t *testing.T) {
	for name, c := range map[string]struct {
		universe, wishes string
		kind             resolve.Kind
		want             string
	}{
		"versions": {
			"a/a 1.0.0 c/c@^1\nb/b 1.0.0 c/c@^2\nc/c 1.0.0\nc/c 2.0.0", "a/a b/b", resolve.Versions,
			"no version of c/c fits everybody who needs it\n  a/a 1.0.0 requires c/c ^1\n  b/b 1.0.0 requires c/c ^2\n  published: c/c 1.0.0, 2.0.0",
		},
		"range": {
			"a/a 1.0.0", "a/a@^2", resolve.Versions,
			"no version of a/a fits everybody who needs it\n  you asked for a/a ^2\n  published: a/a 1.0.0",
		},
		"host": {
			"a/a 1.0.0 host=>=3\na/a 1.1.0 host=>=3", "a/a", resolve.HostRange,
			"no version of a/a fits this version of the application\n  you asked for a/a *\n  a/a 1.0.0, 1.1.0 needs acme >=3",
		},
		"platform": {
			"a/a 1.0.0 only=plan9/386", "a/a", resolve.Platform,
			"no version of a/a runs on this platform\n  you asked for a/a *\n  a/a 1.0.0 runs as process on plan9/386; this program runs wasm, process on linux/amd64",
		},
		"point": {
			"a/a 1.0.0 point=acme.dev/p@2.0", "a/a", resolve.Point,
			"no version of a/a serves the extension points of the application\n  you asked for a/a *\n  a/a 1.0.0 provides acme.dev/p@2.0, and acme offers 1.1",
		},
		"no point": {
			"a/a 1.0.0 point=other.dev/x@1.0", "a/a", resolve.Point,
			"no version of a/a serves the extension points of the application\n  you asked for a/a *\n  a/a 1.0.0 provides no extension point of acme",
		},
		"yanked": {
			"a/a 1.0.0 yanked", "a/a", resolve.Forbidden,
			"no version of a/a may be chosen\n  you asked for a/a *\n  a/a 1.0.0 is yanked",
		},
		"conflict": {
			"a/a 1.0.0 !b/b@*\nb/b 1.0.0", "a/a b/b", resolve.Conflict,
			"b/b conflicts with another plugin\n  you asked for b/b *\n  a/a 1.0.0 conflicts with b/b *\n  published: b/b 1.0.0",
		},
	} {
		_, err := resolve.Solve(t.Context(), parse(t, c.universe), problem(t, strings.Fields(c.wishes)...))
		e, ok := errors.AsType[*resolve.ConflictError](err)
		if !ok || e.Kind != c.kind || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
}

func TestUnknown(t *testing.T) {
	_, err := resolve.Solve(t.Context(), universe{}, problem(t, "a/a"))
	if u, ok := errors.AsType[*resolve.UnknownError](err); !ok || u.ID != "a/a" || !errors.Is(err, index.ErrNotFound) {
		t.Fatal(err)
	}
	_, err = resolve.Solve(t.Context(), parse(t, "a/a 1.0.0 b/b"), problem(t, "a/a"))
	if err == nil || !strings.Contains(err.Error(), "a/a 1.0.0 requires it") {
		t.Fatal(err)
	}
	// An older version without the missing dependency is a solution.
	s, err := resolve.Solve(t.Context(), parse(t, "a/a 1.0.0\na/a 2.0.0 b/b"), problem(t, "a/a"))
	if err != nil || show(s) != "a/a@1.0.0" {
		t.Fatal(s, err)
	}
}

func TestLinked(t *testing.T) {
	p := problem(t, "a/a")
	p.Host.Linked = []manifest.ID{"b/b"}
	s, err := resolve.Solve(t.Context(), parse(t, "a/a 1.0.0 b/b@^9"), p)
	if err != nil || show(s) != "a/a@1.0.0" {
		t.Fatal(s, err)
	}
	p.Host.Linked = []manifest.ID{"a/a"}
	if _, err := resolve.Solve(t.Context(), parse(t, "a/a 1.0.0"), p); !errors.Is(err, resolve.ErrLinked) {
		t.Fatal(err)
	}
}

func TestLockedIsPreferred(t *testing.T) {
	u := parse(t, "a/a 1.0.0 c/c\na/a 2.0.0 c/c\nb/b 1.0.0 c/c\nc/c 1.0.0\nc/c 2.0.0 yanked\nc/c 3.0.0")
	lock := &resolve.Lock{}
	for _, l := range []string{"a/a 1.0.0", "c/c 2.0.0"} {
		id, v, _ := strings.Cut(l, " ")
		lock.Plugins = append(lock.Plugins, resolve.Locked{ID: manifest.ID(id), Version: version.MustParse(v), Digest: artifact.DigestOf([]byte(id + v))})
	}
	p := problem(t, "a/a", "b/b")
	p.Locked = lock
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
		if err != nil || show(s) != c.want {
			t.Errorf("got %v, %v, want %s", s, err, c.want)
		}
	}
}

func TestBudgetAndCancel(t *testing.T) {
	p := problem(t, "a/a", "b/b")
	p.MaxSteps = 1
	if _, err := resolve.Solve(t.Context(), parse(t, "a/a 1.0.0\nb/b 1.0.0"), p); !errors.Is(err, resolve.ErrBudget) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := resolve.Solve(ctx, parse(t, "a/a 1.0.0"), problem(t, "a/a")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRuntimePreference(t *testing.T) {
	u := parse(t, "a/a 1.0.0")
	u["a/a"].Releases[0].Packages = append(u["a/a"].Releases[0].Packages, index.Package{Runtime: "process", Platform: host.Platform})
	for _, order := range [][]string{{"wasm", "process"}, {"process", "wasm"}} {
		p := problem(t, "a/a")
		p.Host.Runtimes = order
		s, err := resolve.Solve(t.Context(), u, p)
		if err != nil || s.Choices[0].Package.Runtime != order[0] {
			t.Errorf("%v: %v, %v", order, s, err)
		}
	}
}

// TestAgainstBruteForce compares the engine with trying every combination, on
// small random universes.
func TestAgainstBruteForce(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := randomUniverse(r)
		u := parse(t, text)
		p := problem(t, "a/a", "b/b")
		s, err := resolve.Solve(t.Context(), u, p)
		possible := bruteForce(u, p)
		if possible != (err == nil) {
			t.Fatalf("seed %d: solvable %v, engine says %v\n%s", seed, possible, err, text)
		}
		if err == nil && !valid(u, p, s) {
			t.Fatalf("seed %d: wrong answer %s\n%s", seed, show(s), text)
		}
	}
}

func randomUniverse(r *rand.Rand) string {
	ids := []string{"a/a", "b/b", "c/c", "d/d"}
	ranges := []string{"*", "^1", "^2", "<2", ">=2", "=1.0.0", "=3.0.0"}
	var b strings.Builder
	for _, id := range ids {
		for v := range 1 + r.IntN(3) {
			fmt.Fprintf(&b, "%s %d.0.0", id, v+1)
			for _, other := range ids {
				if other == id {
					continue
				}
				switch r.IntN(8) {
				case 0, 1:
					fmt.Fprintf(&b, " %s@%s", other, ranges[r.IntN(len(ranges))])
				case 2:
					fmt.Fprintf(&b, " %s@%s?", other, ranges[r.IntN(len(ranges))])
				case 3:
					fmt.Fprintf(&b, " !%s@%s", other, ranges[r.IntN(len(ranges))])
				}
			}
			if r.IntN(6) == 0 {
				b.WriteString(" host=>=3")
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// bruteForce tries every assignment of a version or none to every plugin.
func bruteForce(u universe, p resolve.Problem) bool {
	ids := make([]manifest.ID, 0, len(u))
	for id := range u {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	chosen := map[manifest.ID]*index.Release{}
	var try func(i int) bool
	try = func(i int) bool {
		if i == len(ids) {
			return consistent(p, chosen)
		}
		delete(chosen, ids[i])
		if try(i + 1) {
			return true
		}
		for j := range u[ids[i]].Releases {
			chosen[ids[i]] = &u[ids[i]].Releases[j]
			if try(i + 1) {
				return true
			}
		}
		delete(chosen, ids[i])
		return false
	}
	return try(0)
}

func valid(_ universe, p resolve.Problem, s *resolve.Solution) bool {
	chosen := map[manifest.ID]*index.Release{}
	for _, c := range s.Choices {
		chosen[c.ID] = c.Release
	}
	return consistent(p, chosen)
}

// consistent is the definition of a solution.
func consistent(p resolve.Problem, chosen map[manifest.ID]*index.Release) bool {
	for _, w := range p.Wishes {
		if r := chosen[w.ID]; r == nil || !w.Range.Has(r.Version) {
			return false
		}
	}
	for _, r := range chosen {
		if rng, ok := r.Host[p.Host.App]; ok && !rng.Has(p.Host.Version) {
			return false
		}
		for _, n := range r.Requires {
			other := chosen[n.ID]
			if other == nil && !n.Optional || other != nil && !n.Range.Has(other.Version) {
				return false
			}
		}
		for _, n := range r.Conflicts {
			if other := chosen[n.ID]; other != nil && n.Range.Has(other.Version) {
				return false
			}
		}
	}
	return true
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
