package version_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/plugstead/plugstead/version"
)

func TestHasPre(t *testing.T) {
	for _, c := range []struct {
		rng, v string
		has    bool
	}{
		{"*", "1.0.0-rc.1", true},
		{"^1.2", "1.3.0-rc.1", true},
		{"^1.2", "1.2.0-rc.1", false}, // older than 1.2.0
		{"^1.2", "2.0.0-rc.1", false}, // a pre-release of the bound
		{"<2.0.0", "2.0.0-0", false},
		{"<2.0.0", "1.9.9-0", true},
		{">=1.0.0-rc.1", "1.0.0-rc.2", true},
		{"=1.0.0", "1.0.0-rc.1", false},
		{"=1.0.0", "1.0.0", true},
	} {
		if got := version.MustParseRange(c.rng).HasPre(version.MustParse(c.v)); got != c.has {
			t.Errorf("%s with pre-releases has %s: %v", c.rng, c.v, got)
		}
	}
}

// TestSpans compares spans with asking for every version.
func TestSpans(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		s := fmt.Sprintf("%d.%d.%d", r.IntN(3), r.IntN(3), r.IntN(3))
		if r.IntN(3) == 0 {
			s += fmt.Sprintf("-rc.%d", r.IntN(3))
		}
		return s
	}
	for range 2000 {
		var list []version.Version
		for range r.IntN(12) {
			if v := version.MustParse(text()); !slices.Contains(list, v) {
				list = append(list, v)
			}
		}
		slices.SortFunc(list, version.Version.Compare)
		rng := version.MustParseRange([]string{"^", "~", "=", ">=", "<", "<=", ">"}[r.IntN(7)] + text() + []string{"", " || ^1.1", " || =" + text()}[r.IntN(3)])
		for _, open := range []bool{false, true} {
			releases, pre := rng.Spans(list, open)
			for i, v := range list {
				in := func(l []version.Span) bool {
					return slices.ContainsFunc(l, func(s version.Span) bool { return s.Lo <= i && i < s.Hi })
				}
				got := in(releases)
				if v.Pre != "" && !open {
					got = in(pre)
				}
				if want := rng.Has(v) || open && rng.HasPre(v); got != want {
					t.Fatalf("%s, %s of %v, with pre-releases %v: in spans %v, in range %v", rng, v, list, open, got, want)
				}
			}
		}
	}
}

func TestUnion(t *testing.T) {
	u := version.Union(version.MustParseRange("^1"), version.MustParseRange("=3.0.0"), version.MustParseRange(">=4.0.0-rc.1 <4.0.0"))
	for v, want := range map[string]bool{"1.4.0": true, "2.0.0": false, "3.0.0": true, "4.0.0-rc.2": true, "4.0.0": false, "1.5.0-rc.1": false} {
		if u.Has(version.MustParse(v)) != want {
			t.Errorf("%s in %s: %v", v, u, !want)
		}
	}
	if again := version.MustParseRange(u.String()); !again.Equal(u) {
		t.Errorf("%s reads as %s", u, again)
	}
	if !version.Union().IsEmpty() {
		t.Error("the union of nothing has versions")
	}
}
