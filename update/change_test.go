package update

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

func wishes(t *testing.T, list ...string) (out []resolve.Wish) {
	t.Helper()
	for _, s := range list {
		w, err := resolve.ParseWish(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, w)
	}
	return out
}

func pin(id manifest.ID, v string) resolve.Pin {
	return resolve.Pin{ID: id, Version: version.MustParse(v)}
}

// TestChangeText is what the history shows of a change.
func TestChangeText(t *testing.T) {
	for want, c := range map[string]Change{
		"sync":                                  {},
		"install a/a@^1 b/b":                    {Install: wishes(t, "a/a@^1", "b/b")},
		"uninstall a/a b/b":                     {Uninstall: []manifest.ID{"a/a", "b/b"}},
		"update a/a":                            {Update: []manifest.ID{"a/a"}},
		"update":                                {UpdateAll: true},
		"pin a/a@1.0.0, pin b/b@2.0.0":          {Pin: []resolve.Pin{pin("a/a", "1.0.0"), pin("b/b", "2.0.0")}},
		"unpin a/a":                             {Unpin: []manifest.ID{"a/a"}},
		"for platform linux/arm64 darwin/amd64": {Platforms: []manifest.Platform{{OS: "linux", Arch: "arm64"}, {OS: "darwin", Arch: "amd64"}}},
		"install a/a, uninstall b/b, update":    {Install: wishes(t, "a/a"), Uninstall: []manifest.ID{"b/b"}, UpdateAll: true},
		"install a/a, sync":                     {Install: wishes(t, "a/a"), Frozen: true},
	} {
		if got := c.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestChangeOfLock works out requests, pins, moves and platforms; the lock stays as it is.
func TestChangeOfLock(t *testing.T) {
	l := &resolve.Lock{
		Requests: wishes(t, "a/a@^1", "b/b", "d/d"), Pins: []resolve.Pin{pin("a/a", "1.0.0"), pin("b/b", "1.0.0"), pin("d/d", "1.0.0")},
		Platforms: []manifest.Platform{{OS: "linux", Arch: "amd64"}},
	}
	before := fmt.Sprint(l)
	c := Change{
		Install: wishes(t, "c/c", "a/a@^2"), Uninstall: []manifest.ID{"b/b"}, Update: []manifest.ID{"e/e"},
		Pin: []resolve.Pin{pin("a/a", "2.0.0"), pin("A/first", "1.0.0")}, Unpin: []manifest.ID{"d/d"},
		Platforms: []manifest.Platform{{OS: "darwin", Arch: "arm64"}, {OS: "linux", Arch: "amd64"}},
	}
	here := manifest.Platform{OS: "windows", Arch: "amd64"}
	for name, x := range map[string][2]string{
		"requests":             {fmt.Sprint(c.requests(l)), "[a/a@^2 c/c d/d]"},
		"pins":                 {fmt.Sprint(c.pins(l)), "[{A/first 1.0.0} {a/a 2.0.0}]"},
		"moves":                {fmt.Sprint(c.moves()), "[e/e c/c a/a a/a A/first]"},
		"platforms":            {fmt.Sprint(c.platforms(l, here)), "[darwin/arm64 linux/amd64 windows/amd64]"},
		"platforms of no host": {fmt.Sprint(c.platforms(l, manifest.Platform{})), "[darwin/arm64 linux/amd64]"},
		"nothing":              {fmt.Sprint(Change{}.requests(l), Change{}.pins(l)), "[a/a@^1 b/b d/d] [{a/a 1.0.0} {b/b 1.0.0} {d/d 1.0.0}]"},
	} {
		if x[0] != x[1] {
			t.Errorf("%s: %s, want %s", name, x[0], x[1])
		}
	}
	if after := fmt.Sprint(l); after != before {
		t.Errorf("the lock changed from\n%s\nto\n%s", before, after)
	}
}

// TestChangeRefused are changes of what is not there, or is needed.
func TestChangeRefused(t *testing.T) {
	need := func(id manifest.ID, optional bool) []manifest.Need {
		return []manifest.Need{{ID: id, Optional: optional}}
	}
	l := &resolve.Lock{Plugins: []resolve.Locked{
		{ID: "a/a", Requires: need("b/b", false)}, {ID: "b/b"}, {ID: "c/c", Requires: need("b/b", false)}, {ID: "d/d", Requires: need("e/e", true)}, {ID: "e/e"},
	}}
	remove := func(ids ...manifest.ID) Change { return Change{Uninstall: ids} }
	for name, c := range map[string]struct {
		change Change
		want   string
		class  error
	}{
		"nothing":                   {Change{}, "", nil},
		"update":                    {Change{Update: []manifest.ID{"a/a"}}, "", nil},
		"update unknown":            {Change{Update: []manifest.ID{"x/x"}}, "update x/x", ErrNotInstalled},
		"unpin unknown":             {Change{Unpin: []manifest.ID{"x/x"}}, "x/x", ErrNotInstalled},
		"pin unknown":               {Change{Pin: []resolve.Pin{pin("x/x", "1.0.0")}}, "pin x/x", ErrNotInstalled},
		"remove unknown":            {remove("x/x"), "uninstall x/x", ErrNotInstalled},
		"remove needed":             {remove("b/b"), "uninstall b/b: needed by other plugins: a/a, c/c", ErrNeeded},
		"remove with one":           {remove("b/b", "a/a"), "needed by other plugins: c/c", ErrNeeded},
		"remove with all":           {remove("b/b", "a/a", "c/c"), "", nil},
		"remove what works without": {remove("e/e"), "", nil},
	} {
		err := check(l, c.change)
		if c.class == nil && err != nil || c.class != nil && (!errors.Is(err, c.class) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestBase starts from the file if there is one, and never writes it.
func TestBase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plugins.lock")
	g := &install.Generation{Lock: resolve.Lock{App: "installed"}}
	from := func(c Change) (string, error) {
		l, err := base(g, c)
		if err != nil {
			return "", err
		}
		return l.App, nil
	}
	if app, err := from(Change{}); app != "installed" || err != nil {
		t.Error(app, err)
	}
	if app, err := from(Change{LockFile: file}); app != "installed" || err != nil {
		t.Error(app, err)
	}
	if _, err := from(Change{LockFile: file, Frozen: true}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	text := (&resolve.Lock{App: "project"}).Text()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if app, err := from(Change{LockFile: file}); app != "project" || err != nil {
		t.Error(app, err)
	}
	for _, bad := range []string{"", "lock = 2\n", string(text) + "x", "<<<<<<< a\n"} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := from(Change{LockFile: file}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestMergeRefuses leaves a file that cannot be merged as it is.
func TestMergeRefuses(t *testing.T) {
	dir, err := install.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	u, file := &Updater{Dir: dir}, filepath.Join(t.TempDir(), "plugins.lock")
	if _, err := u.MergeLock(t.Context(), Change{LockFile: file}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for _, text := range []string{"", "<<<<<<< a\n", "<<<<<<< a\nlock = 1\n=======\nlock = 7\n>>>>>>> b\n", "=======\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := u.MergeLock(t.Context(), Change{LockFile: file}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", text, err)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != text {
			t.Errorf("%q became %q: %v", text, b, err)
		}
	}
	if err := WriteLock(file, &resolve.Lock{App: "no app"}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("wrote a lock that cannot be read back: %v", err)
	}
}
