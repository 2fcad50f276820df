package resolve_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

func TestMergeVectors(t *testing.T) {
	wantOurs, wantTheirs := lockFiles(t, "merge", ".ours"), lockFiles(t, "merge", ".theirs")
	for name, text := range lockFiles(t, "merge", ".lock") {
		if _, err := resolve.ParseLock(text); !errors.Is(err, resolve.ErrConflictMarkers) {
			t.Errorf("%s: read as one lock: %v", name, err)
		}
		for _, text := range [][]byte{text, bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))} {
			ours, theirs, err := resolve.MergeLocks(text)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got := ours.Text(); !bytes.Equal(got, wantOurs[name]) {
				t.Errorf("%s: ours:\n%s", name, got)
			}
			if got := theirs.Text(); !bytes.Equal(got, wantTheirs[name]) {
				t.Errorf("%s: theirs:\n%s", name, got)
			}
		}
	}
}

func TestMergeWithoutConflict(t *testing.T) {
	for name, b := range lockFiles(t, "valid", ".lock") {
		ours, theirs, err := resolve.MergeLocks(b)
		if err != nil || !bytes.Equal(ours.Text(), b) || !bytes.Equal(theirs.Text(), b) || ours == theirs {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMergeErrors names the line in the text with the markers.
func TestMergeErrors(t *testing.T) {
	const (
		open, base, middle, end = "<<<<<<< HEAD\n", "||||||| 1f2e3d4\n", "=======\n", ">>>>>>> theirs\n"
		a, b                    = "app = \"a\"\n", "app = \"b\"\n"
	)
	for text, want := range map[string]string{
		"lock = 1\n" + open + a:                                                  "line 2: conflict markers of a merge: a conflict without its end",
		"lock = 1\n" + open + a + middle + b:                                     "line 2: conflict markers of a merge: a conflict without its end",
		"lock = 1\n" + middle:                                                    "line 2: conflict markers of a merge: a line of ======= where it cannot be",
		"lock = 1\n" + end:                                                       "line 2: conflict markers of a merge: a line of >>>>>>> where it cannot be",
		"lock = 1\n" + open + open:                                               "line 3: conflict markers of a merge: a line of <<<<<<< where",
		"lock = 1\n" + open + middle + base:                                      "line 4: conflict markers of a merge: a line of ||||||| where",
		"lock = 1\n" + open + base + base:                                        "line 4: conflict markers of a merge: a line of ||||||| where",
		"lock = 1\n" + open + end:                                                "line 3: conflict markers of a merge: a line of >>>>>>> where",
		"lock = 1\n" + open + a + middle + middle + end:                          "line 5: conflict markers of a merge: a line of ======= where",
		"lock = 1\n" + open + "xxx\n" + middle + b + end:                         "line 3: ours: ",
		"lock = 1\n" + open + a + base + "xxx\n" + middle + "yyy\n" + end:        "line 7: theirs: ",
		"lock = 1\n" + open + a + middle + b + end + "zzz\n":                     "line 7: ours: ",
		open + "lock = 1\n" + middle + "lock = 9\n" + end:                        "line 4: theirs: unknown format",
		"lock = 1\n" + open + a + middle + b + end + strings.Repeat(a, 2) + "\n": "line 7: ours: key app twice",
		"lock = 1\n" + open + a + middle + b + end + "<<<<<<<< HEAD\n========\n": "line 7: ours: ",
		"": "ours: empty",
	} {
		_, _, err := resolve.MergeLocks([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
	if _, _, err := resolve.MergeLocks([]byte(open + "lock = 1\n" + middle + "lock = 9\n" + end)); !errors.Is(err, resolve.ErrLockFormat) {
		t.Error(err)
	}
	if _, _, err := resolve.MergeLocks(make([]byte, 3*resolve.MaxLock+1)); err == nil || !strings.Contains(err.Error(), "more than the limit") {
		t.Error(err)
	}
	ours, theirs, err := resolve.MergeLocks([]byte("lock = 1\n" + open + a + base + "xxx\n" + "<<<<<<<<< deeper\n" + middle + b + end))
	if err != nil || ours.App != "a" || theirs.App != "b" {
		t.Error(ours, theirs, err)
	}
}

// git runs git merge-file and returns the merged text and how many conflicts it has.
func git(t *testing.T, style, ours, base, theirs string) (string, int) {
	t.Helper()
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed, and this test is about what it does")
	}
	dir := t.TempDir()
	args := []string{"merge-file", "-p"}
	if style != "" {
		args = append(args, style)
	}
	for _, f := range []struct{ name, text string }{{"ours", ours}, {"base", base}, {"theirs", theirs}} {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	c := exec.Command(program, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+dir, "XDG_CONFIG_HOME="+dir)
	out, err := c.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() > 0 && e.ExitCode() < 128 {
		return string(out), e.ExitCode()
	}
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	return string(out), 0
}

// numbered is a random plugin with an id that sorts by i.
func (m lockMaker) numbered(i int) resolve.Locked {
	return m.locked(manifest.ID(fmt.Sprintf("acme/p%04d", i)), "main")
}

// spread is a lock of n plugins with the odd numbers.
func (m lockMaker) spread(n int) *resolve.Lock {
	l := &resolve.Lock{App: "acme"}
	for i := range n {
		l = withPlugin(l, m.numbered(2*i+1))
	}
	return l
}

// withPlugin returns a copy of l in which p is there, requested and pinned.
func withPlugin(l *resolve.Lock, p resolve.Locked) *resolve.Lock {
	c := withoutPlugin(l, p.ID)
	c.Requests = append(c.Requests, resolve.Wish{ID: p.ID})
	c.Pins = append(c.Pins, resolve.Pin{ID: p.ID, Version: p.Version})
	c.Plugins = append(c.Plugins, p)
	sortLock(c)
	return c
}

func withoutPlugin(l *resolve.Lock, id manifest.ID) *resolve.Lock {
	c := *l
	c.Requests = l.Without(id)
	c.Pins = slices.DeleteFunc(slices.Clone(l.Pins), func(p resolve.Pin) bool { return p.ID == id })
	c.Plugins = slices.DeleteFunc(slices.Clone(l.Plugins), func(p resolve.Locked) bool { return p.ID == id })
	return &c
}

// TestAdditionsMerge adds two plugins that do not follow each other, each on a
// branch of its own: git merges them, and the result is the lock of both.
func TestAdditionsMerge(t *testing.T) {
	m := lockMaker{rand.New(rand.NewPCG(4, 7))}
	const n = 7
	for a := 0; a <= 2*n; a += 2 {
		for b := 0; b <= 2*n; b += 2 {
			if a == b {
				continue
			}
			base, p, q := m.spread(n), m.numbered(a), m.numbered(b)
			ours, theirs := withPlugin(base, p), withPlugin(base, q)
			want := withPlugin(ours, q)
			got, conflicts := git(t, "", string(ours.Text()), string(base.Text()), string(theirs.Text()))
			if conflicts > 0 || got != string(want.Text()) {
				t.Fatalf("%d and %d: %d conflicts\n%s", a, b, conflicts, got)
			}
		}
	}
}

// TestChangesMerge makes a random change on each of two branches. If a plugin that
// none of them touches stands between, git merges them; otherwise the two sides of
// the conflict can be read.
func TestChangesMerge(t *testing.T) {
	m := lockMaker{rand.New(rand.NewPCG(5, 7))}
	const n = 6
	merged, conflicted := 0, 0
	for i := range 150 {
		base := m.spread(n)
		a, b := m.IntN(2*n+1), m.IntN(2*n+1)
		if i%3 == 0 {
			b = a // the common conflict: both update one plugin
		}
		changeA, changeB := m.change(a), m.change(b)
		ours, theirs := changeA(base), changeB(base)
		style := []string{"", "--diff3"}[i%2]
		got, conflicts := git(t, style, string(ours.Text()), string(base.Text()), string(theirs.Text()))
		apart := max(a, b) - min(a, b)
		if free := apart > 2 || apart == 2 && a%2 == 0; free {
			if want := string(changeB(ours).Text()); conflicts > 0 || got != want {
				t.Fatalf("%d and %d: %d conflicts\n%s\nwant\n%s", a, b, conflicts, got, want)
			}
			merged++
		}
		if conflicts == 0 {
			continue
		}
		conflicted++
		x, y, err := resolve.MergeLocks([]byte(got))
		if err != nil {
			t.Fatalf("%d and %d: %v\n%s", a, b, err, got)
		}
		for i := range 2*n + 1 { // what was touched is there as each side left it
			id := m.numbered(i).ID
			if i == a {
				sameIn(t, id, x, ours)
			}
			if i == b {
				sameIn(t, id, y, theirs)
			}
		}
	}
	if merged < 50 || conflicted < 20 {
		t.Errorf("%d merged, %d conflicts", merged, conflicted)
	}
}

// change adds the plugin of a number, or updates or removes it.
func (m lockMaker) change(i int) func(*resolve.Lock) *resolve.Lock {
	p := m.numbered(i)
	if i%2 == 1 && m.IntN(3) == 0 {
		return func(l *resolve.Lock) *resolve.Lock { return withoutPlugin(l, p.ID) }
	}
	return func(l *resolve.Lock) *resolve.Lock { return withPlugin(l, p) }
}

func sameIn(t *testing.T, id manifest.ID, got, want *resolve.Lock) {
	t.Helper()
	a, _ := got.Find(id)
	b, _ := want.Find(id)
	if a.Version != b.Version || a.Digest != b.Digest {
		t.Errorf("%s: %s %s, want %s %s", id, a.Version, a.Digest, b.Version, b.Digest)
	}
}

// TestMergeMixedUp reads what a merge left of plugins that both sides changed.
func TestMergeMixedUp(t *testing.T) {
	block := func(id, version, more string) string {
		return fmt.Sprintf("\n[[plugin]]\nid = %q\nversion = %q\ndigest = \"sha256:%s\"\nsize = 7\nsource = \"main\"\n%s", id, version, strings.Repeat("a", 64), more)
	}
	grants := "grants = [\n  \"env:A\",\n]\n"
	text := "lock = 1\n\n[[request]]\nplugin = \"a/a\"\nrange = \"*\"\n" +
		block("a/a", "1.0.0", grants) +
		block("a/b", "1.0.0", "<<<<<<< HEAD\nleaf = 1\n=======\n"+grants+">>>>>>> other\n"+grants+"leaf = 4\n") + // theirs has grants twice, ours keys in another order
		block("a/c", "1.0.0", "requires = [\n"+grants) + // a list without its end
		"\n[[plugin]]\nid = \"a/d\"\nversion = \"1.0.0\"\nversion = \"1.0.0\"\n" + // nothing to go by
		block("a/e", "1.0.0", "nonsense\n") + strings.TrimPrefix(block("a/f", "1.0.0", grants), "\n") + // no empty line between
		block("a/e", "2.0.0", grants) // out of order, and twice
	for range 2 {
		ours, theirs, err := resolve.MergeLocks([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []*resolve.Lock{ours, theirs} {
			var got []string
			for _, p := range l.Plugins {
				got = append(got, fmt.Sprint(p.ID, p.Version, p.Size, p.Source, len(p.Grants), len(p.Requires), p.Leaf))
			}
			if want := "a/a1.0.0 7main1 0 0 a/b1.0.0 7main0 0 0 a/c1.0.0 7main0 0 0 a/e1.0.0 7main0 0 0 a/f1.0.0 7main1 0 0"; strings.Join(got, " ") != want {
				t.Errorf(" got %s\nwant %s", strings.Join(got, " "), want)
			}
			if len(l.Requests) != 1 {
				t.Error(l.Requests)
			}
		}
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	for _, bad := range []string{
		"lock = 1\n\n[[request]]\nplugin = \"a/a\"\n", "lock = 1\n\n[[request]]\nplugin = \"a/a\"\nrange = \"*\"\nrange = \"*\"\n",
		"lock = 1\n" + block("a/b", "1.0.0", "") + "\nplugin = \"a/a\"\n", "lock = 1\n" + block("a/b", "1.0.0", "x\n\n[[request]]\n"),
		"lock = 1\napp = \"A\"\n", "lock = 1\n" + block("a/b", "1.0.0", "x\n") + "y",
	} {
		if ours, _, err := resolve.MergeLocks([]byte(bad)); err == nil {
			t.Errorf("%q: %v", bad, ours)
		}
	}
}

func FuzzMergeLocks(f *testing.F) {
	for _, dir := range []string{"valid", "invalid", "merge"} {
		for _, b := range lockFiles(f, dir, ".lock") {
			f.Add(b)
		}
	}
	f.Add([]byte("<<<<<<<\nlock = 1\n|||||||\n=======\nlock = 1\napp = \"a\"\n>>>>>>>\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, theirs, err := resolve.MergeLocks(b)
		if err != nil {
			e, ok := errors.AsType[*resolve.LockError](err)
			if !ok || ours != nil || theirs != nil || e.Line < 0 || e.Line > 1+bytes.Count(b, []byte("\n")) {
				t.Fatalf("%#v", err)
			}
			return
		}
		if one, err := resolve.ParseLock(b); err == nil {
			if !bytes.Equal(ours.Text(), one.Text()) || !bytes.Equal(theirs.Text(), one.Text()) {
				t.Fatal("two locks in a text without conflicts")
			}
		}
		for _, l := range []*resolve.Lock{ours, theirs} {
			if _, err := resolve.ParseLock(l.Text()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
