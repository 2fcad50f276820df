package resolve

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
	"github.com/plugstead/plugstead/version"
)

// lines returns what version i of p needs, as text, sorted and none twice.
func lines(p *plugin, i int) []string {
	r := p.releases[i]
	var out []string
	for _, m := range r.Requires {
		if m.ID != p.id {
			out = append(out, fmt.Sprintf("%t %s %s", m.Optional, m.ID, m.Range))
		}
	}
	for _, m := range r.Conflicts {
		out = append(out, fmt.Sprintf("conflicts %s %s", m.ID, m.Range))
	}
	for _, l := range r.AnyOf {
		out = append(out, "any_of "+anyOfText(l))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// line is one of lines, of a need that was made.
func line(n *need) string {
	switch n.field {
	case "any_of":
		return "any_of " + anyOfText(n.anyOf)
	case "conflicts":
		return fmt.Sprintf("conflicts %s %s", n.id, n.rng)
	}
	return fmt.Sprintf("%t %s %s", n.field == "optional", n.id, n.rng)
}

func randomRelease(rnd *rand.Rand, id manifest.ID, v, most int) index.Release {
	var r index.Release
	r.ID, r.Version = id, version.Version{Major: 1, Minor: uint64(v)}
	some := func() manifest.Need {
		return manifest.Need{ID: manifest.ID(fmt.Sprintf("acme/p%d", rnd.IntN(4))), Range: version.MustParseRange(fmt.Sprintf("^%d", rnd.IntN(2)))}
	}
	for range rnd.IntN(most) {
		switch m := some(); rnd.IntN(4) {
		case 0:
			r.Conflicts = append(r.Conflicts, m)
		case 1:
			r.AnyOf = append(r.AnyOf, []manifest.Need{m, some()})
		default:
			m.Optional = rnd.IntN(3) == 0
			r.Requires = append(r.Requires, m)
		}
	}
	return r
}

// TestNeedsMadeLate asks for the needs of versions in any order: each has its lines, once,
// and a need names all versions that have it, also those that nobody has asked for.
func TestNeedsMadeLate(t *testing.T) {
	maps, plain := 0, 0
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		s := New(nil)
		p := s.plugin("acme/p0")
		p.doc = &index.Plugin{}
		for v := range 1 + rnd.IntN(6) {
			p.doc.Releases = append(p.doc.Releases, randomRelease(rnd, p.id, v, 2+rnd.IntN(7)))
		}
		s.compile(p)
		for _, v := range rnd.Perm(len(p.releases)) {
			got := s.needsOf(p, v)
			if again := s.needsOf(p, v); !slices.Equal(again, got) {
				t.Fatalf("seed %d: %v, then %v", seed, got, again)
			}
			var have []string
			for _, pn := range got {
				n := s.needs[pn.ID]
				if &n.Need != pn || n.owner != p {
					t.Fatalf("seed %d: number %d is of another need", seed, pn.ID)
				}
				have = append(have, line(n))
				want := pubgrub.NewSet(len(p.releases))
				for i := range p.releases {
					if slices.Contains(lines(p, i), line(n)) {
						want.Add(i)
					}
				}
				if !slices.Equal(n.From, want) {
					t.Fatalf("seed %d: %s is of %b, want %b", seed, line(n), n.From, want)
				}
			}
			if slices.Sort(have); !slices.Equal(have, lines(p, v)) {
				t.Fatalf("seed %d: version %d needs %q, want %q", seed, v, have, lines(p, v))
			}
		}
		if p.byKey != nil {
			maps++
		} else {
			plain++
		}
	}
	if maps < 50 || plain < 50 {
		t.Errorf("%d with a map, %d without", maps, plain)
	}
}
