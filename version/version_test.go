package version_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/version"
)

func TestPrecedence(t *testing.T) {
	// The chain of Semantic Versioning 2.0.0, item 11, and its neighbours.
	chain := []string{
		"0.0.1-0", "0.0.1", "0.1.0", "1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
		"1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "2.0.0-x", "2.0.0", "10.0.0",
	}
	for i, a := range chain {
		for j, b := range chain {
			got := version.MustParse(a).Compare(version.MustParse(b))
			want := min(1, max(-1, i-j))
			if got != want {
				t.Errorf("%s against %s: %d, want %d", a, b, got, want)
			}
		}
	}
	if version.MustParse("1.0.0+a").Compare(version.MustParse("1.0.0+b")) != 0 {
		t.Error("build metadata counts")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{
		"", "1", "1.2", "1.10", "1.2.3.4", "01.2.3", "1.02.3", "1.2.03", "v1.2.3", "1.2.x", "-1.2.3", "1.2.3-", "1.2.3-a..b", "1.2.3-01",
		"1.2.3+", "1.2.3+ä", "1.2.3 ", "1.2.3-a_b", "9223372036854775808.0.0", "1.2.3-" + strings.Repeat("a", 128),
	} {
		if v, err := version.Parse(s); !errors.Is(err, version.ErrSyntax) {
			t.Errorf("Parse(%q) = %v, %v", s, v, err)
		}
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		rng      string
		yes, not string
	}{
		{"*", "0.0.0 1.2.3 99.0.0", "1.0.0-rc.1"},
		{"1.2.3", "1.2.3", "1.2.4 1.2.2 1.2.3-rc.1"},
		{"=1.2.3", "1.2.3 1.2.3+build", "1.2.4"},
		{"1.2", "1.2.0 1.2.9", "1.3.0 1.1.9 1.2.0-a"},
		{"1", "1.0.0 1.9.9", "2.0.0 0.9.0"},
		{"1.x", "1.0.0 1.9.9", "2.0.0"},
		{"1.2.*", "1.2.0 1.2.9", "1.3.0"},
		{"^1.2.3", "1.2.3 1.9.0", "2.0.0 1.2.2 2.0.0-rc.1"},
		{"^1.0", "1.0.0 1.9.9", "2.0.0 0.9.9"},
		{"^0.3", "0.3.0 0.3.9", "0.4.0 0.2.9"},
		{"^0.0.3", "0.0.3", "0.0.4 0.0.2"},
		{"^0", "0.0.0 0.9.0", "1.0.0"},
		{"~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2"},
		{"~1", "1.0.0 1.9.0", "2.0.0"},
		{">=0.3 <2", "0.3.0 1.9.9", "2.0.0 0.2.9"},
		{">=0.3, <2", "0.3.0 1.9.9", "2.0.0"},
		{">= 0.3 < 2", "0.3.0 1.9.9", "2.0.0"},
		{">1.2", "1.3.0 2.0.0", "1.2.0 1.2.9"},
		{"<=1.2", "1.2.9 0.1.0", "1.3.0"},
		{">1.2.3", "1.2.4", "1.2.3"},
		{"^1 || ^3", "1.5.0 3.0.0", "2.0.0 4.0.0"},
		{">=1.0.0-rc.1", "1.0.0-rc.1 1.0.0-rc.2 1.0.0 2.0.0", "1.0.0-beta 2.0.0-rc.1"},
		{"^1.0.0-rc.1", "1.0.0-rc.2 1.5.0", "1.5.0-rc.1 2.0.0-rc.1"},
		{"1.0.0-rc.1", "1.0.0-rc.1", "1.0.0-rc.1.0 1.0.0 1.0.0-rc.2"},
		{">2 <1", "", "0.5.0 1.5.0 3.0.0"},
	} {
		r, err := version.ParseRange(c.rng)
		if err != nil {
			t.Errorf("%s: %v", c.rng, err)
			continue
		}
		for s := range strings.FieldsSeq(c.yes) {
			if !r.Has(version.MustParse(s)) {
				t.Errorf("%s should have %s", c.rng, s)
			}
		}
		for s := range strings.FieldsSeq(c.not) {
			if r.Has(version.MustParse(s)) {
				t.Errorf("%s should not have %s", c.rng, s)
			}
		}
	}
}

func TestParseRangeRefuses(t *testing.T) {
	for _, s := range []string{
		"", " ", "||", "^1 ||", "1.2.3 - 2.0.0", "^", ">=", "latest", "1.2.3.4", "1.x.3", "==1", "=>1", "^v1", "1.2.3-", strings.Repeat("1", 600),
		strings.Repeat("1||", 40) + "1",
	} {
		if r, err := version.ParseRange(s); !errors.Is(err, version.ErrSyntax) {
			t.Errorf("ParseRange(%q) = %v, %v", s, r, err)
		}
	}
}

func TestSetOperations(t *testing.T) {
	p := version.MustParseRange
	if got := p("^1").Intersect(p(">=1.5")); !got.Equal(p(">=1.5 <2")) {
		t.Errorf("intersection %s", got)
	}
	if !p("^1").Intersect(p("^2")).IsEmpty() || p("^1").IsEmpty() {
		t.Error("emptiness")
	}
	if !version.Any.Intersect(p("^1")).Equal(p("^1")) || !p("^1").Intersect(version.Any).Equal(p("^1")) {
		t.Error("intersection with everything")
	}
	if !version.Any.IsAny() || !p("*").IsAny() || p("^1").IsAny() || !version.Any.Equal(p("*")) {
		t.Error("everything")
	}
	if !version.Exact(version.MustParse("1.2.3-rc.1")).Has(version.MustParse("1.2.3-rc.1")) {
		t.Error("exact pre-release")
	}
	if !p("^1 || ^2 || >=1.5 <2.5").Equal(p(">=1 <3")) {
		t.Error("joining intervals")
	}
}

// TestAgainstModel compares ranges with a definition by plain comparison over a
// grid of versions.
func TestAgainstModel(t *testing.T) {
	var grid []version.Version
	for major := range uint64(4) {
		for minor := range uint64(4) {
			for patch := range uint64(3) {
				grid = append(grid, version.Version{Major: major, Minor: minor, Patch: patch})
			}
		}
	}
	model := map[string]func(order int) bool{
		">=": func(o int) bool { return o >= 0 }, "<=": func(o int) bool { return o <= 0 },
		">": func(o int) bool { return o > 0 }, "<": func(o int) bool { return o < 0 }, "=": func(o int) bool { return o == 0 },
	}
	for op1, f1 := range model {
		for op2, f2 := range model {
			for i := 0; i < len(grid); i += 5 {
				for j := 0; j < len(grid); j += 7 {
					a, b := grid[i], grid[j]
					both := version.MustParseRange(op1 + a.String() + " " + op2 + b.String())
					either := version.MustParseRange(op1 + a.String() + " || " + op2 + b.String())
					for _, v := range grid {
						x, y := f1(v.Compare(a)), f2(v.Compare(b))
						if both.Has(v) != (x && y) || either.Has(v) != (x || y) {
							t.Fatalf("%s, %s: wrong for %s", both, either, v)
						}
					}
				}
			}
		}
	}
}

func TestText(t *testing.T) {
	var v version.Version
	if err := v.UnmarshalText([]byte("1.2.3-a+b")); err != nil || v.String() != "1.2.3-a+b" || v.Release().String() != "1.2.3" {
		t.Fatal(v, err)
	}
	var r version.Range
	if b, err := r.MarshalText(); err != nil || string(b) != "*" {
		t.Fatal(string(b), err)
	}
	if err := r.UnmarshalText([]byte(" ^1 ")); err != nil || r.String() != "^1" {
		t.Fatal(r, err)
	}
	if err := r.UnmarshalText([]byte("one")); err == nil {
		t.Fatal("no error")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1.2.3", "1.2.3-rc.1+x", "0.0.0", "1.2", "1.2.3-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := version.Parse(s)
		if err != nil {
			return
		}
		if v.String() != s {
			t.Fatalf("%q became %q", s, v)
		}
		if v.Compare(v) != 0 || !version.Exact(v).Has(v) {
			t.Fatalf("%q is not itself", s)
		}
	})
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"^1.2", "~1 || >=2 <3", "*", "1.x", ">=1.0.0-rc.1", ">1 <1"} {
		f.Add(s)
	}
	samples := []version.Version{{}, {Major: 1}, {Major: 1, Minor: 2, Patch: 3}, {Major: 1, Pre: "rc.1"}, {Major: 9, Minor: 9}}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := version.ParseRange(s)
		if err != nil {
			return
		}
		again, err := version.ParseRange(r.String())
		if err != nil || !again.Equal(r) {
			t.Fatalf("%q read again: %v, %v", s, again, err)
		}
		if slices.ContainsFunc(samples, r.Has) && r.IsEmpty() {
			t.Fatalf("%q is empty and has versions", s)
		}
	})
}

