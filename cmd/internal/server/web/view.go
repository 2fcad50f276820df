package web

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// pluginView is the data of the page of a release.
type pluginView struct {
	ID       manifest.ID
	URL      string
	Version  version.Version
	Summary  string
	License  string
	Keywords []link
	Newer    *link       // the latest release, if it is not this one
	Older    bool        // the latest release is newer than this one
	Yanked   *index.Yank // this release is withdrawn
	Pre      bool
	Install  string
	AnyApp   bool // Install holds a placeholder for the application

	Asks       []string // capabilities in words
	Enforced   bool     // the runtimes hold the plugin to Asks
	Advisory   bool     // at least one runtime does not
	Provides   []link
	Hosts      []string
	Requires   []need
	AnyOf      [][]need
	Conflicts  []need
	Offers     []link
	Providers  []link // other plugins that offer this name
	Packages   []packageView
	Date, Time string
	Digest     string
	Links      []link

	Details     *details // nil if the artifact cannot be read
	Versions    []versionRow
	AllVersions int // how many there are
}

type link struct{ URL, Text string }

type need struct {
	link
	Range    string
	Optional bool
	Init     bool
}

type packageView struct{ Runtime, Platform, Size string }

func newPluginView(p *index.Plugin, rel *index.Release, d *details) *pluginView {
	v := &pluginView{
		ID: p.ID, URL: pluginURL(p.ID), Version: rel.Version, Summary: p.Summary, License: p.License,
		Yanked: rel.State.Yanked, Pre: rel.Version.Pre != "", Digest: string(rel.Digest), Details: d,
	}
	if d != nil { // what this release says, not the latest
		v.Summary, v.License = d.Summary, d.License
		v.Links = linksOf(d.Links)
	}
	for _, k := range p.Keywords {
		v.Keywords = append(v.Keywords, link{wordURL(k), k})
	}
	if !rel.Time.IsZero() {
		v.Date, v.Time = rel.Time.UTC().Format("2 January 2006"), rel.Time.UTC().Format("2006-01-02T15:04:05Z07:00")
	}
	latest, ok := p.Latest()
	if ok && latest.Version != rel.Version {
		v.Newer = &link{v.URL, latest.Version.String()}
		v.Older = latest.Version.Compare(rel.Version) > 0
	}
	v.Install, v.AnyApp = installCommand(rel, !ok || latest.Version != rel.Version)
	v.facts(rel)
	v.Providers = namesOf(p.Providers)
	all := newestFirst(p)
	v.AllVersions = len(all)
	v.Versions = rowsOf(p.ID, all[:min(len(all), fewVersions)], rel.Version)
	return v
}

// facts fills in what the record says.
func (v *pluginView) facts(rel *index.Release) {
	for _, c := range rel.Capabilities {
		v.Asks = append(v.Asks, c.Describe())
	}
	for _, x := range rel.Packages {
		v.Packages = append(v.Packages, packageView{runtimeName(x.Runtime), platformName(x.Platform), sizeText(x.Payload.Size)})
		switch x.Runtime {
		case manifest.RuntimeWasm:
			v.Enforced = true
		case manifest.RuntimeFiles: // runs nothing
		default:
			v.Advisory = true
		}
	}
	for _, x := range rel.Provides {
		v.Provides = append(v.Provides, link{pointURL(x.ID), fmt.Sprintf("%s %d.%d", x.ID, x.Major, x.Minor)})
	}
	for _, app := range slices.Sorted(maps.Keys(rel.Host)) {
		v.Hosts = append(v.Hosts, app+" "+rangeText(rel.Host[app]))
	}
	v.Requires, v.Conflicts = needsOf(rel.Requires), needsOf(rel.Conflicts)
	for _, list := range rel.AnyOf {
		v.AnyOf = append(v.AnyOf, needsOf(list))
	}
	for _, o := range rel.Offers {
		v.Offers = append(v.Offers, link{pluginURL(o.ID), fmt.Sprintf("%s %s", o.ID, o.Version)})
	}
}

// namesOf links to the pages of plugins.
func namesOf(ids []manifest.ID) []link {
	var out []link
	for _, id := range ids {
		out = append(out, link{pluginURL(id), string(id)})
	}
	return out
}

func needsOf(list []manifest.Need) []need {
	var out []need
	for _, n := range list {
		out = append(out, need{link{pluginURL(n.ID), string(n.ID)}, rangeText(n.Range), n.Optional, n.Init})
	}
	return out
}

func rangeText(r version.Range) string {
	if r.IsAny() {
		return "any version"
	}
	return r.String()
}

// linkNames are the kinds of links in the order of the page.
var linkNames = []struct{ kind, name string }{
	{"homepage", "Home page"}, {"docs", "Documentation"}, {"source", "Source code"}, {"issues", "Problems and wishes"}, {"changelog", "Changes"},
}

func linksOf(m map[string]string) []link {
	var out []link
	for _, x := range linkNames {
		if u := m[x.kind]; u != "" {
			out = append(out, link{u, x.name})
		}
	}
	return out
}

// installCommand is what a user types. If the plugin is for one application, the
// command names it; otherwise it holds a placeholder.
func installCommand(rel *index.Release, pinned bool) (command string, placeholder bool) {
	what := string(rel.ID)
	if pinned {
		what += "@" + rel.Version.String()
	}
	app := "APP"
	if len(rel.Host) == 1 {
		for name := range rel.Host {
			app = name
		}
	}
	return fmt.Sprintf("plugstead install --app %s %s", app, what), len(rel.Host) != 1
}

func runtimeName(s string) string {
	switch s {
	case manifest.RuntimeWasm:
		return "WebAssembly"
	case manifest.RuntimeProcess:
		return "program"
	case manifest.RuntimeCommand:
		return "command"
	case manifest.RuntimeFiles:
		return "files"
	}
	return s
}

func platformName(p manifest.Platform) string {
	if p.Everywhere() {
		return "every platform"
	}
	return p.String()
}

// sizeText writes a number of bytes with three digits at most.
func sizeText(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB"} {
		if f /= 1024; f < 999.5 {
			break
		}
	}
	precision := 0
	if f < 99.95 {
		precision = 1
	}
	return strconv.FormatFloat(f, 'f', precision, 64) + " " + unit
}
