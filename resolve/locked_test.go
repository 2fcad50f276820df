package resolve_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/resolve/resolvetest"
	"github.com/plugstead/plugstead/version"
)

func benchHost() resolve.Host {
	return resolve.Host{
		App: "acme", Version: version.MustParse("2.4.0"), Points: []manifest.PointRef{{ID: "acme.dev/greeter", Major: 1, Minor: 2}},
		Platform: manifest.Platform{OS: "linux", Arch: "amd64"}, Runtimes: []string{"wasm", "process"},
	}
}

// TestCheck changes a lock that fits, or what it is compared with, and looks for all
// reasons it is refused for then.
func TestCheck(t *testing.T) {
	type in struct {
		l *resolve.Lock
		h *resolve.Host
		r *[]resolve.Wish
	}
	for name, c := range map[string]struct {
		change func(in)
		want   []string // texts of errors
	}{
		"fits":                {func(in) {}, nil},
		"another application": {func(x in) { x.l.App = "other" }, []string{"the lock is for other, not for acme"}},
		"no application":      {func(x in) { x.l.App, x.l.Platforms = "", nil }, nil},
		"requests": {
			func(x in) {
				x.l.Requests = append(x.l.Requests, resolve.Wish{ID: "ns1/p0001", Range: version.MustParseRange("^1")})
				*x.r = []resolve.Wish{{ID: "ns1/p0007"}, {ID: "ns1/p0004", Range: version.MustParseRange("^1"), Pre: true}, {ID: "ns0/p0000", Range: version.MustParseRange("^1.0")}}
			},
			[]string{"the requests are not those of the lock\n  added ns1/p0004 ^1 with pre-releases\n  added ns1/p0007 *\n  removed ns1/p0001 ^1"},
		},
		"request changed":         {func(x in) { (*x.r)[0].Range = version.MustParseRange("^1.1") }, []string{"the requests are not those of the lock\n  changed ns0/p0000 ^1.1"}},
		"request with pre":        {func(x in) { (*x.r)[0].Pre = true }, []string{"the requests are not those of the lock\n  changed ns0/p0000 ^1 with pre-releases"}},
		"request written anew":    {func(x in) { (*x.r)[0].Range = version.MustParseRange(">=1.0.0 <2.0.0") }, nil},
		"no request any more":     {func(x in) { *x.r = []resolve.Wish{} }, []string{"the requests are not those of the lock\n  removed ns0/p0000 ^1"}},
		"requests not compared":   {func(x in) { *x.r = nil }, nil},
		"platform of the lock":    {func(x in) { x.h.Platform.Arch = "arm64" }, []string{"the lock is for linux/amd64, not for linux/arm64"}},
		"platform of the plugins": {func(x in) { x.l.Platforms = nil; x.h.Platform.Arch = "arm64" }, nil},
		"no package": {
			func(x in) { x.l.Plugins[1].Packages = x.l.Plugins[1].Packages[:2] },
			[]string{"ns1/p0001 1.1.0 has no package for linux/amd64; it has process on darwin/amd64, process on darwin/arm64"},
		},
		"no package at all": {func(x in) { x.l.Plugins[1].Packages = nil }, []string{"ns1/p0001 1.1.0 has no package for linux/amd64; it has no platform"}},
		"no runtime": {
			func(x in) {
				x.h.Runtimes = []string{"wasm"}
				x.l.Plugins = x.l.Plugins[:1]
				x.l.Plugins[0].Requires = nil
				x.l.Plugins[0].Packages = x.l.Plugins[0].Packages[2:3]
			},
			[]string{"ns0/p0000 1.0.0 has no package for linux/amd64; it has process on linux/amd64"},
		},
		"any runtime":  {func(x in) { x.h.Runtimes = nil }, nil},
		"any platform": {func(x in) { x.h.Platform = manifest.Platform{}; x.l.Plugins[0].Packages = nil }, nil},
		"runs everywhere": {func(x in) {
			x.l.Plugins[0].Packages[0].Platform, x.l.Plugins[0].Packages = manifest.WasmPlatform, x.l.Plugins[0].Packages[:1]
		}, nil},
		"host too new":       {func(x in) { x.h.Version = version.MustParse("3.0.0"); x.l.Plugins = oneOf(x.l) }, []string{"ns0/p0000 1.0.0 needs acme >=2 <3, this is 3.0.0"}},
		"host a pre-release": {func(x in) { x.h.Version = version.MustParse("2.9.0-rc.1") }, nil},
		"for others": {
			func(x in) { x.l.Plugins[2].Host = map[string]version.Range{"x": version.Any, "b": version.Any} },
			[]string{"ns2/p0002 1.2.0 is for b, x, not for acme"},
		},
		"for any":        {func(x in) { x.l.Plugins[2].Host = nil }, nil},
		"nameless host":  {func(x in) { x.h.App = "" }, nil},
		"point too old":  {func(x in) { x.l.Plugins[2].Provides[0].Minor = 3 }, []string{"ns2/p0002 1.2.0 provides acme.dev/greeter@1.3, the application offers 1.2"}},
		"point as it is": {func(x in) { x.l.Plugins[2].Provides[0].Minor = 2 }, nil},
		"point of a major": {
			func(x in) {
				x.l.Plugins[2].Provides[0].Major = 3
				x.h.Points = append(x.h.Points, manifest.PointRef{ID: "acme.dev/greeter", Major: 2})
			},
			[]string{"ns2/p0002 1.2.0 provides acme.dev/greeter@3.0, the application offers 1.2 and 2.0"},
		},
		"point not offered":     {func(x in) { x.l.Plugins[2].Provides[0].ID = "acme.dev/other" }, nil},
		"point nobody asked of": {func(x in) { x.l.Plugins[0].Provides = nil }, []string{"ns0/p0000 1.0.0 provides no extension point of the application"}},
		"no points":             {func(x in) { x.h.Points = nil }, nil},
		"need missing": {
			func(x in) { x.l.Plugins[1].Requires = needs("acme/gone@^1") },
			[]string{"ns1/p0001 1.1.0 requires acme/gone ^1; the lock does not have it"},
		},
		"need linked": {func(x in) { x.l.Plugins[1].Requires = needs("acme/gone@^1"); x.h.Linked = []manifest.ID{"acme/gone"} }, nil},
		"need out of range": {
			func(x in) { x.l.Plugins[2].Version = version.MustParse("2.0.0") },
			[]string{
				"ns0/p0000 1.0.0 requires ns2/p0002 ^1; the lock has 2.0.0", "ns1/p0001 1.1.0 requires ns2/p0002 ^1; the lock has 2.0.0",
			},
		},
		"override": {
			func(x in) {
				x.l.Plugins[2].Version = version.MustParse("2.0.0")
				x.l.Overrides = []resolve.Wish{{ID: "ns2/p0002", Range: version.MustParseRange("^2")}}
			},
			nil,
		},
		"override not met": {
			func(x in) { x.l.Overrides = []resolve.Wish{{ID: "ns2/p0007", Range: version.MustParseRange("^2")}} },
			nil,
		},
		"offered": {
			func(x in) {
				x.l.Plugins[1].Requires = append(x.l.Plugins[1].Requires, needs("acme/store@^2")...)
				x.l.Plugins[5].Offers = []manifest.Offer{{ID: "acme/store", Version: version.MustParse("2.3.0")}}
			},
			nil,
		},
		"offered in another version": {
			func(x in) {
				x.l.Plugins[1].Requires = append(x.l.Plugins[1].Requires, needs("acme/store@^2")...)
				x.l.Plugins[5].Offers = []manifest.Offer{{ID: "acme/store", Version: version.MustParse("1.0.0")}}
			},
			[]string{"ns1/p0001 1.1.0 requires acme/store ^2; the lock does not have it"},
		},
		"one of several": {func(x in) { x.l.Plugins[1].AnyOf = [][]manifest.Need{needs("acme/gone", "ns2/p0002@^1")} }, nil},
		"none of several": {
			func(x in) { x.l.Plugins[1].AnyOf = [][]manifest.Need{needs("acme/gone", "ns2/p0002@^2")} },
			[]string{"ns1/p0001 1.1.0 requires acme/gone or ns2/p0002@^2; the lock has none of them"},
		},
		"itself": {func(x in) { x.l.Plugins[1].Requires = append(x.l.Plugins[1].Requires, needs("ns1/p0001@^1")...) }, nil},
		"another version of itself": {
			func(x in) { x.l.Plugins[1].Requires = append(x.l.Plugins[1].Requires, needs("ns1/p0001@^2")...) },
			[]string{"ns1/p0001 1.1.0 requires ns1/p0001 ^2; the lock has 1.1.0"},
		},
		"clash with an offer": {
			func(x in) {
				x.l.Plugins[4].Conflicts = needs("acme/store")
				x.l.Plugins[4].Offers = []manifest.Offer{{ID: "acme/store", Version: version.MustParse("2.3.0")}}
				x.l.Plugins[5].Offers = x.l.Plugins[4].Offers
			},
			[]string{"ns1/p0004 1.4.0 conflicts with acme/store *; the lock has ns2/p0005 1.5.0"},
		},
		"linked and asked for": {
			func(x in) {
				*x.r = []resolve.Wish{{ID: "acme/in"}}
				x.h.Linked = []manifest.ID{"acme/in"}
				x.l.Requests, x.l.Plugins = *x.r, nil
			},
			[]string{"acme/in: linked into this program"},
		},
		"optional need out of range": {
			func(x in) { x.l.Plugins[3].Version = version.MustParse("2.0.0") },
			[]string{
				"ns0/p0000 1.0.0 requires ns0/p0003 ^1; the lock has 2.0.0", "ns1/p0001 1.1.0 requires ns0/p0003 ^1; the lock has 2.0.0",
				"ns2/p0002 1.2.0 requires ns0/p0003 ^1; the lock has 2.0.0",
			},
		},
		"request out of range": {
			func(x in) { x.l.Plugins[0].Version = version.MustParse("2.0.0") },
			[]string{"you asked for ns0/p0000 ^1; the lock has 2.0.0"},
		},
		"request not there": {
			func(x in) { x.l.Plugins = nil }, []string{"you asked for ns0/p0000 ^1; the lock does not have it"},
		},
		"pre-release": {func(x in) { x.l.Plugins[0].Version = version.MustParse("1.1.0-rc.1") }, []string{"you asked for ns0/p0000 ^1; the lock has 1.1.0-rc.1"}},
		"pre-release asked": {func(x in) {
			x.l.Plugins[0].Version = version.MustParse("1.1.0-rc.1")
			x.l.Requests[0].Pre, (*x.r)[0].Pre = true, true
		}, nil},
		"pre-release of all": {func(x in) { x.l.Plugins[2].Version = version.MustParse("1.3.0-rc.1"); x.l.Pre = true }, nil},
		"pre-release of another": {
			func(x in) {
				x.l.Plugins[2].Version = version.MustParse("1.3.0-rc.1")
				x.l.Requests[0].Pre, (*x.r)[0].Pre = true, true
			},
			[]string{
				"ns0/p0000 1.0.0 requires ns2/p0002 ^1; the lock has 1.3.0-rc.1", "ns1/p0001 1.1.0 requires ns2/p0002 ^1; the lock has 1.3.0-rc.1",
			},
		},
		"pre-release too high": {func(x in) {
			x.l.Plugins[0].Version = version.MustParse("2.0.0-rc.1")
			x.l.Requests[0].Pre, (*x.r)[0].Pre = true, true
		}, []string{"you asked for ns0/p0000 ^1; the lock has 2.0.0-rc.1"}},
		"pin": {func(x in) {
			x.l.Pins = []resolve.Pin{{ID: "ns1/p0001", Version: version.MustParse("1.1.0")}, {ID: "acme/gone"}}
		}, nil},
		"pin elsewhere": {
			func(x in) { x.l.Pins = []resolve.Pin{{ID: "ns1/p0001", Version: version.MustParse("1.0.9")}} },
			[]string{"a pin requires ns1/p0001 =1.0.9; the lock has 1.1.0"},
		},
		"clash": {
			func(x in) { x.l.Plugins[4].Conflicts = needs("ns2/p0002@<1.3", "ns0/p0003@^2", "acme/gone") },
			[]string{"ns1/p0004 1.4.0 conflicts with ns2/p0002 <1.3; the lock has ns2/p0002 1.2.0"},
		},
		"orphans": {
			func(x in) {
				x.l.Plugins[0].Requires, x.l.Plugins = needs("ns1/p0001"), x.l.Plugins[:5]
				x.l.Plugins[1].Requires, x.l.Plugins[2].Requires = nil, nil
				x.l.Plugins[3].Requires, x.l.Plugins[4].Requires = needs("ns1/p0004"), needs("ns0/p0003") // each needs the other
			},
			[]string{"nobody needs ns2/p0002 1.2.0", "nobody needs ns0/p0003 1.3.0", "nobody needs ns1/p0004 1.4.0"},
		},
		"linked": {func(x in) { x.h.Linked = []manifest.ID{"ns1/p0001"} }, []string{"ns1/p0001 1.1.0: linked into this program"}},
		"everything": {
			func(x in) {
				*x.h = resolve.Host{App: "x", Platform: manifest.WasmPlatform}
				*x.r = []resolve.Wish{}
				x.l.Plugins = oneOf(x.l)
			},
			[]string{
				"the lock is for acme, not for x", "the requests are not those of the lock\n  removed ns0/p0000 ^1",
				"the lock is for linux/amd64, not for wasip1/wasm", "ns0/p0000 1.0.0 is for acme, not for x",
				"ns0/p0000 1.0.0 has no package for wasip1/wasm; it has process on linux/amd64",
			},
		},
	} {
		l, h := benchLock(8), benchHost()
		r := slices.Clone(l.Requests)
		c.change(in{l, &h, &r})
		var got []string
		for _, err := range l.Check(h, r) {
			got = append(got, err.Error())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
		}
	}
}

