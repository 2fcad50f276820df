package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// endless is an index in which every plugin exists and needs others that nobody
// has named before.
type endless struct {
	wide  int
	asked int
}

func (e *endless) Plugin(_ context.Context, id manifest.ID) (*index.Plugin, error) {
	if e.asked++; e.asked > 10_000 {
		return nil, errors.New("asked for 10,000 plugins")
	}
	r := index.Release{Record: index.Record{
		Facts:    artifact.Facts{ID: id, Version: version.MustParse("1.0.0"), Provides: []manifest.PointRef{{ID: "acme.dev/p", Major: 1}}},
		Packages: []index.Package{{Runtime: manifest.RuntimeWasm, Platform: manifest.WasmPlatform}},
	}}
	for i := range e.wide {
		r.Requires = append(r.Requires, manifest.Need{ID: manifest.ID(fmt.Sprintf("x/p%d-%d", e.asked, i))})
	}
	return &index.Plugin{Header: index.Header{ID: id}, Releases: []index.Release{r}}, nil
}

// TestEndlessNeeds has an index that invents plugins: the search gives up.
func TestEndlessNeeds(t *testing.T) {
	for _, wide := range []int{1, 2000} {
		e := &endless{wide: wide}
		if _, err := resolve.Solve(t.Context(), e, problem(t, "a/a")); !errors.Is(err, resolve.ErrBudget) {
			t.Errorf("%d needs each: %v after %d plugins", wide, err, e.asked)
		}
	}
}

// BenchmarkBudget spends the whole budget on four plugins with 2,000 versions each
// that agree on nothing.
func BenchmarkBudget(b *testing.B) {
	u := universe{}
	for i := range 4 {
		id := manifest.ID(fmt.Sprintf("p/p%d", i))
		u[id] = &index.Plugin{Header: index.Header{ID: id}}
		for v := range uint64(2000) {
			r := parse(b, fmt.Sprintf("%s %d.0.0 z/z@=%d.0.0", id, v+1, v+uint64(i)+1))[id].Releases[0]
			u[id].Releases = append(u[id].Releases, r)
		}
	}
	u["z/z"] = &index.Plugin{Header: index.Header{ID: "z/z"}}
	for v := range 2000 {
		r := parse(b, fmt.Sprintf("z/z %d.0.0 host=>=9", v+1))["z/z"].Releases[0]
		u["z/z"].Releases = append(u["z/z"].Releases, r)
	}
	p := problem(b, "p/p0", "p/p1", "p/p2", "p/p3")
	for b.Loop() {
		if _, err := resolve.Solve(b.Context(), u, p); !errors.Is(err, resolve.ErrBudget) {
			b.Fatal(err)
		}
	}
}
