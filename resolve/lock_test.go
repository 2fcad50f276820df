package resolve_test

import (
	"slices"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

func needs(lines ...string) []manifest.Need {
	var out []manifest.Need
	for _, s := range lines {
		w, err := resolve.ParseWish(s)
		if err != nil {
			panic(err)
		}
		out = append(out, manifest.Need{ID: w.ID, Range: w.Range})
	}
	return out
}

func TestBecause(t *testing.T) {
	optional := needs("acme/c")
	optional[0].Optional = true
	l := &resolve.Lock{
		Requests: []resolve.Wish{{ID: "acme/a"}, {ID: "acme/b"}, {ID: "acme/name", Range: version.MustParseRange("^1")}},
		Plugins: []resolve.Locked{
			{ID: "acme/b", Version: version.MustParse("2.0.0"), Requires: needs("acme/a@^1", "acme/d@^1", "acme/d@^1.2")},
			{ID: "acme/a", Version: version.MustParse("1.0.0-rc.1"), Requires: append(optional, needs("acme/d")...)},
			{ID: "acme/c", Version: version.MustParse("3.0.0")},
			{ID: "acme/d", Version: version.MustParse("4.0.0"), AnyOf: [][]manifest.Need{needs("acme/none", "acme/store@^2"), needs("acme/a")}},
			{ID: "acme/e", Version: version.MustParse("1.0.0"), Offers: []manifest.Offer{{ID: "acme/store", Version: version.MustParse("2.1.0")}}, Requires: needs("acme/store")},
			{ID: "acme/f", Version: version.MustParse("1.0.0"), Offers: []manifest.Offer{{ID: "acme/store", Version: version.MustParse("1.0.0")}, {ID: "acme/name", Version: version.MustParse("1.5.0")}}},
		},
	}
	for id, want := range map[manifest.ID][]string{
		"acme/a":    {"acme/b 2.0.0", "acme/d 4.0.0", resolve.You},
		"acme/b":    {resolve.You},
		"acme/c":    nil,
		"acme/d":    {"acme/a 1.0.0-rc.1", "acme/b 2.0.0"},
		"acme/e":    {"acme/d 4.0.0"},
		"acme/f":    {"acme/e 1.0.0", resolve.You},
		"acme/none": nil,
	} {
		if got := l.Because(id); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
		if got := (*resolve.Lock)(nil).Because(id); got != nil {
			t.Errorf("nil lock: %q", got)
		}
	}
}

func TestChoiceLocked(t *testing.T) {
	r := &index.Release{Record: index.Record{
		Facts: artifact.Facts{
			ID: "acme/a", Version: version.MustParse("1.2.0"), Provides: []manifest.PointRef{{ID: "acme.dev/greeter", Major: 1}},
			Host: map[string]version.Range{"acme": version.MustParseRange("^2")}, Requires: needs("acme/b@^1"), Conflicts: needs("acme/c"),
			AnyOf: [][]manifest.Need{needs("acme/d", "acme/e")}, Offers: []manifest.Offer{{ID: "acme/f", Version: version.MustParse("3.0.0")}},
		},
		Digest: artifact.DigestOf(nil), Size: 7,
		Packages: []index.Package{{Runtime: "wasm", Platform: manifest.WasmPlatform, Manifest: index.Ref{Digest: artifact.DigestOf(nil)}, Payload: index.Ref{Digest: artifact.DigestOf(nil)}}},
	}}
	c := resolve.Choice{ID: "acme/a", Release: r}
	l := &resolve.Lock{Requests: []resolve.Wish{{ID: "acme/a"}}, Plugins: []resolve.Locked{c.Locked("main")}}
	read, err := resolve.ParseLock(l.Text())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := asJSON(t, read), asJSON(t, l); got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
	p := read.Plugins[0]
	if p.Digest != r.Digest || p.Size != 7 || p.Source != "main" || len(p.Packages) != 1 || len(p.Requires) != 1 ||
		len(p.Conflicts) != 1 || len(p.AnyOf[0]) != 2 || len(p.Offers) != 1 || len(p.Provides) != 1 || p.Host["acme"].String() != "^2" {
		t.Errorf("%+v", p)
	}
}

func TestLockRequests(t *testing.T) {
	var none *resolve.Lock
	a, b := resolve.Wish{ID: "acme/a"}, resolve.Wish{ID: "acme/b", Pre: true}
	l := &resolve.Lock{Requests: none.With(b, a)}
	if got := asJSON(t, l.Requests); got != `[{"id":"acme/a","range":"*"},{"id":"acme/b","range":"*","pre":true}]` {
		t.Error(got)
	}
	b.Pre, b.Range = false, version.MustParseRange("^1")
	if got := asJSON(t, l.With(b)); got != `[{"id":"acme/a","range":"*"},{"id":"acme/b","range":"^1"}]` {
		t.Error(got)
	}
	if got := asJSON(t, l.Without("acme/b", "acme/x")); got != `[{"id":"acme/a","range":"*"}]` {
		t.Error(got)
	}
	if p, ok := none.Find("acme/a"); ok {
		t.Error(p)
	}
}
