package registry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// TestNextRevision: it depends on everything that is said of the change and on nothing
// else.
func TestNextRevision(t *testing.T) {
	type docs = map[manifest.ID]artifact.Digest
	a, b := artifact.DigestOf([]byte("a")), artifact.DigestOf([]byte("b"))
	seen := map[string]int{}
	for i, x := range []struct {
		old     string
		changed docs
	}{
		{"", nil},
		{"x", nil},
		{"x", docs{"acme/a": a}},
		{"y", docs{"acme/a": a}},
		{"x", docs{"acme/a": b}},
		{"x", docs{"acme/b": a}},
		{"x", docs{"acme/a": ""}},
		{"x", docs{"acme/a": a, "acme/b": b}},
		{"x", docs{"acme/a": b, "acme/b": a}},
	} {
		r := registry.NextRevision(x.old, x.changed)
		if err := registry.CheckRevision(r); err != nil {
			t.Error(err)
		}
		if j, ok := seen[r]; ok {
			t.Errorf("changes %d and %d lead to one revision", i, j)
		}
		seen[r] = i
		for range 10 { // whatever the order of the map
			if again := registry.NextRevision(x.old, x.changed); again != r {
				t.Fatalf("%s, then %s", r, again)
			}
		}
	}
}

func TestCheckRevision(t *testing.T) {
	for _, ok := range []string{"0", "a.B_c-9", strings.Repeat("x", 128)} {
		if err := registry.CheckRevision(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for _, bad := range []string{"", " ", "a b", "a\n", "é", "a/b", "\x00", strings.Repeat("x", 129)} {
		if err := registry.CheckRevision(bad); !errors.Is(err, registry.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
