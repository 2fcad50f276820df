package version

import (
	"errors"
	"fmt"
	"strings"
)

// ParseRange reads a range such as
//
//	1.2.3  =1.2.3  1.2  1.x  ^1.2  ~1.2.3  >=1.2 <2  ^1 || ^2  *
//
// Bounds beside each other, also with a comma between, must hold together. A
// partial version stands for all that begin with it. Build metadata does not
// count. Errors wrap [ErrSyntax] and name the text that is wrong.
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
	in := new(members)
	for _, a := range alts {
		i, named, err := parseAlternative(a)
		if err != nil {
			return r, err
		}
		in.stable = append(in.stable, interval{i.lo.Release(), i.hi.Release()})
		for _, p := range named {
			first := p
			first.Pre = "0"
			in.pre = append(in.pre, i.intersect(interval{first, p}))
		}
	}
	in.stable, in.pre = normalize(in.stable), normalize(in.pre)
	r.in = in
	return r, nil
}

// parseAlternative reads bounds that hold together. named are the releases of
// which a bound names a pre-release.
func parseAlternative(s string) (i interval, named []Version, err error) {
	whole := interval{lowest, beyond}
	fields := strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' })
	if len(fields) == 0 {
		return whole, nil, errors.New("empty alternative")
	}
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		if f == "-" {
			return whole, nil, errors.New("ranges with a dash are not supported; write >=1.2 <2")
		}
		// An operator may stand apart from its version.
		if strings.Trim(f, "<>=^~") == "" && i+1 < len(fields) {
			i++
			if strings.ContainsRune("<>=^~", rune(fields[i][0])) {
				return whole, nil, fmt.Errorf("a version is missing behind %q", f)
			}
			f += fields[i]
		}
		b, v, err := parseBound(f)
		if err != nil {
			return whole, nil, err
		}
		if v.Pre != "" {
			named = append(named, v.Release())
		}
		whole = whole.intersect(b)
	}
	return whole, named, nil
}

var operators = []string{">=", "<=", ">", "<", "=", "^", "~"}

// parseBound reads one operator and version. v is that version, zeros in the place
// of what is not written.
func parseBound(s string) (i interval, v Version, err error) {
	op, text := "", s
	for _, o := range operators {
		if rest, ok := strings.CutPrefix(s, o); ok {
			op, text = o, rest
			break
		}
	}
	v, parts, err := parsePartial(text)
	if err != nil {
		return i, v, err
	}
	lo, next := v, after(v, parts)
	if parts < 3 {
		lo.Pre = "0" // 1.2 begins with the pre-releases of 1.2.0
	}
	switch op {
	case "", "=":
		return interval{lo, next}, v, nil
	case ">=":
		return interval{lo, beyond}, v, nil
	case ">":
		return interval{next, beyond}, v, nil
	case "<":
		return interval{lowest, lo}, v, nil
	case "<=":
		return interval{lowest, next}, v, nil
	case "^":
		return interval{lo, caret(v, parts)}, v, nil
	default: // "~"
		return interval{lo, tilde(v, parts)}, v, nil
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
