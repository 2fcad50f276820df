package resolvetest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve/resolvetest"
	"github.com/plugstead/plugstead/version"
)

// describe writes the parts of a release that a line of text sets.
func describe(r *index.Release) string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, n := range r.Requires {
		add("requires %s %s optional=%v init=%v", n.ID, n.Range, n.Optional, n.Init)
	}
	for _, n := range r.Conflicts {
		add("conflicts %s %s", n.ID, n.Range)
	}
	for _, list := range r.AnyOf {
		add("one of %d, first %s, last %s", len(list), list[0].ID, list[len(list)-1].ID)
	}
	for _, o := range r.Offers {
		add("offers %s %s", o.ID, o.Version)
	}
	for app, rng := range r.Host {
		add("host %s %s", app, rng)
	}
	for _, p := range r.Provides {
		add("provides %s", p)
	}
	for _, p := range r.Packages {
		add("%s on %s", p.Runtime, p.Platform)
	}
	add("yanked=%v blocked=%v", r.State.Yanked != nil, r.State.Blocked != nil)
	if !r.Time.IsZero() {
		add("time %s", r.Time.Format("2006-01-02"))
	}
	return strings.Join(out, ", ")
}

// TestParse reads one line each.
func TestParse(t *testing.T) {
	const rest = "provides acme.dev/p@1.0, wasm on wasip1/wasm, yanked=false blocked=false"
	for line, want := range map[string]string{
		"":                                   rest,
		"# a/b@^1":                           rest,
		"b/b":                                "requires b/b * optional=false init=false, " + rest,
		"b/b@^1":                             "requires b/b ^1 optional=false init=false, " + rest,
		"+b/b@^1":                            "requires b/b ^1 optional=false init=true, " + rest,
		"b/b@^1?":                            "requires b/b ^1 optional=true init=false, " + rest,
		"b/b@>=1.0.0-rc.1":                   "requires b/b >=1.0.0-rc.1 optional=false init=false, " + rest,
		"!b/b@^1":                            "conflicts b/b ^1, " + rest,
		"b/b;c/c@^1;d/d":                     "one of 3, first b/b, last d/d, " + rest,
		"offers=k/k@1.2.0":                   "offers k/k 1.2.0, " + rest,
		"host=>=1":                           "host acme >=1, " + rest,
		"point=x.dev/p@2.1":                  strings.Replace(rest, "acme.dev/p@1.0", "x.dev/p@2.1", 1),
		"only=linux/amd64":                   strings.Replace(rest, "wasm on wasip1/wasm", "process on linux/amd64", 1),
		"only=linux/amd64 only=darwin/arm64": strings.Replace(rest, "wasm on wasip1/wasm", "process on linux/amd64, process on darwin/arm64", 1),
		"yanked":                             strings.Replace(rest, "yanked=false", "yanked=true", 1),
		"blocked":                            strings.Replace(rest, "blocked=false", "blocked=true", 1),
		"time=2026-01-31":                    rest + ", time 2026-01-31",
	} {
		u, err := resolvetest.Parse("a/a 1.0.0 " + line + "\n\n# nothing\n")
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		r := u["a/a"].Releases[0]
		if got := describe(&r); got != want || r.Digest == "" {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

// TestParseRefuses names the line that cannot be read.
func TestParseRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"a/a":                          "no version",
		"a 1.0.0":                      `line "a 1.0.0"`,
		"a/a one":                      "one",
		"a/a 1.0.0 offers=k/k@x":       "x",
		"a/a 1.0.0 offers=k/k":         "line",
		"a/a 1.0.0 color=red":          "unknown attribute color",
		"a/a 1.0.0 host=nonsense":      "nonsense",
		"a/a 1.0.0 point=nonsense":     "nonsense",
		"a/a 1.0.0 only=nonsense":      "nonsense",
		"a/a 1.0.0 time=yesterday":     "yesterday",
		"a/a 1.0.0 b":                  `"b`,
		"a/a 1.0.0 b/b@!":              "b/b",
		"a/a 1.0.0 b/b;":               "line",
		"a/a 1.0.0 !":                  "line",
		"a/a 1.0.0 +":                  "line",
		"a/a 1.0.0\na/b 1.0.0 b/b@^^1": "a/b 1.0.0",
	} {
		if _, err := resolvetest.Parse(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

// TestLink lists who offers a name, sorted and once, also of a name without releases.
func TestLink(t *testing.T) {
	u := parse(t, "c/c 1.0.0 offers=k/k@1.0.0\na/a 1.0.0 offers=k/k@1.0.0\na/a 2.0.0 offers=k/k@2.0.0\nk/k 1.0.0 offers=l/l@1.0.0")
	for id, want := range map[manifest.ID]string{"k/k": "[a/a c/c]", "l/l": "[k/k]", "a/a": "[]"} {
		p, err := u.Plugin(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(p.Providers); got != want {
			t.Errorf("%s is offered by %s, want %s", id, got, want)
		}
	}
	u["a/a"].Releases = u["a/a"].Releases[:1]
	u["c/c"].Releases[0].Offers = nil
	u.Link()
	if got := fmt.Sprint(u["k/k"].Providers); got != "[a/a]" {
		t.Errorf("after a change k/k is offered by %s", got)
	}
	if _, err := u.Plugin(t.Context(), "x/x"); !errors.Is(err, index.ErrNotFound) || !strings.Contains(err.Error(), "x/x") {
		t.Error(err)
	}
}

// TestReleasesDiffer gives every release bytes of its own, the same each time.
func TestReleasesDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []manifest.ID{"a/a", "a/b", "b/a"} {
		for _, v := range []string{"1.0.0", "1.0.1", "1.0.0-rc.1"} {
			r, again := resolvetest.Release(id, version.MustParse(v)), resolvetest.Release(id, version.MustParse(v))
			if r.Digest != again.Digest {
				t.Errorf("%s %s changes", id, v)
			}
			if other, ok := seen[string(r.Digest)]; ok {
				t.Errorf("%s %s has the digest of %s", id, v, other)
			}
			seen[string(r.Digest)] = string(id) + v
		}
	}
}

// FuzzParse reads any text. What it takes can be asked for, and reading it again gives the
// same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"a/a 1.0.0 b/b@^1 +c/c !d/d e/e;f/f@<2 g/g?", "a/a 1.0.0 offers=k/k@1.0.0 host=>=1 point=x.dev/p@1.0 only=linux/amd64 time=2026-01-31 yanked",
		"a/a", "a/a 1.0.0 =", "a/a 1.0.0 ?", "a/a 1.0.0 ;;", "a/a 1.0.0 offers=@", "a/a 1.0.0 offers=x@1.0.0", "\x00", "a/a 1.0.0 # b/b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := resolvetest.Parse(s)
		if err != nil {
			return
		}
		again, err := resolvetest.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		a, err1 := json.Marshal(u)
		b, err2 := json.Marshal(again)
		if string(a) != string(b) || (err1 == nil) != (err2 == nil) {
			t.Fatalf("%q is read in two ways", s)
		}
		for id, p := range u {
			if got, err := u.Plugin(t.Context(), id); err != nil || got != p {
				t.Fatalf("%q has %q, which cannot be asked for: %v", s, id, err)
			}
			for _, r := range p.Releases {
				if _, err := manifest.ParseID(string(r.ID)); err != nil || r.ID != id {
					t.Fatalf("%q has a release of %q under %q", s, r.ID, id)
				}
			}
		}
	})
}
