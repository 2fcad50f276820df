package update

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// side makes one side of a merge.
type side struct{ *rand.Rand }

func (s side) id() manifest.ID { return manifest.ID(fmt.Sprintf("acme/p%d", s.IntN(6))) }

func (s side) version() version.Version {
	list := []string{"1.0.0", "1.2.0", "1.2.0-rc.1", "2.0.0", "3.1.0"}
	return version.MustParse(list[s.IntN(len(list))])
}

func (s side) rng() version.Range {
	list := []string{"*", "^1", ">=1 <2", "^1.2", "<2", "^2", ">=1.1", "=1.0.0", "^3 || ^1", ">=2.0.0-rc.1", "=3.1.0", "<1.2.0", "^9"}
	return version.MustParseRange(list[s.IntN(len(list))])
}

func (s side) wishes() (out []resolve.Wish) {
	for range s.IntN(5) {
		out = append(out, resolve.Wish{ID: s.id(), Range: s.rng(), Pre: s.IntN(4) == 0})
	}
	return out
}

func (s side) lock() *resolve.Lock {
	l := &resolve.Lock{App: "acme", Pre: s.IntN(4) == 0, Requests: once(s.wishes(), wishID), Overrides: once(s.wishes(), wishID)}
	for range s.IntN(7) {
		p := resolve.Locked{ID: s.id(), Version: s.version(), Digest: artifact.DigestOf([]byte{byte(s.IntN(2))})}
		for _, c := range []manifest.Capability{"fs:ro:a", "net:b", "env:c"} {
			if s.IntN(2) == 0 {
				p.Grants = append(p.Grants, c)
			}
		}
		l.Plugins = append(l.Plugins, p)
	}
	l.Plugins = once(l.Plugins, pluginID)
	for range s.IntN(3) {
		l.Pins = append(l.Pins, resolve.Pin{ID: s.id(), Version: s.version()})
	}
	l.Pins = once(l.Pins, func(p resolve.Pin) manifest.ID { return p.ID })
	for _, on := range []manifest.Platform{{OS: "linux", Arch: "amd64"}, {OS: "darwin", Arch: "arm64"}, {OS: "windows", Arch: "amd64"}} {
		if s.IntN(2) == 0 {
			l.Platforms = append(l.Platforms, on)
		}
	}
	return l
}

func wishID(w resolve.Wish) manifest.ID { return w.ID }

// once keeps the first entry of each id, sorted.
func once[T any](list []T, id func(T) manifest.ID) []T {
	return unite(nil, list, id, func(a, _ T) T { return a })
}

// TestJoin unites random sides in both orders: nothing may depend on which is ours,
// nothing may get lost, and a side united with itself is itself.
func TestJoin(t *testing.T) {
	for seed := range uint64(4000) {
		s := side{rand.New(rand.NewPCG(seed, 5))}
		a, b := s.lock(), s.lock()
		got, other := join(a, b), join(b, a)
		if !sameLock(got, other) {
			t.Fatalf("seed %d:\n%+v\n%+v", seed, got, other)
		}
		if again := join(a, a); !sameLock(again, join(again, a)) || len(again.Plugins) != len(a.Plugins) || !slices.EqualFunc(again.Requests, a.Requests, equal) {
			t.Fatalf("seed %d: with itself\n%+v\n%+v", seed, again, a)
		}
		for _, l := range []*resolve.Lock{a, b} {
			for _, p := range l.Plugins {
				if x, ok := got.Find(p.ID); !ok || x.Version.Compare(p.Version) < 0 {
					t.Fatalf("seed %d: %s %s became %s", seed, p.ID, p.Version, x.Version)
				}
			}
			for _, w := range l.Requests {
				if !slices.ContainsFunc(got.Requests, func(x resolve.Wish) bool { return x.ID == w.ID && (x.Pre || !w.Pre) }) {
					t.Fatalf("seed %d: %s got lost", seed, w)
				}
			}
			for _, p := range l.Pins {
				if !slices.ContainsFunc(got.Pins, func(x resolve.Pin) bool { return x.ID == p.ID && x.Version.Compare(p.Version) >= 0 }) {
					t.Fatalf("seed %d: the pin of %s got lost", seed, p.ID)
				}
			}
		}
	}
}

