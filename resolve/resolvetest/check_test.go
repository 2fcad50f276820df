package resolvetest_test

import (
	"context"
	"errors"
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

func parse(t testing.TB, text string) resolvetest.Universe {
	t.Helper()
	u, err := resolvetest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// ask makes a problem with wishes.
func ask(t testing.TB, wishes string) resolve.Problem {
	t.Helper()
	p := resolve.Problem{Host: resolvetest.Host(), NoSuggestions: true}
	for s := range strings.FieldsSeq(wishes) {
		w, err := resolve.ParseWish(s)
		if err != nil {
			t.Fatal(err)
		}
		p.Wishes = append(p.Wishes, w)
	}
	return p
}

// pick takes releases such as "a/a@1.0.0" out of a universe.
func pick(t testing.TB, u resolvetest.Universe, releases string) (out []*index.Release) {
	t.Helper()
	for s := range strings.FieldsSeq(releases) {
		id, v, _ := strings.Cut(s, "@")
		r, ok := u[manifest.ID(id)].Find(version.MustParse(v))
		if !ok {
			t.Fatalf("no %s", s)
		}
		out = append(out, r)
	}
	return out
}

// lockOf makes a lock of releases.
func lockOf(list []*index.Release) *resolve.Lock {
	l := new(resolve.Lock)
	for _, r := range list {
		l.Plugins = append(l.Plugins, resolve.Locked{ID: r.ID, Version: r.Version, Digest: r.Digest})
	}
	return l
}

type fitsCase struct {
	universe, wishes, chosen string
	change                   func(p *resolve.Problem)
	want                     string // part of the error; "": it fits
}

func (c fitsCase) run(t *testing.T, name string) {
	t.Helper()
	u, p := parse(t, c.universe), ask(t, c.wishes)
	if c.change != nil {
		c.change(&p)
	}
	set := new(resolvetest.Set)
	for _, r := range pick(t, u, c.chosen) {
		set.Add(r)
	}
	switch err := set.Fits(p); {
	case c.want == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
		t.Errorf("%s: %v, want %s", name, err, c.want)
	}
}

// TestFitsNeeds judges sets by what plugins say of each other.
func TestFitsNeeds(t *testing.T) {
	const two = "a/a 1.0.0 b/b@^1\nb/b 1.0.0\nb/b 2.0.0"
	linked := func(p *resolve.Problem) { p.Host.Linked = []manifest.ID{"b/b"} }
	override := func(p *resolve.Problem) {
		p.Rules.Overrides = []resolve.Wish{{ID: "b/b", Range: version.MustParseRange("^2")}}
	}
	for name, c := range map[string]fitsCase{
		"nothing asked":              {two, "", "", nil, ""},
		"met":                        {two, "a/a", "a/a@1.0.0 b/b@1.0.0", nil, ""},
		"wish not met":               {two, "a/a", "b/b@1.0.0", nil, "wish a/a is not fulfilled"},
		"wish in another range":      {two, "b/b@^2", "b/b@1.0.0", nil, "wish b/b@^2 is not fulfilled"},
		"need not there":             {two, "a/a", "a/a@1.0.0", nil, "a/a 1.0.0: requires b/b ^1"},
		"need in another range":      {two, "a/a", "a/a@1.0.0 b/b@2.0.0", nil, "requires b/b ^1"},
		"override met":               {two, "a/a", "a/a@1.0.0 b/b@2.0.0", override, ""},
		"override not met":           {two, "a/a", "a/a@1.0.0 b/b@1.0.0", override, "requires b/b ^2"},
		"part of the program":        {two, "a/a", "a/a@1.0.0", linked, ""},
		"chosen and part of it":      {two, "a/a", "a/a@1.0.0 b/b@1.0.0", linked, "b/b is part of the program"},
		"optional, not there":        {"a/a 1.0.0 b/b@^1?\nb/b 2.0.0", "a/a", "a/a@1.0.0", nil, ""},
		"optional, in range":         {"a/a 1.0.0 b/b@^2?\nb/b 2.0.0", "a/a", "a/a@1.0.0 b/b@2.0.0", nil, ""},
		"optional, out of range":     {"a/a 1.0.0 b/b@^1?\nb/b 2.0.0", "a/a", "a/a@1.0.0 b/b@2.0.0", nil, "works with b/b ^1 only"},
		"conflict":                   {"a/a 1.0.0 !b/b@^2\nb/b 2.0.0", "a/a", "a/a@1.0.0 b/b@2.0.0", nil, "conflicts with b/b 2.0.0"},
		"conflict with another":      {"a/a 1.0.0 !b/b@^1\nb/b 2.0.0", "a/a", "a/a@1.0.0 b/b@2.0.0", nil, ""},
		"conflict with an offer":     {"a/a 1.0.0 !k/k\nb/b 2.0.0 offers=k/k@1.0.0", "a/a", "a/a@1.0.0 b/b@2.0.0", nil, "conflicts with b/b"},
		"conflict with its own name": {"a/a 1.0.0 !a/a", "a/a", "a/a@1.0.0", nil, ""},
		"one of several":             {"a/a 1.0.0 b/b@^1;c/c\nb/b 2.0.0\nc/c 1.0.0", "a/a", "a/a@1.0.0 c/c@1.0.0", nil, ""},
		"none of several":            {"a/a 1.0.0 b/b@^1;c/c\nb/b 2.0.0\nc/c 1.0.0", "a/a", "a/a@1.0.0 b/b@2.0.0", nil, "requires one of"},
		"one of several, overridden": {"a/a 1.0.0 b/b@^1;c/c\nb/b 2.0.0\nc/c 1.0.0", "a/a", "a/a@1.0.0 b/b@2.0.0", override, ""},
		"itself":                     {"a/a 1.0.0 a/a@^1", "a/a", "a/a@1.0.0", nil, ""},
		"another version of itself":  {"a/a 1.0.0 a/a@^2", "a/a", "a/a@1.0.0", nil, "another version of itself"},
		"offered":                    {"a/a 1.0.0 a/k@^1\na/b 2.0.0 offers=a/k@1.2.0", "a/a", "a/a@1.0.0 a/b@2.0.0", nil, ""},
		"offered in another range":   {"a/a 1.0.0 a/k@^2\na/b 2.0.0 offers=a/k@1.2.0", "a/a", "a/a@1.0.0 a/b@2.0.0", nil, "requires a/k ^2"},
		"offered by a stranger":      {"a/a 1.0.0 k/k@^1\nb/b 2.0.0 offers=k/k@1.2.0", "a/a", "a/a@1.0.0 b/b@2.0.0", nil, "requires k/k ^1"},
		"stranger asked for":         {"a/a 1.0.0 k/k@^1\nb/b 2.0.0 offers=k/k@1.2.0", "a/a b/b", "a/a@1.0.0 b/b@2.0.0", nil, ""},
		"pre-release":                {"a/a 1.1.0-rc.1", "a/a@^1", "a/a@1.1.0-rc.1", nil, "wish a/a@^1 is not fulfilled"},
		"pre-release by name":        {"a/a 1.1.0-rc.1", "a/a@>=1.1.0-rc.0", "a/a@1.1.0-rc.1", nil, ""},
		"pre-release taken":          {"a/a 1.1.0-rc.1", "a/a@^1", "a/a@1.1.0-rc.1", func(p *resolve.Problem) { p.Wishes[0].Pre = true }, ""},
		"pre-releases taken":         {"a/a 1.1.0-rc.1", "a/a@^1", "a/a@1.1.0-rc.1", func(p *resolve.Problem) { p.Rules.Pre = true }, ""},
	} {
		c.run(t, name)
	}
}

// TestFitsRules judges one release by what keeps releases away.
func TestFitsRules(t *testing.T) {
	day := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	installed := func(v string) func(p *resolve.Problem) {
		return func(p *resolve.Problem) {
			p.Locked = lockOf([]*index.Release{new(resolvetest.Release("a/a", version.MustParse(v)))})
		}
	}
	step := func(v string, s resolve.Step) func(p *resolve.Problem) {
		return func(p *resolve.Problem) { installed(v)(p); p.Rules.Step = s }
	}
	rules := func(r resolve.Rules) func(p *resolve.Problem) {
		return func(p *resolve.Problem) { p.Rules = r }
	}
	on := func(os, arch string) func(p *resolve.Problem) {
		return func(p *resolve.Problem) { p.Platforms = []manifest.Platform{{OS: os, Arch: arch}} }
	}
	for name, c := range map[string]fitsCase{
		"blocked":                {"a/a 1.0.0 blocked", "a/a", "a/a@1.0.0", nil, "is blocked"},
		"blocked, taken":         {"a/a 1.0.0 blocked", "a/a", "a/a@1.0.0", rules(resolve.Rules{Blocked: true}), ""},
		"yanked":                 {"a/a 1.0.0 yanked", "a/a", "a/a@1.0.0", nil, "is yanked"},
		"yanked, by its number":  {"a/a 1.0.0 yanked", "a/a@=1.0.0", "a/a@1.0.0", nil, ""},
		"yanked, installed":      {"a/a 1.0.0 yanked", "a/a", "a/a@1.0.0", installed("1.0.0"), ""},
		"yanked, another there":  {"a/a 1.0.0 yanked", "a/a", "a/a@1.0.0", installed("0.9.0"), "is yanked"},
		"downgrade":              {"a/a 1.0.0", "a/a", "a/a@1.0.0", installed("1.1.0"), "would be a downgrade"},
		"upgrade":                {"a/a 1.0.0", "a/a", "a/a@1.0.0", installed("0.1.0"), ""},
		"patch":                  {"a/a 1.0.1", "a/a", "a/a@1.0.1", step("1.0.0", resolve.Patch), ""},
		"more than a patch":      {"a/a 1.1.0", "a/a", "a/a@1.1.0", step("1.0.0", resolve.Patch), "too far"},
		"minor":                  {"a/a 1.1.0", "a/a", "a/a@1.1.0", step("1.0.0", resolve.Minor), ""},
		"more than minor":        {"a/a 2.0.0", "a/a", "a/a@2.0.0", step("1.0.0", resolve.Minor), "too far"},
		"pinned":                 {"a/a 1.0.0", "a/a", "a/a@1.0.0", rules(resolve.Rules{Pins: []resolve.Pin{{ID: "a/a", Version: version.MustParse("1.1.0")}}}), "not the pinned"},
		"pin of another":         {"a/a 1.0.0", "a/a", "a/a@1.0.0", rules(resolve.Rules{Pins: []resolve.Pin{{ID: "b/b", Version: version.MustParse("1.1.0")}}}), ""},
		"excluded":               {"a/a 1.0.0", "a/a", "a/a@1.0.0", rules(resolve.Rules{Excludes: ask(t, "a/a@<2").Wishes}), "is excluded"},
		"others excluded":        {"a/a 1.0.0", "a/a", "a/a@1.0.0", rules(resolve.Rules{Excludes: ask(t, "a/a@>=2 b/b").Wishes}), ""},
		"after the date":         {"a/a 1.0.0 time=2026-01-11", "a/a", "a/a@1.0.0", rules(resolve.Rules{AsOf: day}), "newer than the date"},
		"at the date":            {"a/a 1.0.0 time=2026-01-10", "a/a", "a/a@1.0.0", rules(resolve.Rules{AsOf: day}), ""},
		"of no date":             {"a/a 1.0.0", "a/a", "a/a@1.0.0", rules(resolve.Rules{AsOf: day}), "newer than the date"},
		"too young":              {"a/a 1.0.0 time=2026-01-09", "a/a", "a/a@1.0.0", rules(resolve.Rules{MinAge: 25 * time.Hour, Now: day}), "too young"},
		"old enough":             {"a/a 1.0.0 time=2026-01-09", "a/a", "a/a@1.0.0", rules(resolve.Rules{MinAge: 24 * time.Hour, Now: day}), ""},
		"too young, but exempt":  {"a/a 1.0.0", "a/a", "a/a@1.0.0", rules(resolve.Rules{MinAge: 1, Now: day, AgeExempt: []manifest.ID{"a/a"}}), ""},
		"too young, installed":   {"a/a 1.0.0", "a/a", "a/a@1.0.0", func(p *resolve.Problem) { installed("1.0.0")(p); p.Rules.MinAge, p.Rules.Now = 1, day }, ""},
		"forbidden":              {"a/a 1.0.0", "a/a", "a/a@1.0.0", func(p *resolve.Problem) { p.Policy = nobody{} }, "not reviewed"},
		"for another host":       {"a/a 1.0.0 host=<2", "a/a", "a/a@1.0.0", nil, "for another application"},
		"for this host":          {"a/a 1.0.0 host=^2.1", "a/a", "a/a@1.0.0", nil, ""},
		"for the same minor":     {"a/a 1.0.0 point=acme.dev/p@1.1", "a/a", "a/a@1.0.0", nil, ""},
		"for a newer point":      {"a/a 1.0.0 point=acme.dev/p@1.2", "a/a", "a/a@1.0.0", nil, "is for acme.dev/p@1.2"},
		"for another point":      {"a/a 1.0.0 point=acme.dev/q@1.0", "a/a", "a/a@1.0.0", nil, "serves no point"},
		"needed, another point":  {"a/a 1.0.0 point=acme.dev/q@1.0", "", "a/a@1.0.0", nil, ""},
		"another point, offers":  {"a/a 1.0.0 point=acme.dev/q@1.0 offers=a/k@1.0.0", "a/a", "a/a@1.0.0", nil, ""},
		"not for this platform":  {"a/a 1.0.0 only=plan9/386", "a/a", "a/a@1.0.0", nil, "does not run on linux/amd64"},
		"not for the platforms":  {"a/a 1.0.0 only=linux/amd64", "a/a", "a/a@1.0.0", on("darwin", "arm64"), "does not run on darwin/arm64"},
		"for every platform":     {"a/a 1.0.0", "a/a", "a/a@1.0.0", on("darwin", "arm64"), ""},
		"for all platforms":      {"a/a 1.0.0 only=linux/amd64 only=darwin/arm64", "a/a", "a/a@1.0.0", on("darwin", "arm64"), ""},
		"no driver for its form": {"a/a 1.0.0", "a/a", "a/a@1.0.0", func(p *resolve.Problem) { p.Host.Runtimes = []string{"process"} }, "does not run"},
	} {
		c.run(t, name)
	}
}

// nobody is a policy that takes nothing.
type nobody struct{}

func (nobody) Admit(manifest.ID, *index.Release, bool) (string, bool) { return "not reviewed", false }

// TestCheckSolution refuses answers that fit and are none.
func TestCheckSolution(t *testing.T) {
	u, p := parse(t, "a/a 1.0.0 b/b\nb/b 1.0.0\nc/c 1.0.0"), ask(t, "a/a")
	choices := func(releases string) *resolve.Solution {
		s := &resolve.Solution{Wishes: p.Wishes}
		for _, r := range pick(t, u, releases) {
			s.Choices = append(s.Choices, resolve.Choice{ID: r.ID, Release: r})
		}
		return s
	}
	other := choices("a/a@1.0.0 b/b@1.0.0")
	changed := *other.Choices[1].Release
	changed.Digest = artifact.DigestOf([]byte("other"))
	other.Choices[1].Release = &changed
	unknown := choices("a/a@1.0.0 b/b@1.0.0")
	gone := resolvetest.Release("x/x", version.MustParse("1.0.0"))
	unknown.Choices = append(unknown.Choices, resolve.Choice{ID: "x/x", Release: &gone})
	for name, c := range map[string]struct {
		s    *resolve.Solution
		want string
	}{
		"right":          {choices("a/a@1.0.0 b/b@1.0.0"), ""},
		"missing":        {choices("a/a@1.0.0"), "requires b/b"},
		"superfluous":    {choices("a/a@1.0.0 b/b@1.0.0 c/c@1.0.0"), "nobody asked for c/c 1.0.0"},
		"twice":          {choices("a/a@1.0.0 b/b@1.0.0 b/b@1.0.0"), "b/b is chosen twice"},
		"other bytes":    {other, "b/b 1.0.0 is not in the index"},
		"not in any way": {unknown, "x/x"},
		"nothing":        {choices(""), "wish a/a"},
	} {
		err := resolvetest.CheckSolution(t.Context(), u, p, c.s)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// broken is an index that cannot be read.
type broken struct{ err error }

func (b broken) Plugin(context.Context, manifest.ID) (*index.Plugin, error) { return nil, b.err }

// TestCheckBrokenIndex says that the index is broken, not that the answer is wrong.
func TestCheckBrokenIndex(t *testing.T) {
	u, p := parse(t, "a/a 1.0.0 b/b@^1\nb/b 2.0.0"), ask(t, "a/a")
	_, err := resolve.Solve(t.Context(), u, p)
	f, ok := errors.AsType[*resolve.Failure](err)
	if !ok {
		t.Fatal(err)
	}
	ix := broken{errors.New("no connection")}
	if err := resolvetest.CheckFailure(t.Context(), ix, p, f); !errors.Is(err, ix.err) {
		t.Error(err)
	}
	s, err := resolve.Solve(t.Context(), u, ask(t, "b/b"))
	if err != nil {
		t.Fatal(err)
	}
	if err := resolvetest.CheckSolution(t.Context(), ix, p, s); !errors.Is(err, ix.err) {
		t.Error(err)
	}
}