// oneOf is the first plugin of l, without what it needs, for one platform.
func oneOf(l *resolve.Lock) []resolve.Locked {
	p := l.Plugins[0]
	p.Requires, p.Packages = nil, p.Packages[2:3]
	return []resolve.Locked{p}
}

// TestCheckFacts reads the facts of each kind of error.
func TestCheckFacts(t *testing.T) {
	l, h := benchLock(5), benchHost()
	l.App = "other"
	l.Platforms[0].Arch = "arm64"
	l.Plugins[0].Provides[0].Minor = 9
	l.Plugins[1].Host["acme"] = version.MustParseRange("^7")
	l.Plugins[1].Requires = needs("acme/gone@^4")
	l.Plugins[2].Packages = nil
	l.Plugins[3].Conflicts = needs("ns1/p0004@^1")
	l.Plugins = append(l.Plugins, resolve.Locked{ID: "z/z", Version: version.MustParse("9.0.0"), Packages: l.Plugins[1].Packages})
	h.Linked = []manifest.ID{"z/z"}
	err := errors.Join(l.Check(h, []resolve.Wish{})...)

	if e, ok := errors.AsType[*resolve.AppError](err); !ok || e.Lock != "other" || e.Host != "acme" {
		t.Error(e)
	}
	if e, ok := errors.AsType[*resolve.DriftError](err); !ok || len(e.Removed) != 1 || len(e.Added)+len(e.Changed) != 0 {
		t.Error(e)
	}
	if e, ok := errors.AsType[*resolve.PlatformError](err); !ok || e.ID != "" || e.Platform != h.Platform || !slices.Equal(e.Have, []string{"linux/arm64"}) {
		t.Error(e)
	}
	if e, ok := errors.AsType[*resolve.PointError](err); !ok || e.ID != "ns0/p0000" || e.Provides.Minor != 9 || len(e.Offers) != 1 {
		t.Error(e)
	}
	if e, ok := errors.AsType[*resolve.HostRangeError](err); !ok || e.ID != "ns1/p0001" || e.Range.String() != "^7" || e.Host != h.Version || e.Others != nil {
		t.Error(e)
	}
	if e, ok := errors.AsType[*resolve.NeedError](err); !ok || e.By != "ns1/p0001 1.1.0" || e.ID != "acme/gone" || e.Range.String() != "^4" || !e.Have.IsZero() {
		t.Error(e)
	}
	if e, ok := errors.AsType[*resolve.ClashError](err); !ok || e.ID != "ns0/p0003" || e.Other != "ns1/p0004" || e.OtherVersion.Minor != 4 {
		t.Error(e)
	}
	if e, ok := errors.AsType[*resolve.OrphanError](err); !ok || e.ID != "z/z" || e.Version.Major != 9 {
		t.Error(e)
	}
	if !errors.Is(err, resolve.ErrLinked) {
		t.Error(err)
	}
}

