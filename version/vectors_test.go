package version_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/version"
)

// vectors reads a file of test vectors that other implementations may read too:
// lines, and the fields of a line with ; between.
func vectors(t testing.TB, name string) (lines [][]string) {
	t.Helper()
	b, err := os.ReadFile("../docs/spec/testdata/versions/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		l = strings.TrimSuffix(l, "\n")
		if l != "" && l[0] != '#' {
			fields := strings.Split(l, ";")
			for i := range fields {
				fields[i] = strings.TrimSpace(fields[i])
			}
			lines = append(lines, fields)
		}
	}
	if len(lines) < 10 {
		t.Fatalf("%s has %d lines", name, len(lines))
	}
	return lines
}

func unquote(t *testing.T, s string) string {
	t.Helper()
	u, err := strconv.Unquote(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return u
}

func TestOrder(t *testing.T) {
	lines := vectors(t, "order.txt")
	for i, a := range lines {
		for j, b := range lines {
			for x := range strings.FieldsSeq(a[0]) {
				for y := range strings.FieldsSeq(b[0]) {
					got, want := version.MustParse(x).Compare(version.MustParse(y)), min(1, max(-1, i-j))
					if got != want {
						t.Errorf("%s against %s: %d, want %d", x, y, got, want)
					}
				}
			}
		}
	}
}

func TestInvalid(t *testing.T) {
	for _, l := range vectors(t, "invalid.txt") {
		s := unquote(t, l[0])
		if v, err := version.Parse(s); !errors.Is(err, version.ErrSyntax) || v != (version.Version{}) {
			t.Errorf("Parse(%q) = %v, %v", s, v, err)
		}
	}
}

func TestRanges(t *testing.T) {
	for _, l := range vectors(t, "ranges.txt") {
		if len(l) != 3 {
			t.Fatalf("%q: want three fields", l)
		}
		r, err := version.ParseRange(l[0])
		if err != nil {
			t.Errorf("%s: %v", l[0], err)
			continue
		}
		if r.String() != l[0] {
			t.Errorf("%s became %s", l[0], r)
		}
		for s := range strings.FieldsSeq(l[1]) {
			if !r.Has(version.MustParse(s)) {
				t.Errorf("%s should have %s", r, s)
			}
		}
		for s := range strings.FieldsSeq(l[2]) {
			if r.Has(version.MustParse(s)) {
				t.Errorf("%s should not have %s", r, s)
			}
		}
		if r.IsEmpty() != (l[1] == "") {
			t.Errorf("%s: empty is %v", r, r.IsEmpty())
		}
	}
}

func TestInvalidRanges(t *testing.T) {
	for _, l := range vectors(t, "invalid-ranges.txt") {
		s, want := unquote(t, l[0]), strings.Join(l[1:], "; ")
		r, err := version.ParseRange(s)
		if !errors.Is(err, version.ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseRange(%q) = %v, %v, want %s", s, r, err, want)
		}
	}
}
