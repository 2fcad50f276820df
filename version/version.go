// Package version orders versions and reads ranges of them.
//
// Versions are those of Semantic Versioning 2.0.0. The grammar of ranges is
// described in docs/spec/versions.md.
package version

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrSyntax says that a text is no version or no range.
var ErrSyntax = errors.New("syntax error")

// MaxLength is the number of bytes that the text of a version may have.
const MaxLength = 128

// Version is a semantic version. The zero value is 0.0.0. Versions are comparable
// with ==, which also compares build metadata.
type Version struct {
	Major, Minor, Patch uint64
	Pre                 string // dot-separated identifiers without the dash
	Build               string // dot-separated identifiers without the plus sign
}

// Parse reads MAJOR.MINOR.PATCH[-PRE][+BUILD]. Errors wrap [ErrSyntax].
func Parse(s string) (Version, error) {
	v, err := parse(s)
	if err != nil {
		return Version{}, fmt.Errorf("version %.*q: %w: %w", MaxLength, s, ErrSyntax, err)
	}
	return v, nil
}

// MustParse is Parse for constants: it panics on an error.
func MustParse(s string) Version {
	v, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return v
}

func parse(s string) (v Version, err error) {
	if len(s) > MaxLength {
		return v, fmt.Errorf("longer than %d bytes", MaxLength)
	}
	core, build, hasBuild := strings.Cut(s, "+")
	core, pre, hasPre := strings.Cut(core, "-")
	major, rest, _ := strings.Cut(core, ".")
	minor, patch, _ := strings.Cut(rest, ".")
	if strings.Count(core, ".") != 2 {
		return v, errors.New("want three numbers, MAJOR.MINOR.PATCH")
	}
	n := [3]uint64{}
	for i, p := range [...]string{major, minor, patch} {
		if n[i], err = number(p); err != nil {
			return v, err
		}
	}
	if hasPre {
		if err := identifiers(pre, true); err != nil {
			return v, fmt.Errorf("pre-release: %w", err)
		}
	}
	if hasBuild {
		if err := identifiers(build, false); err != nil {
			return v, fmt.Errorf("build metadata: %w", err)
		}
	}
	return Version{n[0], n[1], n[2], pre, build}, nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func number(s string) (uint64, error) {
	if !isDigits(s) {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	if len(s) > 1 && s[0] == '0' {
		return 0, fmt.Errorf("%q has a leading zero", s)
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return n, nil
}

func identifiers(s string, pre bool) error {
	for id := range strings.SplitSeq(s, ".") {
		if id == "" {
			return errors.New("empty identifier")
		}
		for i := range len(id) {
			c := id[i]
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return fmt.Errorf("character %q", c)
			}
		}
		if pre && len(id) > 1 && id[0] == '0' && isDigits(id) {
			return fmt.Errorf("%q has a leading zero", id)
		}
	}
	return nil
}

// Compare orders by precedence: -1, 0 or 1. Build metadata does not count.
func (v Version) Compare(w Version) int {
	return cmp.Or(
		cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch),
		comparePre(v.Pre, w.Pre),
	)
}

func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if c := compareIdentifier(x, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b)) // one of them is empty: the shorter list is lower
}

func compareIdentifier(x, y string) int {
	xn, yn := isDigits(x), isDigits(y)
	switch {
	case xn && yn:
		return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)) // no leading zeros
	case xn:
		return -1
	case yn:
		return 1
	}
	return strings.Compare(x, y)
}

// Release returns v without pre-release and build metadata.
func (v Version) Release() Version { return Version{Major: v.Major, Minor: v.Minor, Patch: v.Patch} }

// IsZero reports whether v is the zero value.
func (v Version) IsZero() bool { return v == Version{} }

// String returns the form that [Parse] reads.
func (v Version) String() string {
	var buf [64]byte
	b := strconv.AppendUint(buf[:0], v.Major, 10)
	b = strconv.AppendUint(append(b, '.'), v.Minor, 10)
	b = strconv.AppendUint(append(b, '.'), v.Patch, 10)
	if v.Pre != "" {
		b = append(append(b, '-'), v.Pre...)
	}
	if v.Build != "" {
		b = append(append(b, '+'), v.Build...)
	}
	return string(b)
}

// MarshalText implements encoding.TextMarshaler.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Version) UnmarshalText(b []byte) (err error) {
	*v, err = Parse(string(b))
	return err
}