// TestCheckOfNothing checks what has nothing, and what a solution of the solver gives.
func TestCheckOfNothing(t *testing.T) {
	for _, l := range []*resolve.Lock{nil, {}} {
		if errs := l.Check(resolve.Host{}, nil); len(errs) > 0 {
			t.Error(errs)
		}
		if errs := l.Check(benchHost(), []resolve.Wish{{ID: "a/b"}}); len(errs) != 1 {
			t.Error(errs)
		}
	}
}

// TestCheckAgreesWithSolver compares the check of locks of random solutions, and of
// such locks with a plugin replaced or left out, with the independent judge of
// solutions.
func TestCheckAgreesWithSolver(t *testing.T) {
	good, bad := 0, 0
	for seed := range uint64(1500) {
		g := generator{rand.New(rand.NewPCG(seed, 11))}
		text := g.universe()
		u, err := resolvetest.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		p := g.problem(u)
		p.Locked, p.Rules.Step = nil, resolve.AnyStep
		s, err := resolve.Solve(t.Context(), u, p)
		if err != nil {
			continue
		}
		l := lockOf(p, s)
		if errs := l.Check(p.Host, l.Requests); len(errs) > 0 {
			t.Fatalf("seed %d: %v\n%s", seed, errors.Join(errs...), text)
		}
		good++
		for range 4 {
			broken := g.breakLock(u, l)
			errs := broken.Check(p.Host, l.Requests)
			if want := judge(t, u, p, broken); (len(errs) == 0) != (want == nil) {
				t.Fatalf("seed %d: check: %v, judge: %v\n%s\n%s", seed, errors.Join(errs...), want, broken.Text(), text)
			}
			if len(errs) > 0 {
				bad++
			}
		}
	}
	if good < 150 || bad < 300 {
		t.Errorf("%d good locks, %d bad ones", good, bad)
	}
}

