package version

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestLowest compares with going through all versions there can be.
func TestLowest(t *testing.T) {
	var all []Version
	for major := range uint64(5) {
		for minor := range uint64(4) {
			for patch := range uint64(5) {
				all = append(all, Version{Major: major, Minor: minor, Patch: patch})
			}
		}
	}
	bounds := []string{"^1", "^2.1", ">=1.2", "<3", ">=1.0.2 <1.3", "=2.1.3", "~1.2", "<=2.0.1", ">1.1.1", ">=2.0.0-rc.1", "^1 || ^3", "<1 || =2.2.2 || >=4", "*", ">3.2 <4"}
	found := 0
	for seed := range uint64(2000) {
		g := rand.New(rand.NewPCG(seed, 1))
		r := MustParseRange(bounds[g.IntN(len(bounds))])
		if g.IntN(2) == 0 {
			r = r.Intersect(MustParseRange(bounds[g.IntN(len(bounds))]))
		}
		from := all[g.IntN(len(all))]
		got, ok := r.Lowest(from)
		if ok && (!r.Has(got) || got.Compare(from) <= 0 || got.Pre != "") {
			t.Fatalf("%s is the lowest in %s behind %s", got, r, from)
		}
		for _, v := range all { // no other one comes before it
			if v.Compare(from) > 0 && r.Has(v) && (!ok || v.Compare(got) < 0) {
				t.Fatalf("%s is in %s behind %s, found was %s %v", v, r, from, got, ok)
			}
		}
		if ok {
			found++
		}
	}
	if found < 200 || found > 1900 {
		t.Errorf("found %d of 2000", found)
	}
}

// TestTextOfRange writes ranges and reads them back, and refuses to write what nobody
// could read.
func TestTextOfRange(t *testing.T) {
	for _, text := range []string{"*", "^1", ">=1.2.0 <2.0.0", "^1 || ^3", ">=1.0.0-rc.1", "<0.0.0"} {
		r := MustParseRange(text)
		b, err := r.MarshalText()
		if err != nil || string(b) != text {
			t.Errorf("%s became %q: %v", text, b, err)
		}
		var again Range
		if err := again.UnmarshalText(b); err != nil || !again.Equal(r) {
			t.Errorf("%s is read as %s: %v", text, again, err)
		}
	}
	var zero Range
	if b, err := zero.MarshalText(); err != nil || string(b) != "*" {
		t.Errorf("the zero value is %q: %v", b, err)
	}
	if err := zero.UnmarshalText([]byte("^^1")); err == nil {
		t.Error("read nonsense")
	}
	var list []Range
	for major := range uint64(2000) {
		list = append(list, Exact(Version{Major: 2*major + 1}))
	}
	if b, err := Union(list...).MarshalText(); err == nil || !strings.Contains(err.Error(), "range ") {
		t.Errorf("wrote %d bytes: %v", len(b), err)
	}
}

// TestExact has one version, also if that is a pre-release.
func TestExact(t *testing.T) {
	all := []string{"0.0.1", "1.0.0-rc.1", "1.0.0-rc.2", "1.0.0", "1.0.1-0", "1.0.1"}
	for _, a := range all {
		r := Exact(MustParse(a))
		for _, b := range all {
			if r.Has(MustParse(b)) != (a == b) {
				t.Errorf("%s has %s: %v", r, b, a != b)
			}
		}
	}
	if !(Version{}).IsZero() || MustParse("0.0.1").IsZero() || MustParse("0.0.0-0").IsZero() {
		t.Error("zero is not 0.0.0 alone")
	}
	defer func() {
		if recover() == nil {
			t.Error("a version that cannot be read has a range")
		}
	}()
	Exact(Version{Pre: "no spaces"})
}
