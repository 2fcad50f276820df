package resolve_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

func TestValidLocks(t *testing.T) {
	meanings := lockFiles(t, "valid", ".json")
	for name, text := range lockFiles(t, "valid", ".lock") {
		l, err := resolve.ParseLock(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := l.Text(); !bytes.Equal(got, text) {
			t.Errorf("%s: written again:\n%s", name, got)
		}
		want := new(resolve.Lock)
		if err := json.Unmarshal(meanings[name], want); err != nil {
			t.Fatal(err)
		}
		if got := want.Text(); !bytes.Equal(got, text) {
			t.Errorf("%s: text of the JSON form:\n%s", name, got)
		}
		if got, want := asJSON(t, l), asJSON(t, want); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

// TestLockDocument compares the example of the specification with its vector, and
// looks for every key and every error in it.
func TestLockDocument(t *testing.T) {
	b, err := os.ReadFile("../docs/spec/lock.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	_, example, _ := strings.Cut(doc, "```toml\n")
	example, rest, _ := strings.Cut(example, "```")
	if want := string(lockFiles(t, "valid", ".lock")["example"]); example != want {
		t.Errorf("example:\n%s\nwant:\n%s", example, want)
	}
	for line := range strings.Lines(string(lockFiles(t, "valid", ".lock")["full"])) {
		if key, _, ok := strings.Cut(line, " = "); ok && !strings.HasPrefix(line, " ") && !strings.Contains(rest, "`"+key+"`") {
			t.Errorf("key %s is not described", key)
		}
	}
	for _, e := range []error{
		&resolve.AppError{}, &resolve.DriftError{}, &resolve.PlatformError{}, &resolve.HostRangeError{},
		&resolve.PointError{}, &resolve.NeedError{}, &resolve.ClashError{}, &resolve.OrphanError{},
	} {
		if name := strings.TrimPrefix(fmt.Sprintf("%T", e), "*resolve."); !strings.Contains(rest, "| `"+name+"` |") {
			t.Errorf("error %s has no line", name)
		}
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// lockMaker makes random locks with sorted lists, as [resolve.ParseLock] returns them.
type lockMaker struct{ *rand.Rand }

func (m lockMaker) digest() artifact.Digest { return artifact.DigestOf(fmt.Append(nil, m.Uint64())) }

func (m lockMaker) ref() index.Ref { return index.Ref{Digest: m.digest(), Size: m.Int64N(1 << 40)} }

func (m lockMaker) id(i int) manifest.ID {
	return manifest.ID(fmt.Sprintf("ns%d/p%04d", i%3, i))
}

func (m lockMaker) rng() version.Range {
	texts := []string{"*", "^1", ">=1.2 <3", "~0.3.1 || ^2", "1.x", ">=1.0.0-rc.1", "=1.2.3+b"}
	return version.MustParseRange(texts[m.IntN(len(texts))])
}

func (m lockMaker) version() version.Version {
	v := version.Version{Major: 1 + m.Uint64N(3), Minor: m.Uint64N(20), Patch: m.Uint64()>>1 | 1}
	if m.IntN(4) == 0 {
		v.Pre = "rc.1"
	}
	if m.IntN(8) == 0 {
		v.Build = "b-7"
	}
	return v
}

// text is hard to quote.
func (m lockMaker) text() string {
	alphabet := []rune("abz09 \"\\'#=[]{},/:éß☺😀\ufffd\u00a0\ufeff\U0010ffff")
	s := make([]rune, 1+m.IntN(30))
	for i := range s {
		s[i] = alphabet[m.IntN(len(alphabet))]
	}
	return string(s)
}

func (m lockMaker) needs(n int) []manifest.Need {
	var out []manifest.Need
	for i := range n {
		if m.IntN(n) == 0 {
			out = append(out, manifest.Need{ID: m.id(3 * i), Range: m.rng(), Optional: m.IntN(3) == 0, Init: m.IntN(3) == 0})
		}
	}
	return out
}

func (m lockMaker) locked(id manifest.ID, source string) resolve.Locked {
	p := resolve.Locked{
		ID: id, Version: m.version(), Digest: m.digest(), Size: m.Int64N(5000), Source: source,
		Packages: []index.Package{}, Requires: m.needs(m.IntN(6)), Conflicts: m.needs(m.IntN(4)),
	}
	for i := range m.IntN(3) {
		p.AnyOf = append(p.AnyOf, []manifest.Need{{ID: m.id(7 + i), Range: m.rng()}, {ID: m.id(3), Range: m.rng()}}[:1+m.IntN(2)])
		p.Offers = append(p.Offers, manifest.Offer{ID: m.id(20 + 3*i), Version: m.version()})
		p.Provides = append(p.Provides, manifest.PointRef{ID: fmt.Sprintf("acme.dev/p%d", i), Major: m.IntN(9999), Minor: m.IntN(100)})
		p.Grants = append(p.Grants, manifest.Capability(fmt.Sprintf("env:V%d", i)))
	}
	for i := range m.IntN(3) {
		if p.Host == nil {
			p.Host = map[string]version.Range{}
		}
		p.Host[fmt.Sprintf("app-%d", i)] = m.rng()
	}
	for _, os := range []string{"darwin", "linux", "windows"}[m.IntN(4):] {
		p.Packages = append(p.Packages, index.Package{Runtime: "process", Platform: manifest.Platform{OS: os, Arch: "amd64"}, Manifest: m.ref(), Payload: m.ref()})
	}
	if m.IntN(2) == 0 {
		p.Packages = append(p.Packages, index.Package{Runtime: "wasm", Platform: manifest.WasmPlatform, Manifest: m.ref(), Payload: m.ref()})
		p.Leaf = m.Int64N(3)
	}
	return p
}

func (m lockMaker) lock() *resolve.Lock {
	l := &resolve.Lock{Requests: []resolve.Wish{}, Plugins: []resolve.Locked{}}
	if m.IntN(4) > 0 {
		l.App, l.Platforms = "acme", []manifest.Platform{{OS: "linux", Arch: "amd64"}, {OS: "linux", Arch: "arm64"}}[m.IntN(2):]
	}
	l.Pre = m.IntN(5) == 0
	for i := range m.IntN(4) {
		l.Sources = append(l.Sources, resolve.LockedSource{Name: fmt.Sprint(i, m.text()), Root: fmt.Sprint(m.text(), i)})
		if m.IntN(2) == 0 {
			l.Sources[i].URL = m.text()
		}
	}
	for i := range m.IntN(12) {
		l.Plugins = append(l.Plugins, m.locked(m.id(i), m.text()))
		if m.IntN(3) == 0 {
			l.Requests = append(l.Requests, resolve.Wish{ID: m.id(i), Range: m.rng(), Pre: m.IntN(4) == 0})
		}
		if m.IntN(4) == 0 {
			l.Pins = append(l.Pins, resolve.Pin{ID: m.id(i), Version: m.version()})
			l.Overrides = append(l.Overrides, resolve.Wish{ID: m.id(i), Range: m.rng()})
		}
	}
	sortLock(l)
	return l
}

func sortLock(l *resolve.Lock) {
	slices.SortFunc(l.Requests, func(a, b resolve.Wish) int { return strings.Compare(string(a.ID), string(b.ID)) })
	slices.SortFunc(l.Pins, func(a, b resolve.Pin) int { return strings.Compare(string(a.ID), string(b.ID)) })
	slices.SortFunc(l.Overrides, func(a, b resolve.Wish) int { return strings.Compare(string(a.ID), string(b.ID)) })
	slices.SortFunc(l.Plugins, func(a, b resolve.Locked) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for i := range l.Plugins {
		slices.SortFunc(l.Plugins[i].AnyOf, func(a, b []manifest.Need) int {
			return cmp.Or(strings.Compare(string(a[0].ID), string(b[0].ID)), strings.Compare(a[0].Range.String(), b[0].Range.String()))
		})
		for _, list := range [][]manifest.Need{l.Plugins[i].Requires, l.Plugins[i].Conflicts} {
			slices.SortFunc(list, func(a, b manifest.Need) int { return strings.Compare(string(a.ID), string(b.ID)) })
		}
	}
}

// TestLockRoundTrip writes and reads random locks.
func TestLockRoundTrip(t *testing.T) {
	m := lockMaker{rand.New(rand.NewPCG(1, 7))}
	for range 500 {
		want := m.lock()
		text := want.Text()
		got, err := resolve.ParseLock(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if a, b := asJSON(t, got), asJSON(t, want); a != b {
			t.Fatalf(" got %s\nwant %s\n%s", a, b, text)
		}
		if again := got.Text(); !bytes.Equal(again, text) {
			t.Fatalf("%s\nwritten again:\n%s", text, again)
		}
		if !isPlain(text) {
			t.Fatalf("%q", text)
		}
	}
}

// isPlain reports whether b is lines of visible ASCII.
func isPlain(b []byte) bool {
	return bytes.HasSuffix(b, []byte("\n")) && !bytes.ContainsFunc(b, func(c rune) bool { return c != '\n' && (c < ' ' || c > '~') })
}

// TestTextIgnoresOrder shuffles what has no order, and sets what is not written.
func TestTextIgnoresOrder(t *testing.T) {
	m := lockMaker{rand.New(rand.NewPCG(2, 7))}
	for range 200 {
		l := m.lock()
		want := l.Text()
		before := asJSON(t, l)
		if l.Text(); asJSON(t, l) != before {
			t.Fatal("changed by writing")
		}
		shuffle(m, l.Platforms)
		shuffle(m, l.Requests)
		shuffle(m, l.Pins)
		shuffle(m, l.Overrides)
		shuffle(m, l.Sources)
		shuffle(m, l.Plugins)
		for i := range l.Plugins {
			p := &l.Plugins[i]
			shuffle(m, p.Packages)
			shuffle(m, p.Requires)
			shuffle(m, p.Conflicts)
			shuffle(m, p.AnyOf)
			shuffle(m, p.Offers)
			shuffle(m, p.Provides)
			shuffle(m, p.Grants)
			p.Grants = append(p.Grants, p.Grants...)
		}
		before = asJSON(t, l)
		if got := l.Text(); !bytes.Equal(got, want) {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		if asJSON(t, l) != before {
			t.Fatal("changed by writing")
		}
	}
}

func shuffle[T any](m lockMaker, s []T) {
	m.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func TestTextOfLittle(t *testing.T) {
	for _, l := range []*resolve.Lock{nil, {}, {Requests: []resolve.Wish{}}} {
		if got := string(l.Text()); got != "lock = 1\n" {
			t.Errorf("%q", got)
		}
	}
	for text, want := range map[string]string{
		"": `""`, "plain ~!": `"plain ~!"`, `a"b\c`: `"a\"b\\c"`, "\x00\t\x7f": `"\u0000\u0009\u007F"`,
		"\u00a0ÿ\uffff": `"\u00A0\u00FF\uFFFF"`, "\U00010000\U0010ffff": `"\U00010000\U0010FFFF"`, "a\xffb": `"a\uFFFDb"`,
	} {
		l := &resolve.Lock{Sources: []resolve.LockedSource{{Name: text}}}
		if got := string(l.Text()); got != "lock = 1\n\n[[source]]\nname = "+want+"\nroot = \"\"\n" {
			t.Errorf("%q: %s", text, got)
		}
	}
	l := &resolve.Lock{Plugins: []resolve.Locked{{ID: "a/b"}}}
	want := "lock = 1\n\n[[plugin]]\nid = \"a/b\"\nversion = \"0.0.0\"\ndigest = \"\"\nsize = 0\nsource = \"\"\n"
	if got := string(l.Text()); got != want {
		t.Errorf("%s", got)
	}
}

// TestWhatNoLockMayHave writes locks that nobody should make. They are refused by
// the reader, not turned into others.
func TestWhatNoLockMayHave(t *testing.T) {
	good := func() *resolve.Lock {
		l, err := resolve.ParseLock(lockFiles(t, "valid", ".lock")["full"])
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for name, change := range map[string]func(l *resolve.Lock){
		"plugin twice":       func(l *resolve.Lock) { l.Plugins = append(l.Plugins, l.Plugins[0]) },
		"request twice":      func(l *resolve.Lock) { l.Requests = append(l.Requests, l.Requests[0]) },
		"one root":           func(l *resolve.Lock) { l.Sources[0].Root = l.Sources[1].Root },
		"no id":              func(l *resolve.Lock) { l.Plugins[0].ID = "" },
		"bad id":             func(l *resolve.Lock) { l.Plugins[0].Requires[0].ID = "a/b\"\n" },
		"no digest":          func(l *resolve.Lock) { l.Plugins[0].Digest = "" },
		"negative size":      func(l *resolve.Lock) { l.Plugins[0].Size = -1 },
		"negative leaf":      func(l *resolve.Lock) { l.Plugins[0].Leaf = -1 },
		"bad offer":          func(l *resolve.Lock) { l.Plugins[0].Offers[0].ID = "a" },
		"bad alternative":    func(l *resolve.Lock) { l.Plugins[0].AnyOf[0][0].ID = "" },
		"no alternative":     func(l *resolve.Lock) { l.Plugins[0].AnyOf[0] = nil },
		"no source":          func(l *resolve.Lock) { l.Plugins[0].Source = "" },
		"escape sequence":    func(l *resolve.Lock) { l.Plugins[0].Source = "\x1b[2J" },
		"turned around":      func(l *resolve.Lock) { l.Plugins[0].Grants[0] = "env:\u202eA" },
		"long text":          func(l *resolve.Lock) { l.Sources[0].URL = strings.Repeat("x", 2049) },
		"negative major":     func(l *resolve.Lock) { l.Plugins[0].Provides[0].Major = -1 },
		"platform":           func(l *resolve.Lock) { l.Plugins[0].Packages[0].Platform.OS = "a/b" },
		"platforms":          func(l *resolve.Lock) { l.Platforms[0].Arch = "" },
		"two for a platform": func(l *resolve.Lock) { l.Plugins[0].Packages[0].Platform = l.Plugins[0].Packages[1].Platform },
		"application":        func(l *resolve.Lock) { l.Plugins[0].Host["a b"] = version.Any },
		"name of app":        func(l *resolve.Lock) { l.App = "a/b" },
	} {
		l := good()
		change(l)
		if _, err := resolve.ParseLock(l.Text()); err == nil {
			t.Errorf("%s: accepted", name)
		} else if !utf8.ValidString(err.Error()) || len(err.Error()) > 800 || strings.ContainsAny(err.Error(), "\x1b\u202e\n") {
			t.Errorf("%s: %q", name, err)
		}
	}
}

// benchLock is a lock of n plugins as a project may have it: six packages each.
func benchLock(n int) *resolve.Lock {
	m := lockMaker{rand.New(rand.NewPCG(3, 7))}
	l := &resolve.Lock{App: "acme", Platforms: []manifest.Platform{{OS: "linux", Arch: "amd64"}}}
	l.Sources = []resolve.LockedSource{{Name: "main", URL: "https://plugins.example.org", Root: string(m.digest())}}
	for i := range n {
		p := resolve.Locked{
			ID: m.id(i), Version: version.Version{Major: 1, Minor: uint64(i)}, Digest: m.digest(), Size: 1234, Source: l.Sources[0].Root,
			Provides: []manifest.PointRef{{ID: "acme.dev/greeter", Major: 1}}, Leaf: int64(i),
			Host: map[string]version.Range{"acme": version.MustParseRange(">=2 <3")}, Grants: []manifest.Capability{"env:HOME"},
		}
		for j := i + 1; j < n && j < i+4; j++ {
			p.Requires = append(p.Requires, manifest.Need{ID: m.id(j), Range: version.MustParseRange("^1"), Optional: j == i+3})
		}
		p.Conflicts = []manifest.Need{{ID: m.id(i / 2), Range: version.MustParseRange("<1")}}
		for _, os := range []string{"darwin", "linux", "windows"} {
			for _, arch := range []string{"amd64", "arm64"} {
				p.Packages = append(p.Packages, index.Package{Runtime: "process", Platform: manifest.Platform{OS: os, Arch: arch}, Manifest: m.ref(), Payload: m.ref()})
			}
		}
		l.Plugins = append(l.Plugins, p)
	}
	l.Requests = []resolve.Wish{{ID: m.id(0), Range: version.MustParseRange("^1")}}
	return l
}

func BenchmarkLockText(b *testing.B) {
	l := benchLock(150)
	b.SetBytes(int64(len(l.Text())))
	for b.Loop() {
		l.Text()
	}
}

func BenchmarkParseLock(b *testing.B) {
	text := benchLock(150).Text()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := resolve.ParseLock(text); err != nil {
			b.Fatal(err)
		}
	}
}