// lockOf makes the lock of a solution.
func lockOf(p resolve.Problem, s *resolve.Solution) *resolve.Lock {
	l := &resolve.Lock{App: p.Host.App, Pre: p.Rules.Pre, Requests: slices.Clone(p.Wishes), Pins: p.Rules.Pins, Overrides: p.Rules.Overrides}
	for _, c := range s.Choices {
		l.Plugins = append(l.Plugins, c.Locked("main"))
	}
	return l
}

// breakLock returns a copy of l in which one plugin has another version, or is left
// out, or one is there that nobody asked for.
func (g generator) breakLock(u resolvetest.Universe, l *resolve.Lock) *resolve.Lock {
	c := *l
	c.Plugins = slices.Clone(l.Plugins)
	id := manifest.ID(g.pick(names...))
	c.Plugins = slices.DeleteFunc(c.Plugins, func(p resolve.Locked) bool { return p.ID == id })
	if doc := u[id]; doc != nil && len(doc.Releases) > 0 && g.IntN(3) > 0 {
		r := &doc.Releases[g.IntN(len(doc.Releases))]
		c.Plugins = append(c.Plugins, resolve.Choice{ID: id, Release: r}.Locked("main"))
	}
	return &c
}

// judge says why l is no answer to p, by the rules that a lock can know.
func judge(t *testing.T, u resolvetest.Universe, p resolve.Problem, l *resolve.Lock) error {
	t.Helper()
	set, reached := new(resolvetest.Set), map[manifest.ID]bool{}
	for _, x := range l.Plugins {
		r, ok := u[x.ID].Find(x.Version)
		if !ok {
			t.Fatalf("%s is not in the index", x.ID)
		}
		set.Add(r)
	}
	err := set.Fits(resolve.Problem{
		Wishes: l.Requests, Locked: l, Host: p.Host, Rules: resolve.Rules{Pins: l.Pins, Overrides: l.Overrides, Pre: l.Pre, Blocked: true},
	})
	if err != nil {
		return err
	}
	for again := true; again; { // what requests lead to, the slow way
		again = false
		for _, x := range l.Plugins {
			for _, by := range l.Because(x.ID) {
				id, _, _ := strings.Cut(by, " ")
				if !reached[x.ID] && (by == resolve.You || reached[manifest.ID(id)]) {
					reached[x.ID], again = true, true
				}
			}
		}
	}
	for _, x := range l.Plugins {
		if !reached[x.ID] {
			return fmt.Errorf("nobody needs %s", x.ID)
		}
	}
	return nil
}

func BenchmarkCheck(b *testing.B) {
	l, h := benchLock(150), benchHost()
	for b.Loop() {
		if errs := l.Check(h, l.Requests); len(errs) > 0 {
			b.Fatal(errs[0])
		}
	}
}
