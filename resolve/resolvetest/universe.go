package resolvetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// Universe is an index in memory. It is not changed while it is asked.
type Universe map[manifest.ID]*index.Plugin

// Parse reads a universe. Each line is a release: "id version [attribute…]". An
// attribute is a need and has one of these forms:
//
//	a/b@^1         requires a/b; +a/b@^1 requires that it has started before
//	a/b@^1?        works with a/b in this range only, if it is there
//	!a/b@^1        conflicts with it
//	a/b@^1;c/d     requires one of several
//	offers=a/b@1.0.0
//	host=>=1       range of the application "acme"
//	point=x.dev/p@1.0
//	only=linux/amd64   a process on this platform instead of wasm
//	time=2026-01-31
//	yanked, blocked
//
// Without a point a release provides acme.dev/p@1.0. Everything after # is left out.
func Parse(text string) (Universe, error) {
	u := Universe{}
	for l := range strings.Lines(text) {
		l, _, _ = strings.Cut(l, "#")
		f := strings.Fields(l)
		if len(f) == 0 {
			continue
		}
		if len(f) == 1 {
			return nil, fmt.Errorf("line %q: no version", l)
		}
		r, err := release(f)
		if err != nil {
			return nil, fmt.Errorf("line %q: %w", l, err)
		}
		u.Add(r)
	}
	u.Link()
	return u, nil
}

// Add adds a release to the document of its plugin.
func (u Universe) Add(r index.Release) {
	if u[r.ID] == nil {
		u[r.ID] = &index.Plugin{Header: index.Header{ID: r.ID}, Document: artifact.DigestOf([]byte(r.ID))}
	}
	u[r.ID].Releases = append(u[r.ID].Releases, r)
}

// Link fills in which plugins offer which names. Parse has done it.
func (u Universe) Link() {
	for _, id := range slices.Collect(maps.Keys(u)) {
		u[id].Providers = nil
	}
	for _, id := range slices.Sorted(maps.Keys(u)) {
		for _, r := range u[id].Releases {
			for _, o := range r.Offers {
				if u[o.ID] == nil {
					u[o.ID] = &index.Plugin{Header: index.Header{ID: o.ID}}
				}
				if !slices.Contains(u[o.ID].Providers, id) {
					u[o.ID].Providers = append(u[o.ID].Providers, id)
				}
			}
		}
	}
}

// Release makes a release with a wasm package for every platform and the point
// acme.dev/p@1.0.
func Release(id manifest.ID, v version.Version) index.Release {
	r := index.Release{Record: index.Record{Facts: artifact.Facts{ID: id, Version: v}}}
	r.Digest = artifact.DigestOf([]byte(string(id) + " " + v.String()))
	r.Packages = []index.Package{{Runtime: manifest.RuntimeWasm, Platform: manifest.WasmPlatform}}
	r.Provides = []manifest.PointRef{{ID: "acme.dev/p", Major: 1}}
	return r
}

func release(f []string) (index.Release, error) {
	id, err := manifest.ParseID(f[0])
	if err != nil {
		return index.Release{}, err
	}
	v, err := version.Parse(f[1])
	if err != nil {
		return index.Release{}, err
	}
	r := Release(id, v)
	for _, x := range f[2:] {
		if err := attribute(&r, x); err != nil {
			return r, err
		}
	}
	return r, nil
}

func attribute(r *index.Release, x string) (err error) {
	if x == "yanked" || x == "blocked" {
		y := &index.Yank{}
		if r.State.Blocked = y; x == "yanked" {
			r.State.Blocked, r.State.Yanked = nil, y
		}
		return nil
	}
	key, value, named := strings.Cut(x, "=")
	if !named || strings.ContainsAny(key, "/@<>!") {
		return needAttribute(r, x)
	}
	switch key {
	case "host":
		var rng version.Range
		rng, err = version.ParseRange(value)
		r.Host = map[string]version.Range{"acme": rng}
	case "point":
		var p manifest.PointRef
		p, err = manifest.ParsePointRef(value)
		r.Provides = []manifest.PointRef{p}
	case "only":
		var p manifest.Platform
		p, err = manifest.ParsePlatform(value)
		if r.Packages[0].Runtime == manifest.RuntimeWasm {
			r.Packages = nil
		}
		r.Packages = append(r.Packages, index.Package{Runtime: manifest.RuntimeProcess, Platform: p})
	case "time":
		r.Time, err = time.Parse(time.DateOnly, value)
	case "offers":
		id, v, _ := strings.Cut(value, "@")
		var o manifest.Offer
		o.ID = manifest.ID(id)
		o.Version, err = version.Parse(v)
		r.Offers = append(r.Offers, o)
	default:
		err = errors.New("unknown attribute " + key)
	}
	return err
}

func needAttribute(r *index.Release, x string) error {
	var list []manifest.Need
	for part := range strings.SplitSeq(strings.TrimPrefix(x, "!"), ";") {
		w, err := resolve.ParseWish(strings.TrimPrefix(strings.TrimSuffix(part, "?"), "+"))
		if err != nil {
			return err
		}
		list = append(list, manifest.Need{
			ID: w.ID, Range: w.Range, Optional: strings.HasSuffix(part, "?"), Init: strings.HasPrefix(part, "+"),
		})
	}
	switch {
	case strings.HasPrefix(x, "!"):
		r.Conflicts = append(r.Conflicts, list...)
	case len(list) > 1:
		r.AnyOf = append(r.AnyOf, list)
	default:
		r.Requires = append(r.Requires, list...)
	}
	return nil
}

// Plugin implements index.Index.
func (u Universe) Plugin(_ context.Context, id manifest.ID) (*index.Plugin, error) {
	if p := u[id]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s: %w", id, index.ErrNotFound)
}

// Host is the application "acme" 2.1.0, which offers acme.dev/p@1.1 and runs wasm and
// processes on linux/amd64.
func Host() resolve.Host {
	return resolve.Host{
		App: "acme", Version: version.MustParse("2.1.0"), Points: []manifest.PointRef{{ID: "acme.dev/p", Major: 1, Minor: 1}},
		Platform: manifest.Platform{OS: "linux", Arch: "amd64"}, Runtimes: []string{manifest.RuntimeWasm, manifest.RuntimeProcess},
	}
}
