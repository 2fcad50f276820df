package version

import (
	"errors"
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

// Range is a set of versions. The zero value is every version. A Range is not
// comparable with ==; see [Range.Equal].
type Range struct {
	text string
	alts []interval // sorted, disjoint, not touching; nil with text "" or "*": everything
	pres []Version  // releases whose pre-releases a written bound names
}

// interval is the versions v with lo <= v < hi.
type interval struct{ lo, hi Version }

// lowest and beyond bound every version. No version text reaches beyond.
var (
	lowest = Version{Pre: "0"}
	beyond = Version{Major: math.MaxUint64}
)

// Any is every version that is not a pre-release.
var Any = Range{}

// Exact is the range of one version.
func Exact(v Version) Range {
	r, err := ParseRange("=" + v.String())
	if err != nil {
		panic(err) // the text of a version is a valid bound
	}
	return r
}

// ParseRange reads a range:
//
//	*  1.2.3  =1.2.3  1.2  1.x  ^1.2  ~1.2.3  >=1.2 <2  ^1 || ^2
//
// Bounds beside each other, also with a comma between, must hold together. A
// partial version stands for all that begin with it. Errors wrap [ErrSyntax].
func ParseRange(s string) (Range, error) {
	r, err := parseRange(s)
	if err != nil {
		return Range{}, fmt.Errorf("range %.*q: %w: %w", MaxRange, s, ErrSyntax, err)
	}
	return r, nil
}

// MustParseRange is ParseRange for constants: it panics on an error.
func MustParseRange(s string) Range {
	r, err := ParseRange(s)
	if err != nil {
		panic(err)
	}
	return r
}

func parseRange(s string) (Range, error) {
	r := Range{text: strings.TrimSpace(s)}
	if len(s) > MaxRange {
		return r, fmt.Errorf("longer than %d bytes", MaxRange)
	}
	if r.text == "" {
		return r, errors.New("empty; write * for every version")
	}
	if r.text == "*" {
		return Range{text: "*"}, nil
	}
	alts := strings.Split(s, "||")
	if len(alts) > maxAlternatives {
		return r, fmt.Errorf("more than %d alternatives", maxAlternatives)
	}
	r.alts = []interval{}
	for _, a := range alts {
		i, pres, err := parseAlternative(a)
		if err != nil {
			return r, err
		}
		r.alts = append(r.alts, i)
		r.pres = append(r.pres, pres...)
	}
	r.alts = normalize(r.alts)
	return r, nil
}

func parseAlternative(s string) (interval, []Version, error) {
	whole := interval{lowest, beyond}
	fields := strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' })
	if len(fields) == 0 {
		return whole, nil, errors.New("empty alternative")
	}
	var pres []Version
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		if f == "-" {
			return whole, nil, errors.New("ranges with a dash are not supported; write >=1.2 <2")
		}
		// An operator may stand apart from its version.
		if strings.Trim(f, "<>=^~") == "" && i+1 < len(fields) {
			i++
			f += fields[i]
		}
		b, pre, err := parseBound(f)
		if err != nil {
			return whole, nil, err
		}
		if pre != nil {
			pres = append(pres, *pre)
		}
		whole = whole.intersect(b)
	}
	return whole, pres, nil
}

var operators = []string{">=", "<=", ">", "<", "=", "^", "~"}

// parseBound reads one operator and version. pre is the release whose
// pre-releases the bound lets in.
func parseBound(s string) (i interval, pre *Version, err error) {
	op, text := "", s
	for _, o := range operators {
		if rest, ok := strings.CutPrefix(s, o); ok {
			op, text = o, rest
			break
		}
	}
	v, parts, err := parsePartial(text)
	if err != nil {
		return i, nil, err
	}
	if v.Pre != "" {
		pre = new(v.Release())
	}
	lo, next := v, after(v, parts)
	if parts < 3 {
		lo.Pre = "0" // 1.2 includes the pre-releases of 1.2.0; Has decides about them
	}
	switch op {
	case "", "=":
		return interval{lo, next}, pre, nil
	case ">=":
		return interval{lo, beyond}, pre, nil
	case ">":
		return interval{next, beyond}, pre, nil
	case "<":
		if v.Pre == "" {
			lo.Pre = "0" // <2 leaves out 2.0.0-rc.1
		}
		return interval{lowest, lo}, pre, nil
	case "<=":
		return interval{lowest, next}, pre, nil
	case "^":
		return interval{lo, caret(v, parts)}, pre, nil
	default: // "~"
		return interval{lo, tilde(v, parts)}, pre, nil
	}
}

