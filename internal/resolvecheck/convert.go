package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/resolve/resolvetest"
	"github.com/plugstead/plugstead/version"
)

// converter turns the names and places of a universe into ids and versions: version k
// becomes 1.0.k, or 1.0.k-0 if it is a pre-release.
type converter struct {
	u      *universe
	ids    map[string]manifest.ID
	taken  map[manifest.ID]bool
	offers map[string]bool // names that versions provide
	ranges map[string]version.Range
	pre    bool // some version is a pre-release
}

// offered is the version of a name that a version provides without a number. It is in
// no range but "*".
var offered = version.MustParse("9.0.0")

func convert(u *universe, conflicts bool) (*converter, resolvetest.Universe) {
	c := &converter{u: u, ids: map[string]manifest.ID{}, taken: map[manifest.ID]bool{}, offers: map[string]bool{}, ranges: map[string]version.Range{}}
	names := make([]string, 0, len(u.Packages))
	for p, list := range u.Packages {
		names = append(names, p)
		for _, r := range list {
			c.pre = c.pre || r.Pre
			for _, o := range r.Provides {
				c.offers[o] = true
			}
		}
	}
	slices.Sort(names)
	out := resolvetest.Universe{}
	for _, p := range names {
		id := c.id(p)
		out[id] = &index.Plugin{Header: index.Header{ID: id}}
		for k, r := range u.Packages[p] {
			out[id].Releases = append(out[id].Releases, c.release(id, k, r, conflicts))
		}
	}
	if len(c.offers) > 0 {
		out.Link()
	}
	return c, out
}

// id makes an id of a name. Two names never become one id.
func (c *converter) id(name string) manifest.ID {
	if id, ok := c.ids[name]; ok {
		return id
	}
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if s := b.String(); s != "" && s[len(s)-1] != '-' {
			b.WriteByte('-')
		}
	}
	text := strings.Trim(b.String(), "-")
	if text == "" {
		text = "x"
	}
	id := manifest.ID("u/" + text)
	for n := 2; c.taken[id]; n++ {
		id = manifest.ID(fmt.Sprintf("u/%s.%d", text, n))
	}
	c.ids[name], c.taken[id] = id, true
	return id
}

func (c *converter) version(k int, pre bool) version.Version {
	v := version.Version{Major: 1, Patch: uint64(k)}
	if pre {
		v.Pre = "0"
	}
	return v
}

func (c *converter) release(id manifest.ID, k int, r release, conflicts bool) index.Release {
	out := resolvetest.Release(id, c.version(k, r.Pre))
	for _, d := range merge(r.Deps) {
		out.Requires = append(out.Requires, c.need(d))
	}
	if conflicts {
		for _, d := range r.Conflicts {
			if len(d.Iv) > 0 {
				out.Conflicts = append(out.Conflicts, c.need(d))
			}
		}
	}
	for _, o := range r.Provides {
		out.Offers = append(out.Offers, manifest.Offer{ID: c.id(o), Version: offered})
	}
	if r.Yanked {
		out.State.Yanked = &index.Yank{}
	}
	return out
}

// merge intersects needs of one package, which a manifest has once.
func merge(deps []dep) []dep {
	var out []dep
	for _, d := range deps {
		i := slices.IndexFunc(out, func(x dep) bool { return x.P == d.P && x.Optional == d.Optional })
		if i < 0 {
			out = append(out, d)
			continue
		}
		var both [][2]int
		for _, a := range out[i].Iv {
			for _, b := range d.Iv {
				if lo, hi := max(a[0], b[0]), min(a[1], b[1]); lo < hi {
					both = append(both, [2]int{lo, hi})
				}
			}
		}
		slices.SortFunc(both, func(a, b [2]int) int { return a[0] - b[0] })
		out[i].Iv = both
	}
	return out
}

func (c *converter) need(d dep) manifest.Need {
	return manifest.Need{ID: c.id(d.P), Range: c.rng(d), Optional: d.Optional}
}

// rng turns intervals into a range.
func (c *converter) rng(d dep) version.Range {
	n, isPackage := len(c.u.Packages[d.P]), c.u.Packages[d.P] != nil
	if c.offers[d.P] && (!isPackage && len(d.Iv) == 0 || isPackage && len(d.Iv) == 1 && d.Iv[0] == [2]int{0, n}) {
		return version.Any
	}
	var parts []string
	for _, i := range d.Iv {
		if lo := i[0]; strings.HasPrefix(strings.TrimSpace(d.Raw), exactly) && i[1] == lo+1 && lo < n { // only so a yanked version is taken
			parts = append(parts, "="+c.version(lo, c.u.Packages[d.P][lo].Pre).String())
			continue
		}
		parts = append(parts, fmt.Sprintf(">=1.0.%d-0 <1.0.%d-0", i[0], i[1]))
	}
	text := strings.Join(parts, " || ")
	if text == "" {
		text = "<0.0.0"
	}
	if r, ok := c.ranges[text]; ok {
		return r
	}
	r, err := version.ParseRange(text)
	if err != nil { // more alternatives than a manifest may have
		var list []version.Range
		for _, part := range parts {
			list = append(list, version.MustParseRange(part))
		}
		r = version.Union(list...)
	}
	c.ranges[text] = r
	return r
}

func (c *converter) problem(r root) resolve.Problem {
	p := resolve.Problem{
		Host:  resolve.Host{App: "u", Version: version.MustParse("1.0.0"), Platform: manifest.Platform{OS: "linux", Arch: "amd64"}, Runtimes: []string{manifest.RuntimeWasm}},
		Rules: resolve.Rules{Pre: c.pre, Downgrade: true},
		Budget: resolve.Budget{
			Steps: 1 << 30, Clauses: 1 << 30, Plugins: 1 << 30,
		},
		NoSuggestions: true,
	}
	for _, d := range merge(r) {
		p.Wishes = append(p.Wishes, resolve.Wish{ID: c.id(d.P), Range: c.rng(d)})
	}
	return p
}
