package author

import (
	"errors"
	"runtime"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// Fit says whether the plugin is for one version of an application.
type Fit struct {
	App     string          `json:"app"`
	Version version.Version `json:"version"`
	Fits    bool            `json:"fits"`
	Why     string          `json:"why,omitempty"` // not
}

// Fits says whether a version of an application would take the plugin on this platform, by
// the rules of package resolve. points are what it offers; nil: what the plugin provides.
func (f *Folder) Fits(app string, v version.Version, points []manifest.PointRef) Fit {
	facts := artifact.FactsOf(f.Manifest)
	l := resolve.Locked{
		ID: facts.ID, Version: facts.Version, Provides: facts.Provides, Offers: facts.Offers, Host: facts.Host,
	}
	for _, t := range f.Targets(true) {
		l.Packages = append(l.Packages, index.Package{Runtime: t.Runtime, Platform: t.Platform})
	}
	if points == nil {
		points = f.Manifest.Provides
	}
	h := resolve.Host{
		App: app, Version: v, Points: points, Runtimes: manifest.PackageRuntimes(),
		Platform: manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH},
	}
	lock := resolve.Lock{Requests: []resolve.Wish{{ID: l.ID}}, Plugins: []resolve.Locked{l}}
	out := Fit{App: app, Version: v, Fits: true}
	for _, err := range lock.Check(h, nil) {
		if isMisfit(err) && out.Fits {
			out.Fits, out.Why = false, err.Error()
		}
	}
	return out
}

// isMisfit reports whether an error is about the application, not about other plugins.
func isMisfit(err error) bool {
	_, host := errors.AsType[*resolve.HostRangeError](err)
	_, point := errors.AsType[*resolve.PointError](err)
	_, platform := errors.AsType[*resolve.PlatformError](err)
	return host || point || platform
}