// parsePartial reads a version of which the end may be missing or a wildcard. It
// returns how many numbers were written.
func parsePartial(s string) (v Version, parts int, err error) {
	if s == "" {
		return v, 0, errors.New("a version is missing")
	}
	if strings.ContainsAny(s, "-+") {
		v, err = parse(s)
		v.Build = ""
		return v, 3, err
	}
	n := [3]uint64{}
	wild := false
	fields := strings.Split(s, ".")
	if len(fields) > 3 {
		return v, 0, fmt.Errorf("%q has more than three numbers", s)
	}
	for i, f := range fields {
		if f == "x" || f == "X" || f == "*" {
			wild = true
			continue
		}
		if wild {
			return v, 0, fmt.Errorf("%q has a number behind a wildcard", s)
		}
		if n[i], err = number(f); err != nil {
			return v, 0, err
		}
		parts++
	}
	return Version{Major: n[0], Minor: n[1], Patch: n[2]}, parts, nil
}

// after returns the lowest version behind all that v, written with so many
// numbers, stands for.
func after(v Version, parts int) Version {
	switch parts {
	case 0:
		return beyond
	case 1:
		return Version{Major: v.Major + 1, Pre: "0"}
	case 2:
		return Version{Major: v.Major, Minor: v.Minor + 1, Pre: "0"}
	}
	if v.Pre != "" {
		v.Pre += ".0" // the next pre-release in precedence
		return v
	}
	return Version{Major: v.Major, Minor: v.Minor, Patch: v.Patch + 1, Pre: "0"}
}

func caret(v Version, parts int) Version {
	switch {
	case parts == 0:
		return beyond
	case v.Major > 0 || parts == 1:
		return after(v, 1)
	case v.Minor > 0 || parts == 2:
		return after(v, 2)
	}
	return Version{Patch: v.Patch + 1, Pre: "0"}
}

func tilde(v Version, parts int) Version { return after(v, min(parts, 2)) }

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

func (r Range) intervals() []interval {
	if r.alts == nil {
		return []interval{{lowest, beyond}}
	}
	return r.alts
}

// Has reports whether v is in r. A pre-release is in r only if a bound that was
// written names a pre-release of the same MAJOR.MINOR.PATCH.
func (r Range) Has(v Version) bool {
	if v.Pre != "" && !slices.Contains(r.pres, v.Release()) {
		return false
	}
	return slices.ContainsFunc(r.intervals(), func(i interval) bool {
		return v.Compare(i.lo) >= 0 && v.Compare(i.hi) < 0
	})
}

// IsEmpty reports whether no version can be in r.
func (r Range) IsEmpty() bool { return len(r.intervals()) == 0 }

// IsAny reports whether r is every version.
func (r Range) IsAny() bool { return r.alts == nil }

// Intersect returns the versions that are in both.
func (r Range) Intersect(q Range) Range {
	if r.IsAny() {
		return q
	}
	if q.IsAny() {
		return r
	}
	out := Range{text: "(" + r.String() + ") and (" + q.String() + ")", alts: []interval{}}
	for _, i := range r.alts {
		for _, j := range q.alts {
			out.alts = append(out.alts, i.intersect(j))
		}
	}
	out.alts = normalize(out.alts)
	for _, p := range r.pres {
		if slices.Contains(q.pres, p) {
			out.pres = append(out.pres, p)
		}
	}
	return out
}

// Equal reports whether r and q have the same bounds, however they are written.
func (r Range) Equal(q Range) bool {
	byOrder := func(v []Version) []Version {
		v = slices.Clone(v)
		slices.SortFunc(v, Version.Compare)
		return slices.Compact(v)
	}
	return slices.Equal(r.intervals(), q.intervals()) && slices.Equal(byOrder(r.pres), byOrder(q.pres))
}

// String returns r as it was written; "*" for every version.
func (r Range) String() string {
	if r.text == "" {
		return "*"
	}
	return r.text
}

// MarshalText implements encoding.TextMarshaler.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Range) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRange(string(b))
	return err
}
