package version

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Limits of the text of a range.
const (
	MaxRange        = 512 // bytes
	maxAlternatives = 32
)

// Range is a set of versions together with the text it was written as. The zero
// value is "*": every version that is not a pre-release. A Range is not comparable
// with ==; see [Range.Equal]. It may be used by several goroutines.
type Range struct {
	text string
	in   *members // nil: every release; never changed, since copies share it
}

// members are the versions of a range.
type members struct {
	stable []interval // of releases: no bound has a pre-release
	pre    []interval // of pre-releases: each within those of one release
}

// interval is the versions v with lo <= v < hi. Lists of intervals are sorted, and
// their members neither overlap nor touch nor are empty.
type interval struct{ lo, hi Version }

// lowest and beyond bound every version. No version text reaches beyond.
var (
	lowest = Version{Pre: "0"}
	beyond = Version{Major: math.MaxUint64}
	all    = []interval{{lowest.Release(), beyond}}
)

// Any is "*": every version that is not a pre-release.
var Any = Range{}

// Exact is the range of one version. It panics if v has identifiers that [Parse]
// refuses.
func Exact(v Version) Range {
	r, err := ParseRange("=" + v.String())
	if err != nil {
		panic(err) // the text of a version is a valid bound
	}
	return r
}

// Has reports whether v is in r. A pre-release is in r only if an alternative it
// satisfies has a bound that names a pre-release of the same MAJOR.MINOR.PATCH.
func (r Range) Has(v Version) bool {
	list := r.releases()
	if v.Pre != "" {
		list = r.pre()
	}
	return slices.ContainsFunc(list, func(i interval) bool {
		return v.Compare(i.lo) >= 0 && v.Compare(i.hi) < 0
	})
}

func (r Range) releases() []interval {
	if r.in == nil {
		return all
	}
	return r.in.stable
}

func (r Range) pre() []interval {
	if r.in == nil {
		return nil
	}
	return r.in.pre
}

// Span is a part of a sorted list: the indices lo <= i < hi.
type Span struct{ Lo, Hi int }

// Spans returns where the versions of r stand in a list in ascending order: every
// release within one of releases and every pre-release within one of pre is in r, no
// other. With admitPre, pre-releases do not have to be named (see [Range.HasPre]), and
// every version within one of releases is in r.
func (r Range) Spans(sorted []Version, admitPre bool) (releases, pre []Span) {
	releases = spans(sorted, r.releases(), admitPre)
	if pre = spans(sorted, r.pre(), false); admitPre {
		return append(releases, pre...), nil
	}
	return releases, pre
}

func spans(sorted []Version, list []interval, withPre bool) []Span {
	var out []Span
	for _, i := range list {
		hi := i.hi
		if withPre {
			hi = hi.before()
		}
		lo, _ := slices.BinarySearchFunc(sorted, i.lo, Version.Compare)
		end, _ := slices.BinarySearchFunc(sorted[lo:], hi, Version.Compare)
		if end > 0 {
			out = append(out, Span{lo, lo + end})
		}
	}
	return out
}

// before is the bound that also keeps out the pre-releases of v: they come before v,
// but nobody who writes "<2.0.0" wants 2.0.0-rc.1.
func (v Version) before() Version {
	if v.Pre == "" {
		v.Pre = lowest.Pre
	}
	return v
}

// HasPre reports whether v is in r for somebody who takes pre-releases: it lies
// between the bounds of an alternative, and is no pre-release of an upper bound that
// is a release.
func (r Range) HasPre(v Version) bool {
	return r.Has(v) || slices.ContainsFunc(r.releases(), func(i interval) bool {
		return v.Compare(i.lo) >= 0 && v.Compare(i.hi.before()) < 0
	})
}

// Lowest returns the oldest release in r that is newer than v, and whether there can
// be one.
func (r Range) Lowest(v Version) (Version, bool) {
	for _, i := range r.releases() {
		low := i.lo.Release()
		if v.Compare(low) >= 0 {
			low = Version{Major: v.Major, Minor: v.Minor, Patch: v.Patch + 1}
		}
		if low.Compare(i.lo) >= 0 && low.Compare(i.hi) < 0 {
			return low, true
		}
	}
	return Version{}, false
}

// IsEmpty reports whether no version can be in r.
func (r Range) IsEmpty() bool { return r.in != nil && len(r.in.stable) == 0 && len(r.in.pre) == 0 }

// IsAny reports whether r was written as "*" or is the zero value.
func (r Range) IsAny() bool { return r.in == nil }

// Equal reports whether r and q are the same set, however they are written.
func (r Range) Equal(q Range) bool {
	return slices.Equal(r.releases(), q.releases()) && slices.Equal(r.pre(), q.pre())
}

// Intersect returns the versions that are in both. Unless one of them is [Any],
// the text of the result is made anew.
func (r Range) Intersect(q Range) Range {
	switch {
	case r.IsAny() && len(q.pre()) == 0:
		return q
	case q.IsAny() && len(r.pre()) == 0:
		return r
	}
	out := Range{in: &members{stable: intersect(r.releases(), q.releases()), pre: intersect(r.pre(), q.pre())}}
	out.text = out.canonical()
	return out
}

// Union returns the versions that are in any of the ranges. Its text is made anew.
func Union(ranges ...Range) Range {
	in := new(members)
	for _, r := range ranges {
		in.stable = append(in.stable, r.releases()...)
		in.pre = append(in.pre, r.pre()...)
	}
	in.stable, in.pre = normalize(in.stable), normalize(in.pre)
	out := Range{in: in}
	out.text = out.canonical()
	return out
}

func intersect(a, b []interval) []interval {
	var out []interval
	for _, i := range a {
		for _, j := range b {
			out = append(out, i.intersect(j))
		}
	}
	return normalize(out)
}

// canonical writes r with one alternative for each interval.
func (r Range) canonical() string {
	if r.IsEmpty() {
		return "<0.0.0"
	}
	var out []string
	for _, i := range append(slices.Clone(r.in.stable), r.in.pre...) {
		s := ">=" + i.lo.String()
		if i.hi != beyond {
			s += " <" + i.hi.String()
		}
		out = append(out, s)
	}
	return strings.Join(out, " || ")
}

func (i interval) intersect(j interval) interval {
	if j.lo.Compare(i.lo) > 0 {
		i.lo = j.lo
	}
	if j.hi.Compare(i.hi) < 0 {
		i.hi = j.hi
	}
	return i
}

func (i interval) empty() bool { return i.lo.Compare(i.hi) >= 0 }

// normalize sorts intervals, drops empty ones and joins those that touch.
func normalize(in []interval) []interval {
	in = slices.DeleteFunc(in, interval.empty)
	slices.SortFunc(in, func(a, b interval) int { return a.lo.Compare(b.lo) })
	out := in[:0]
	for _, i := range in {
		if n := len(out); n > 0 && i.lo.Compare(out[n-1].hi) <= 0 {
			if i.hi.Compare(out[n-1].hi) > 0 {
				out[n-1].hi = i.hi
			}
			continue
		}
		out = append(out, i)
	}
	return out
}

// String returns r as it was written; "*" for every version.
func (r Range) String() string {
	if r.text == "" {
		return "*"
	}
	return r.text
}

// MarshalText implements encoding.TextMarshaler. It refuses an intersection whose
// text is beyond what [ParseRange] reads.
func (r Range) MarshalText() ([]byte, error) {
	if r.in != nil {
		if _, err := parseRange(r.text); err != nil {
			return nil, fmt.Errorf("range %.40q: %w", r.text, err)
		}
	}
	return []byte(r.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Range) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRange(string(b))
	return err
}
