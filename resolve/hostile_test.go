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
	"github.com/plugstead/plugstead/resolve/resolvetest"
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

// TestHardIndex has four plugins with 2,000 versions each that agree on nothing. The
// answer needs no budget: one conclusion covers all versions with the same reason.
func TestHardIndex(t *testing.T) {
	u := resolvetest.Universe{}
	for i := range 4 {
		id := manifest.ID(fmt.Sprintf("p/p%d", i))
		for v := range uint64(2000) {
			r := resolvetest.Release(id, version.Version{Major: v + 1})
			r.Requires = []manifest.Need{{ID: "z/z", Range: version.Exact(version.Version{Major: v + uint64(i) + 1})}}
			u.Add(r)
		}
	}
	for v := range uint64(2000) {
		r := resolvetest.Release("z/z", version.Version{Major: v + 1})
		r.Host = map[string]version.Range{"acme": version.MustParseRange(">=9")}
		u.Add(r)
	}
	p := problem(t, "p/p0", "p/p1", "p/p2", "p/p3")
	_, err := resolve.Solve(t.Context(), u, p)
	f, ok := errors.AsType[*resolve.Failure](err)
	if !ok || f.Kind != resolve.HostRange {
		t.Fatal(err)
	}
	if err := resolvetest.CheckFailure(t.Context(), u, p, f); err != nil {
		t.Fatal(err)
	}
}
