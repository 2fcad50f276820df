package index

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// MaxAvailable is the size of what [ParseAvailable] reads, in bytes.
const MaxAvailable = 64 << 20

// NotMirrored is the reason that [Available.Narrow] gives for releases that are not there.
const NotMirrored = "not mirrored"

// ErrAvailable says that a list of what is available breaks its format.
var ErrAvailable = errors.New("bad available.json")

// Available lists the releases, and of each the packages, whose bytes lie beside index
// documents: a copy of a registry has documents verbatim and perhaps not everything that
// they name. It only takes away: what no document names does not exist. A nil Available
// takes nothing away. docs/spec/static.md describes its format. Methods that change it are
// not for concurrent use.
type Available struct {
	releases map[manifest.ID]map[version.Version][]string
}

// availableJSON is the form of available.json.
type availableJSON struct {
	V       int               `json:"v"`
	Plugins []availablePlugin `json:"plugins"`
}

type availablePlugin struct {
	ID       manifest.ID        `json:"id"`
	Releases []availableRelease `json:"releases"`
}

type availableRelease struct {
	Version  *version.Version `json:"version"`  // 0.0.0 is one, too
	Packages []string         `json:"packages"` // "RUNTIME OS/ARCHITECTURE"
}

// packageKey names a package among those of a release.
func packageKey(p Package) string { return p.Runtime + " " + p.Platform.String() }

// Add says that a release is there, with these packages besides those that were there.
func (a *Available) Add(id manifest.ID, v version.Version, packages ...Package) {
	keys := make([]string, 0, len(packages))
	for _, p := range packages {
		keys = append(keys, packageKey(p))
	}
	a.add(id, v, keys)
}

func (a *Available) add(id manifest.ID, v version.Version, keys []string) {
	if a.releases == nil {
		a.releases = map[manifest.ID]map[version.Version][]string{}
	}
	if a.releases[id] == nil {
		a.releases[id] = map[version.Version][]string{}
	}
	all := append(append([]string{}, a.releases[id][v]...), keys...)
	slices.Sort(all)
	a.releases[id][v] = slices.Compact(all)
}

// Merge adds everything that b lists.
func (a *Available) Merge(b *Available) {
	for id, list := range b.releases {
		for v, keys := range list {
			a.add(id, v, keys)
		}
	}
}

// Has reports whether a release is there, with or without packages.
func (a *Available) Has(id manifest.ID, v version.Version) bool {
	if a == nil {
		return true
	}
	_, ok := a.releases[id][v]
	return ok
}

// Names lists the plugins of which something may be there, sorted.
func (a *Available) Names() []manifest.ID { return slices.Sorted(maps.Keys(a.releases)) }

// Packages returns the packages of r that are there.
func (a *Available) Packages(r *Release) []Package {
	if a == nil {
		return r.Packages
	}
	keys := a.releases[r.ID][r.Version]
	return slices.DeleteFunc(slices.Clone(r.Packages), func(p Package) bool {
		_, ok := slices.BinarySearch(keys, packageKey(p))
		return !ok
	})
}

// Narrow returns p as a resolver should see it: a release that is not there is yanked, with
// [NotMirrored] as the reason, so that it is chosen by nobody and kept by those who have it;
// a package that is not there is left out. p itself stays as it is.
func (a *Available) Narrow(p *Plugin) *Plugin {
	if a == nil {
		return p
	}
	n := new(*p)
	n.Releases = slices.Clone(p.Releases)
	for i := range n.Releases {
		r := &n.Releases[i]
		switch {
		case a.Has(p.ID, r.Version):
			r.Packages = a.Packages(r)
		case r.State.Yanked == nil:
			r.State.Yanked = &Yank{Reason: NotMirrored}
		}
	}
	return n
}

// Bytes returns the one form of a: sorted, without spaces, with a line feed at its end.
func (a *Available) Bytes() ([]byte, error) {
	x := availableJSON{V: 1, Plugins: []availablePlugin{}}
	for _, id := range slices.Sorted(maps.Keys(a.releases)) {
		p := availablePlugin{ID: id, Releases: []availableRelease{}}
		for v, keys := range a.releases[id] {
			p.Releases = append(p.Releases, availableRelease{&v, keys})
		}
		slices.SortFunc(p.Releases, func(a, b availableRelease) int {
			return cmp.Or(a.Version.Compare(*b.Version), cmp.Compare(a.Version.String(), b.Version.String()))
		})
		x.Plugins = append(x.Plugins, p)
	}
	b, err := json.Marshal(x)
	return append(b, '\n'), err
}

// ParseAvailable reads what [Available.Bytes] writes, in any order. Keys it does not know
// are an error, because ignoring one could make something available that is not there.
// Errors wrap [ErrAvailable].
func ParseAvailable(b []byte) (*Available, error) {
	a, err := parseAvailable(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAvailable, err)
	}
	return a, nil
}

func parseAvailable(b []byte) (*Available, error) {
	var x availableJSON
	if err := strictjson.Unmarshal(bytes.TrimSuffix(b, []byte("\n")), &x, strictjson.Limits{Size: MaxAvailable, Depth: 8, RefuseNull: true}); err != nil {
		return nil, err
	}
	if x.V != 1 {
		return nil, fmt.Errorf("format version %d, this program reads 1", x.V)
	}
	a := &Available{releases: map[manifest.ID]map[version.Version][]string{}}
	for _, p := range x.Plugins {
		if _, err := manifest.ParseID(string(p.ID)); err != nil {
			return nil, err
		}
		if a.releases[p.ID] != nil {
			return nil, fmt.Errorf("%s twice", p.ID)
		}
		if len(p.Releases) > MaxReleases {
			return nil, fmt.Errorf("%s: more than %d releases", p.ID, MaxReleases)
		}
		a.releases[p.ID] = map[version.Version][]string{}
		for _, r := range p.Releases {
			if r.Version == nil {
				return nil, fmt.Errorf("%s: a release without a version", p.ID)
			}
			if err := a.parseRelease(p.ID, r); err != nil {
				return nil, fmt.Errorf("%s %s: %w", p.ID, r.Version, err)
			}
		}
	}
	return a, nil
}

func (a *Available) parseRelease(id manifest.ID, r availableRelease) error {
	if a.Has(id, *r.Version) {
		return errors.New("twice")
	}
	for _, k := range r.Packages {
		runtime, platform, _ := strings.Cut(k, " ")
		if err := manifest.CheckRuntime(runtime); err != nil {
			return err
		}
		if _, err := manifest.ParsePlatform(platform); err != nil {
			return err
		}
	}
	a.add(id, *r.Version, r.Packages)
	return nil
}
