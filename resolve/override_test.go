package resolve_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/resolve/resolvetest"
)

// TestOverride replaces ranges wherever a manifest can have one. The answer is checked as
// a solution and as a lock, and both know who needs what.
func TestOverride(t *testing.T) {
	const two = "\nc/core 1.0.0\nc/core 2.0.0\nd/core 1.0.0"
	for name, c := range map[string]struct{ universe, ask, want, needed string }{
		"in requires":      {"a/a 1.0.0 c/core@^1" + two, "a/a override=c/core@^2", "c/core@2.0.0 a/a@1.0.0", "c/core"},
		"in any_of, first": {"a/a 1.0.0 c/core@^1;d/core@^9" + two, "a/a override=c/core@^2", "c/core@2.0.0 a/a@1.0.0", "c/core"},
		"in any_of, last":  {"a/a 1.0.0 c/core@^9;d/core@^9" + two, "a/a override=d/core@*", "d/core@1.0.0 a/a@1.0.0", "d/core"},
		"in any_of, both": {
			"a/a 1.0.0 c/core@^9;d/core@^9" + two, "a/a override=d/core@* override=c/core@=1.0.0", "c/core@1.0.0 a/a@1.0.0", "c/core",
		},
		"in any_of, the option goes away": {"a/a 1.0.0 c/core@^1;d/core@^1" + two, "a/a override=c/core@^9", "d/core@1.0.0 a/a@1.0.0", "d/core"},
		"in any_of, an offered name": {
			"a/a 1.0.0 k/kv@^1;d/core@^9\nk/one 1.0.0 offers=k/kv@2.0.0" + two, "a/a override=k/kv@^2", "k/one@1.0.0 a/a@1.0.0", "k/one",
		},
		"an offered name":      {"a/a 1.0.0 k/kv@^1\nk/one 1.0.0 offers=k/kv@2.0.0", "a/a override=k/kv@^2", "k/one@1.0.0 a/a@1.0.0", "k/one"},
		"of two choices alike": {"a/a 1.0.0 c/core@^1;d/core c/core@^3;d/core@^9" + two, "a/a override=c/core@^2", "c/core@2.0.0 a/a@1.0.0", "c/core"},
	} {
		u, p := parse(t, c.universe), ask(t, c.ask)
		s, err := resolve.Solve(t.Context(), u, p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := show(t, s); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if err := resolvetest.CheckSolution(t.Context(), u, p, s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		l := lockOf(p, s)
		if errs := l.Check(p.Host, p.Wishes); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
		frozen, err := l.Solution(p.Host)
		if err != nil {
			t.Fatal(err)
		}
		id, want := manifest.ID(c.needed), []string{"a/a 1.0.0"}
		for what, got := range map[string][]string{"solution": s.Because(id), "lock": l.Because(id), "frozen": frozen.Because(id)} {
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s says that %s is there because of %q", name, what, id, got)
			}
		}
		l.Overrides = nil
		if strings.HasPrefix(name, "in any_of, b") && len(l.Check(p.Host, p.Wishes)) == 0 {
			t.Errorf("%s: the lock fits without its overrides", name)
		}
	}
}

// TestOverrideOfNeighbour asks one solver with and without an override of an option.
func TestOverrideOfNeighbour(t *testing.T) {
	u := parse(t, "a/a 1.0.0 c/core@^1;d/core@^1\nc/core 1.0.0\nc/core 2.0.0\nd/core 1.0.0")
	s := resolve.New(u)
	for range 2 {
		for question, want := range map[string]string{
			"a/a": "c/core@1.0.0 a/a@1.0.0", "a/a override=c/core@^2": "c/core@2.0.0 a/a@1.0.0", "a/a override=c/core@^9": "d/core@1.0.0 a/a@1.0.0",
		} {
			sol, err := s.Solve(t.Context(), ask(t, question))
			if err != nil {
				t.Fatal(err)
			}
			if got := show(t, sol); got != want {
				t.Errorf("%s: %s, want %s", question, got, want)
			}
		}
	}
}
