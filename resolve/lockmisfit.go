package resolve

import (
	"fmt"
	"strings"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// AppError says that a lock is for another application.
type AppError struct{ Lock, Host string }

// Error names both applications.
func (e *AppError) Error() string {
	return fmt.Sprintf("the lock is for %s, not for %s", e.Lock, e.Host)
}

// DriftError says that what is asked for is not what a lock answers. The lists are
// sorted by id.
type DriftError struct {
	Added   []Wish // asked for, and not in the lock
	Removed []Wish // in the lock, and not asked for
	Changed []Wish // asked for in another way than the lock has it
}

// Error lists the requests that differ, one a line.
func (e *DriftError) Error() string {
	lines := []string{"the requests are not those of the lock"}
	for _, c := range []struct {
		what string
		list []Wish
	}{{"added", e.Added}, {"removed", e.Removed}, {"changed", e.Changed}} {
		for _, w := range c.list {
			lines = append(lines, fmt.Sprintf("%s %s %s", c.what, w.ID, w.asked()))
		}
	}
	return strings.Join(lines, "\n  ")
}

// asked returns the range of w, and whether pre-releases may be chosen.
func (w Wish) asked() string {
	if w.Pre {
		return w.Range.String() + " with pre-releases"
	}
	return w.Range.String()
}

// PlatformError says that there is nothing to install on a platform.
type PlatformError struct {
	ID       manifest.ID // "": the lock was not made for the platform
	Version  version.Version
	Platform manifest.Platform
	Have     []string // "runtime on os/arch" of the plugin, or the platforms of the lock
}

// Error names the platform and what there is in its place.
func (e *PlatformError) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("the lock is for %s, not for %s", strings.Join(e.Have, ", "), e.Platform)
	}
	have := "no platform"
	if len(e.Have) > 0 {
		have = strings.Join(e.Have, ", ")
	}
	return fmt.Sprintf("%s %s has no package for %s; it has %s", e.ID, e.Version, e.Platform, have)
}

// HostRangeError says that a plugin is not for this application, or not for its
// version.
type HostRangeError struct {
	ID      manifest.ID
	Version version.Version
	App     string
	Host    version.Version
	Range   version.Range // of the application; the zero value if the plugin is for others only
	Others  []string      // applications it is for, if App is none of them
}

// Error names the plugin, the range and the version of the application.
func (e *HostRangeError) Error() string {
	if len(e.Others) > 0 {
		return fmt.Sprintf("%s %s is for %s, not for %s", e.ID, e.Version, strings.Join(e.Others, ", "), e.App)
	}
	return fmt.Sprintf("%s %s needs %s %s, this is %s", e.ID, e.Version, e.App, e.Range, e.Host)
}

// PointError says that a plugin and the application do not agree on extension points.
type PointError struct {
	ID       manifest.ID
	Version  version.Version
	Provides manifest.PointRef   // the zero value: a requested plugin serves no point of the application
	Offers   []manifest.PointRef // versions of the same point that the application offers
}

// Error names the plugin and the point.
func (e *PointError) Error() string {
	if e.Provides.ID == "" {
		return fmt.Sprintf("%s %s provides no extension point of the application", e.ID, e.Version)
	}
	var offers []string
	for _, o := range e.Offers {
		offers = append(offers, fmt.Sprintf("%d.%d", o.Major, o.Minor))
	}
	return fmt.Sprintf("%s %s provides %s, the application offers %s", e.ID, e.Version, e.Provides, strings.Join(offers, " and "))
}

// NeedError says that a lock lacks what is needed in it.
type NeedError struct {
	By    string      // "you", "a pin", or "namespace/name version"
	ID    manifest.ID // what is needed; "" if it is one of several
	Range version.Range
	Have  version.Version // in the lock; the zero value: it is not there
	OneOf []manifest.Need // alternatives, of which the lock has none
}

// Error names who needs what, and what there is.
func (e *NeedError) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("%s requires %s; the lock has none of them", e.By, anyOfText(e.OneOf))
	}
	verb := "requires"
	if e.By == You {
		verb = "asked for"
	}
	have := "the lock does not have it"
	if !e.Have.IsZero() {
		have = "the lock has " + e.Have.String()
	}
	return fmt.Sprintf("%s %s %s %s; %s", e.By, verb, e.ID, e.Range, have)
}

// ClashError says that a plugin of a lock excludes another.
type ClashError struct {
	ID           manifest.ID
	Version      version.Version
	Other        manifest.ID
	OtherVersion version.Version
	Declared     manifest.Need // what is excluded: Other, or a name it offers
}

// Error names both plugins.
func (e *ClashError) Error() string {
	return fmt.Sprintf("%s %s conflicts with %s %s; the lock has %s %s", e.ID, e.Version, e.Declared.ID, e.Declared.Range, e.Other, e.OtherVersion)
}

// OrphanError says that a plugin of a lock is there for no request.
type OrphanError struct {
	ID      manifest.ID
	Version version.Version
}

// Error names the plugin.
func (e *OrphanError) Error() string { return fmt.Sprintf("nobody needs %s %s", e.ID, e.Version) }
