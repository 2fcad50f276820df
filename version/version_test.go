package version_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/version"
)

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
	for a, b := range map[string]string{
		"^1 || ^2 || >=1.5 <2.5":      ">=1 <3",
		"^1.0":                        "^1.0.0",
		">=1.2 <1.3":                  "1.2.x",
		">1.2.3":                      ">=1.2.4",
		"x":                           "*",
		">2 <1":                       "<0.0.0",
		"1.0.0-a || >=1.0.0-a <1.0.0": ">=1.0.0-a, <1.0.0",
	} {
		if !p(a).Equal(p(b)) {
			t.Errorf("%s and %s are the same versions", a, b)
		}
	}
	if p("^1").Equal(p("^1 || 1.0.0-rc.1")) || p("^1").Equal(p("^2")) {
		t.Error("equal but not the same")
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
	if err := v.UnmarshalText([]byte("one")); !errors.Is(err, version.ErrSyntax) {
		t.Fatal(err)
	}
	if err := r.UnmarshalText([]byte("one")); !errors.Is(err, version.ErrSyntax) {
		t.Fatal("no error")
	}
}

// TestTextOfIntersections writes intersections and reads them again.
func TestTextOfIntersections(t *testing.T) {
	p := version.MustParseRange
	for _, c := range [][3]string{
		{"^1", ">=1.5", ">=1.5.0 <2.0.0"},
		{"^1 || ^3", ">=1.5 <3.1", ">=1.5.0 <2.0.0 || >=3.0.0 <3.1.0"},
		{"^1", "^2", "<0.0.0"},
		{"*", "^1", "^1"},
		{">=1.0.0-b", "<=1.0.0-x", ">=1.0.0-b <1.0.0-x.0"},
		{">=1.0.0-b", "^1 || <1.0.0-c", ">=1.0.0 <2.0.0 || >=1.0.0-b <1.0.0-c"},
		{"*", ">=1.0.0-b", ">=1.0.0"},
		{">=1.0.0-b", "*", ">=1.0.0"},
	} {
		if got := p(c[0]).Intersect(p(c[1])).String(); got != c[2] {
			t.Errorf("%s and %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
	var odd, even []string
	for i := range 20 {
		odd = append(odd, fmt.Sprintf("1000000%d.1.1 || 1000000%d.3.3", i, i)) // too long in the end
		even = append(even, fmt.Sprintf(">=1000000%d.1.1 <=1000000%d.3.3", i, i))
	}
	many := p(strings.Join(odd[:16], "||")).Intersect(p(strings.Join(even[:16], "||")))
	if b, err := many.MarshalText(); err == nil {
		t.Errorf("text that cannot be read again: %s", b)
	}
}

func TestTooLong(t *testing.T) {
	long := "1.2.3-" + strings.Repeat("a", version.MaxLength-6)
	if _, err := version.Parse(long); err != nil {
		t.Error(err)
	}
	if _, err := version.Parse(long + "a"); !errors.Is(err, version.ErrSyntax) {
		t.Error(err)
	}
	for _, s := range []string{strings.Repeat("1", 600), strings.Repeat("1||", 32) + "1", strings.Repeat(" ", version.MaxRange) + "1"} {
		if r, err := version.ParseRange(s); !errors.Is(err, version.ErrSyntax) || len(err.Error()) > version.MaxRange+100 {
			t.Errorf("ParseRange(%.20q) = %v, %v", s, r, err)
		}
	}
	if _, err := version.ParseRange(strings.Repeat("1||", 31) + "1"); err != nil {
		t.Error(err)
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
