package index_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

func need(id manifest.ID) manifest.Need { return manifest.Need{ID: id} }

func offer(id manifest.ID, v version.Version) manifest.Offer {
	return manifest.Offer{ID: id, Version: v}
}

func many200(id string) []manifest.Need {
	var out []manifest.Need
	for i := range manifest.MaxList {
		out = append(out, need(manifest.ID(fmt.Sprintf("%s%d", id, i))))
	}
	return out
}

// records of a registry that may lie: what is spoiled, and a part of the error; "" if a
// reader takes it.
var records = map[string]struct {
	want string
	f    func(*index.Record)
}{
	"all kinds": {"", func(r *index.Record) {
		r.Requires = []manifest.Need{{ID: "a/b", Optional: true, Init: true}, {ID: "acme/hello"}}
		r.AnyOf = [][]manifest.Need{{need("z/z"), need("a/b")}, {need("a/b"), need("z/z")}}
		r.Conflicts = []manifest.Need{need("a/b"), need("kv/kv")}
		r.Offers = []manifest.Offer{offer("kv/kv", version.Version{Patch: 1}), offer("acme/kv", version.Version{Major: 9})}
		r.Provides = []manifest.PointRef{{ID: "x", Major: 9999, Minor: 9999}, {ID: "x"}}
		r.Capabilities = []manifest.Capability{"later:kind"}
	}},
	"as many as allowed": {"", func(r *index.Record) { r.Requires, r.Conflicts = many200("a/p"), many200("a/p") }},
	"too many":           {"201 entries", func(r *index.Record) { r.Requires = append(many200("a/p"), need("a/q")) }},
	"too many options":   {"any_of: a choice of 201 names", func(r *index.Record) { r.AnyOf = [][]manifest.Need{append(many200("a/p"), need("a/q"))} }},
	"requires twice":     {"requires: a/b twice", func(r *index.Record) { r.Requires = []manifest.Need{need("a/b"), need("a/b")} }},
	"conflicts twice":    {"conflicts: a/b twice", func(r *index.Record) { r.Conflicts = []manifest.Need{need("a/b"), need("a/b")} }},
	"optional conflict":  {"conflicts: a/b with optional", func(r *index.Record) { r.Conflicts = []manifest.Need{{ID: "a/b", Optional: true}} }},
	"choice path":        {`any_of: plugin name "a/../b"`, func(r *index.Record) { r.AnyOf = [][]manifest.Need{{need("a/b"), need("a/../b")}} }},
	"choice in red":      {"any_of: plugin name", func(r *index.Record) { r.AnyOf = [][]manifest.Need{{need("a/b"), need("a/\x1b[31m")}} }},
	"choice of one":      {"any_of: a choice of 1 names", func(r *index.Record) { r.AnyOf = [][]manifest.Need{{need("a/b")}} }},
	"choice of none":     {"any_of: a choice of 0 names", func(r *index.Record) { r.AnyOf = [][]manifest.Need{{}} }},
	"choice twice":       {"any_of: a/b twice", func(r *index.Record) { r.AnyOf = [][]manifest.Need{{need("a/b"), need("a/b")}} }},
	"choice with init":   {"any_of: a/b with optional or init", func(r *index.Record) { r.AnyOf = [][]manifest.Need{{need("a/c"), {ID: "a/b", Init: true}}} }},
	"offer in red":       {"offers: plugin name", func(r *index.Record) { r.Offers = []manifest.Offer{offer("a/\x1b[31m", version.Version{Major: 1})} }},
	"offer of itself":    {"acme/hello is its own name", func(r *index.Record) { r.Offers = []manifest.Offer{offer("acme/hello", version.Version{Major: 1})} }},
	"offer twice": {"or there twice", func(r *index.Record) {
		r.Offers = []manifest.Offer{offer("a/b", version.Version{Major: 1}), offer("a/b", version.Version{Major: 2})}
	}},
	"too many offers": {"offers: 21 names", func(r *index.Record) {
		for i := range manifest.MaxOffers + 1 {
			r.Offers = append(r.Offers, offer(manifest.ID(fmt.Sprintf("a/p%d", i)), version.Version{Major: 1}))
		}
	}},
	"offer of 0.0.0":   {"offered version 0.0.0", func(r *index.Record) { r.Offers = []manifest.Offer{offer("a/b", version.Version{})} }},
	"offer of a pre":   {"offered version 1.0.0-a", func(r *index.Record) { r.Offers = []manifest.Offer{offer("a/b", version.MustParse("1.0.0-a"))} }},
	"offer of a build": {"offered version 1.0.0+a", func(r *index.Record) { r.Offers = []manifest.Offer{offer("a/b", version.MustParse("1.0.0+a"))} }},
	"large minor":      {"version 1.10000", func(r *index.Record) { r.Provides = []manifest.PointRef{{ID: "x", Major: 1, Minor: 10000}} }},
	"negative major":   {"version -1.0", func(r *index.Record) { r.Provides = []manifest.PointRef{{ID: "x", Major: -1}} }},
	"point twice": {"x twice with major 1", func(r *index.Record) {
		r.Provides = []manifest.PointRef{{ID: "x", Major: 1}, {ID: "x", Major: 1, Minor: 2}}
	}},
	"empty capability": {"capability", func(r *index.Record) { r.Capabilities = []manifest.Capability{""} }},
	"long capability": {"capability", func(r *index.Record) {
		r.Capabilities = []manifest.Capability{manifest.Capability(strings.Repeat("x", 301))}
	}},
	"unknown runtime":    {"", packages(func(p *index.Package) { p.Runtime = "later-2" })},
	"two runtimes":       {"", packages(func(*index.Package) {}, func(p *index.Package) { p.Runtime = "process" })},
	"two platforms":      {"", packages(func(*index.Package) {}, func(p *index.Package) { p.Platform.OS = "plan9" })},
	"no runtime":         {`runtime ""`, packages(func(p *index.Package) { p.Runtime = "" })},
	"runtime in red":     {"runtime", packages(func(p *index.Package) { p.Runtime = "\x1b[31m" })},
	"runtime in caps":    {"runtime", packages(func(p *index.Package) { p.Runtime = "Wasm" })},
	"long runtime":       {"runtime", packages(func(p *index.Package) { p.Runtime = strings.Repeat("x", 41) })},
	"no platform":        {`platform "/"`, packages(func(p *index.Package) { p.Platform = manifest.Platform{} })},
	"platform of three":  {`platform "linux/arm/v7"`, packages(func(p *index.Package) { p.Platform = manifest.Platform{OS: "linux", Arch: "arm/v7"} })},
	"platform cut badly": {"platform", packages(func(p *index.Package) { p.Platform = manifest.Platform{OS: "linux/amd64", Arch: "x"} })},
	"same package twice": {"two packages for wasm on wasip1/wasm", packages(func(*index.Package) {}, func(p *index.Package) { p.Payload.Size = 7 })},
}

