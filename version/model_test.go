package version_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/version"
)

// The model says what a range means by looking at each version alone: no
// intervals, no neighbours. It is the definition in docs/spec/versions.md.

type modelBound struct {
	op    string
	v     version.Version
	parts int // numbers written
}

func (b modelBound) String() string {
	numbers := strings.SplitN(b.v.String(), ".", 3)
	return b.op + strings.Join(numbers[:b.parts], ".")
}

// prefix compares the numbers that the bound writes with those of v.
func (b modelBound) prefix(v version.Version) int {
	c := []int{cmp.Compare(v.Major, b.v.Major), cmp.Compare(v.Minor, b.v.Minor), cmp.Compare(v.Patch, b.v.Patch)}
	return cmp.Or(c[:b.parts]...)
}

func (b modelBound) has(v version.Version) bool {
	order := b.prefix(v)
	if b.parts == 3 {
		order = v.Compare(b.v)
	}
	switch b.op {
	case "", "=":
		return order == 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case "~":
		return order >= 0 && v.Major == b.v.Major && (b.parts == 1 || v.Minor == b.v.Minor)
	}
	// Caret: the first number that is not zero stays, or the last that is written.
	switch {
	case b.v.Major > 0 || b.parts == 1:
		return order >= 0 && v.Major == b.v.Major
	case b.v.Minor > 0 || b.parts == 2:
		return order >= 0 && v.Major == 0 && v.Minor == b.v.Minor
	}
	return order >= 0 && v.Release() == b.v.Release()
}

type modelRange [][]modelBound

func (r modelRange) String() string {
	var alts []string
	for _, a := range r {
		var bounds []string
		for _, b := range a {
			bounds = append(bounds, b.String())
		}
		alts = append(alts, strings.Join(bounds, " "))
	}
	return strings.Join(alts, " || ")
}

func (r modelRange) has(v version.Version) bool {
	return slices.ContainsFunc(r, func(alt []modelBound) bool {
		named := slices.ContainsFunc(alt, func(b modelBound) bool { return b.v.Pre != "" && b.v.Release() == v.Release() })
		fits := !slices.ContainsFunc(alt, func(b modelBound) bool { return !b.has(v) })
		return fits && (v.Pre == "" || named)
	})
}

var modelPres = []string{"", "", "", "0", "a", "a.0", "a.1", "b", "b.0"}

// modelGrid is every version that a random range can tell apart, and more.
func modelGrid() (grid []version.Version) {
	for major := range uint64(5) {
		for minor := range uint64(4) {
			for patch := range uint64(4) {
				for _, pre := range append(modelPres[2:], "a.0.0", "b.0.0", "z") {
					grid = append(grid, version.Version{Major: major, Minor: minor, Patch: patch, Pre: pre})
				}
			}
		}
	}
	return grid
}

func randomRange(rnd *rand.Rand) modelRange {
	ops := []string{"", "=", ">", ">=", "<", "<=", "^", "~"}
	var r modelRange
	for range 1 + rnd.IntN(3) {
		var alt []modelBound
		for range 1 + rnd.IntN(2) {
			b := modelBound{op: ops[rnd.IntN(len(ops))], parts: 1 + rnd.IntN(3)}
			n := []uint64{rnd.Uint64N(4), rnd.Uint64N(3), rnd.Uint64N(3)}
			clear(n[b.parts:])
			b.v = version.Version{Major: n[0], Minor: n[1], Patch: n[2]}
			if b.parts == 3 {
				b.v.Pre = modelPres[rnd.IntN(len(modelPres))]
			}
			alt = append(alt, b)
		}
		r = append(r, alt)
	}
	return r
}

// TestAgainstModel compares random ranges and their intersections with the model
// on every version of the grid.
func TestAgainstModel(t *testing.T) {
	grid := modelGrid()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 1200 {
		m1, m2 := randomRange(rnd), randomRange(rnd)
		r1, r2 := version.MustParseRange(m1.String()), version.MustParseRange(m2.String())
		both := r1.Intersect(r2)
		same, any1 := true, false
		for _, v := range grid {
			want := m1.has(v)
			if r1.Has(v) != want {
				t.Fatalf("%s: has %s is %v", r1, v, !want)
			}
			if both.Has(v) != (want && m2.has(v)) {
				t.Fatalf("(%s) and (%s): has %s is %v", r1, r2, v, both.Has(v))
			}
			same = same && want == m2.has(v)
			any1 = any1 || want
		}
		if r1.IsEmpty() == any1 {
			t.Fatalf("%s: empty is %v", r1, r1.IsEmpty())
		}
		if r1.Equal(r2) != same {
			t.Fatalf("%s and %s: equal is %v", r1, r2, !same)
		}
		again, err := version.ParseRange(both.String())
		if err != nil || !again.Equal(both) || again.String() != both.String() {
			t.Fatalf("%s read again: %s, %v", both, again, err)
		}
	}
}

// TestPrecedenceIsAnOrder checks random versions for the laws of an order.
func TestPrecedenceIsAnOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	ids := []string{"0", "1", "10", "a", "A", "-", "0a", "a-b"}
	random := func() version.Version {
		v := version.Version{Major: rnd.Uint64N(2), Minor: rnd.Uint64N(2)}
		for i := range rnd.IntN(4) {
			if i > 0 {
				v.Pre += "."
			}
			v.Pre += ids[rnd.IntN(len(ids))]
		}
		if rnd.IntN(3) == 0 {
			v.Build = fmt.Sprint(rnd.IntN(3))
		}
		return v
	}
	for range 20000 {
		a, b, c := random(), random(), random()
		if a.Compare(b) != -b.Compare(a) {
			t.Fatalf("%s and %s: not antisymmetric", a, b)
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("%s, %s, %s: not transitive", a, b, c)
		}
		bare, other := a, b
		bare.Build, other.Build = "", ""
		if (a.Compare(b) == 0) != (bare == other) {
			t.Fatalf("%s and %s: equal precedence of different versions", a, b)
		}
		if back, err := version.Parse(a.String()); err != nil || back != a {
			t.Fatalf("%s became %s, %v", a, back, err)
		}
	}
}
