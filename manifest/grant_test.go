package manifest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/manifest"
)

func TestSentence(t *testing.T) {
	for c, want := range map[manifest.Capability]string{
		"net:api.example.com:443": "network: may connect to api.example.com:443",
		"net:*.example.com:*":     "network: may connect to *.example.com on any port",
		"fs:ro:assets":            "files: may read files under assets",
		"fs:rw:cache/x":           "files: may read and write files under cache/x",
		"env:HOME":                "environment: may read the environment variable HOME",
		"host:acme.dev/store":     "application: may use the application's service acme.dev/store",
		"run:git":                 "programs: may run the program git",
		"root:all":                `"root:all"`,
		"net:\x1b[31m":            `"net:\x1b[31m"`,
	} {
		if got := c.Sentence(); got != want {
			t.Errorf("%q: %s, want %s", c, got, want)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		wide, narrow manifest.Capability
		want         bool
	}{
		{"net:a.dev:443", "net:a.dev:443", true},
		{"net:a.dev:*", "net:a.dev:443", true},
		{"net:a.dev:443", "net:a.dev:*", false},
		{"net:a.dev:443", "net:a.dev:444", false},
		{"net:*.a.dev:443", "net:x.a.dev:443", true},
		{"net:*.a.dev:443", "net:x.y.a.dev:443", true},
		{"net:*.a.dev:*", "net:*.y.a.dev:1", true},
		{"net:*.a.dev:443", "net:a.dev:443", false},
		{"net:*.a.dev:443", "net:xa.dev:443", false},
		{"net:x.a.dev:443", "net:*.a.dev:443", false},
		{"net:[::1]:*", "net:[::1]:80", true},
		{"net:[::1]:80", "net:[::2]:80", false},
		{"fs:rw:a", "fs:ro:a", true},
		{"fs:ro:a", "fs:rw:a", false},
		{"fs:ro:a", "fs:ro:a/b", true},
		{"fs:ro:a", "fs:ro:ab", false},
		{"fs:ro:a/b", "fs:ro:a", false},
		{"env:A", "env:A", true},
		{"env:A", "env:AB", false},
		{"run:a", "env:a", false},
		{"host:a.dev/x", "host:a.dev/x", true},
		{"host:a.dev/x", "host:a.dev/x/y", false},
		{"net:", "net:a.dev:443", false},
		{"odd", "odd", false},
	} {
		if got := c.wide.Covers(c.narrow); got != c.want {
			t.Errorf("%s covers %s: %v", c.wide, c.narrow, got)
		}
	}
}

func TestMissing(t *testing.T) {
	asked := []manifest.Capability{"env:A", "fs:ro:a/b", "net:a.dev:1"}
	granted := []manifest.Capability{"fs:rw:a", "net:a.dev:2", "run:x"}
	if got := manifest.Missing(asked, granted); !slices.Equal(got, []manifest.Capability{"env:A", "net:a.dev:1"}) {
		t.Errorf("missing %v", got)
	}
	if got := manifest.Granted(asked, granted); !slices.Equal(got, []manifest.Capability{"fs:ro:a/b"}) {
		t.Errorf("granted %v", got)
	}
}

// FuzzCovers tries that covering is what an order is, and never panics.
func FuzzCovers(f *testing.F) {
	for _, s := range []string{"net:a.dev:443", "net:*.a.dev:*", "fs:rw:a", "fs:ro:a/b", "env:A", "host:a.dev/x", "run:x", "net:[::1]:80", ":", "net::"} {
		f.Add(s, s)
		f.Add(s, "net:*.dev:*")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := manifest.Capability(a), manifest.Capability(b)
		_, err := manifest.ParseCapability(a)
		if x.Covers(x) != (err == nil) {
			t.Errorf("%q covers itself: %v", a, x.Covers(x))
		}
		if x.Covers(y) && y.Covers(x) && a != b {
			t.Errorf("%q and %q cover each other", a, b)
		}
		if s := x.Sentence(); strings.ContainsAny(s, "\x1b\n") {
			t.Errorf("%q", s)
		}
	})
}