func equal(a, b resolve.Wish) bool { return a.ID == b.ID && a.Pre == b.Pre && a.Range.Equal(b.Range) }

// sameLock compares all but the order of grants.
func sameLock(a, b *resolve.Lock) bool {
	text := func(w resolve.Wish) string { return fmt.Sprint(w.String(), w.Pre) }
	same := func(x, y resolve.Wish) bool { return text(x) == text(y) }
	return a.App == b.App && a.Pre == b.Pre && slices.Equal(a.Platforms, b.Platforms) && slices.Equal(a.Pins, b.Pins) &&
		slices.EqualFunc(a.Requests, b.Requests, same) && slices.EqualFunc(a.Overrides, b.Overrides, same) &&
		slices.EqualFunc(a.Plugins, b.Plugins, func(p, q resolve.Locked) bool {
			slices.Sort(p.Grants)
			slices.Sort(q.Grants)
			return p.ID == q.ID && p.Version == q.Version && p.Digest == q.Digest && (len(p.Grants)+len(q.Grants) == 0 || reflect.DeepEqual(p.Grants, q.Grants))
		})
}

func TestCommonRange(t *testing.T) {
	for _, c := range []struct{ a, b, newer, want string }{
		{"^1", "^1", "1.0.0", "^1"},
		{"^1", ">=1.0.0 <2.0.0", "1.0.0", "^1"},
		{"*", "^2", "2.0.0", "^2"},
		{"^1", "^1.2", "1.4.0", "^1.2"},
		{">=1.2", "<2", "1.4.0", ">=1.2.0 <2.0.0"},
		{"^1", "^2", "2.1.0", "^2"},
		{"^1", "^2", "1.9.0", "^1"},
		{"^10", "^2", "9.0.0", "^2"},
		{"^3", "^2", "9.0.0", "^2"},
		{"^1 || ^3", "^3 || ^4", "3.0.0", ">=3.0.0 <4.0.0"},
	} {
		a, b, v := version.MustParseRange(c.a), version.MustParseRange(c.b), version.MustParse(c.newer)
		if got := common(a, b, v); got.String() != c.want {
			t.Errorf("%s and %s: %s, want %s", c.a, c.b, got, c.want)
		}
		if got := common(b, a, v); got.String() != c.want {
			t.Errorf("%s and %s: %s, want %s", c.b, c.a, got, c.want)
		}
	}
}

// TestJoinGrants takes nothing for granted that one side did not grant.
func TestJoinGrants(t *testing.T) {
	at := func(v, digest string, grants ...manifest.Capability) *resolve.Lock {
		return &resolve.Lock{Plugins: []resolve.Locked{{ID: "acme/a", Version: version.MustParse(v), Digest: artifact.DigestOf([]byte(digest)), Grants: grants}}}
	}
	for name, c := range map[string]struct {
		a, b *resolve.Lock
		want []manifest.Capability
	}{
		"alike":         {at("1.0.0", "x", "net:a"), at("1.0.0", "x", "net:a"), []manifest.Capability{"net:a"}},
		"one more":      {at("1.0.0", "x", "net:a", "net:b"), at("1.0.0", "x", "net:a"), []manifest.Capability{"net:a"}},
		"nothing alike": {at("1.0.0", "x", "net:a"), at("1.0.0", "x", "net:b"), nil},
		"newer counts":  {at("1.0.0", "x", "net:a"), at("1.1.0", "y", "net:b"), []manifest.Capability{"net:b"}},
	} {
		for _, l := range []*resolve.Lock{join(c.a, c.b), join(c.b, c.a)} {
			if got := l.Plugins[0].Grants; !slices.Equal(got, c.want) {
				t.Errorf("%s: %v", name, got)
			}
		}
		if len(c.a.Plugins[0].Grants) == 0 {
			t.Errorf("%s: a side was changed", name)
		}
	}
}