// TestRecordsOfOthers: what passes here goes to the lock file and to the screen, and
// neither looks again.
func TestRecordsOfOthers(t *testing.T) {
	for name, c := range records {
		b, err := plugin(t, record("1.0.0"), record("1.1.0", c.f)).Bytes()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p, err := index.Parse("acme/hello", b)
		switch {
		case c.want == "" && (err != nil || len(p.Releases) != 2):
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!errors.Is(err, index.ErrDocument) || !strings.Contains(err.Error(), "line 3: record of acme/hello 1.1.0: ") || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestVectorHasEveryKind reads the new facts out of the example of the specification.
func TestVectorHasEveryKind(t *testing.T) {
	p, err := index.Parse("acme/hello", document(t))
	if err != nil {
		t.Fatal(err)
	}
	r, ok := p.Find(version.MustParse("2.0.0-rc.1"))
	if !ok || len(r.Requires) != 2 || !r.Requires[1].Init || !r.Requires[1].Optional || r.Requires[0].Init {
		t.Fatalf("requires %+v", r)
	}
	if len(r.AnyOf) != 1 || r.AnyOf[0][0].ID != "zed/words" || r.AnyOf[0][1].Range.String() != ">=1 <4" {
		t.Errorf("any_of %+v", r.AnyOf)
	}
	if len(r.Offers) != 1 || r.Offers[0].ID != "acme/greeting" || r.Offers[0].Version.String() != "2.0.0" {
		t.Errorf("offers %+v", r.Offers)
	}
}
