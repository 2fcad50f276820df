package manifest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Built is what the built plugin said of itself when it was packed: the points it really
// implements, and what configuration it takes. It stands in plugin.json and not in plugin.yaml.
type Built struct {
	Methods []Method `json:"methods"`          // sorted by path
	Config  string   `json:"config,omitempty"` // text of the JSON schema of the configuration
}

// Method is one method that a plugin implements.
type Method struct {
	Path        string `json:"path"`                  // /POINT.vMAJOR/NAME
	Minor       int    `json:"minor,omitempty"`       // of the point that it was built against
	Kind        int    `json:"kind,omitempty"`        // 0 unary, 1 server, 2 client, 3 bidirectional stream
	Fingerprint string `json:"fingerprint,omitempty"` // of its types, 16 hexadecimal digits; "": not known
}

// Limits of [Built].
const (
	MaxMethods = 2000
	MaxSchema  = 256 << 10 // bytes
)

var (
	methodPath  = regexp.MustCompile(`^/[a-z0-9._/-]{1,200}\.v(0|[1-9][0-9]{0,3})/[A-Za-z0-9_]{1,64}$`)
	fingerprint = regexp.MustCompile(`^([0-9a-f]{16})?$`)
)

// Prefix is what the paths of a point's methods begin with.
func (r PointRef) Prefix() string { return fmt.Sprintf("/%s.v%d/", r.ID, r.Major) }

// WithoutPromises returns m without the points that it provides.
func (m *Manifest) WithoutPromises() *Manifest {
	bare := *m
	bare.Provides = nil
	return &bare
}

// Method returns the method of a path.
func (b *Built) Method(path string) (Method, bool) {
	if b != nil {
		for _, m := range b.Methods {
			if m.Path == path {
				return m, true
			}
		}
	}
	return Method{}, false
}

// built checks m.Built, and that a point that m promises has methods there.
func (v *validator) built(m *Manifest) {
	if m.Built == nil || !v.limit("built.methods", len(m.Built.Methods), MaxMethods) {
		return
	}
	last := ""
	for _, x := range m.Built.Methods {
		switch {
		case !methodPath.MatchString(x.Path):
			v.add("built.methods", "", "method %.300q: want /POINT.vMAJOR/NAME", x.Path)
		case x.Path <= last:
			v.add("built.methods", "", "method %s stands behind %s", x.Path, last)
		case x.Minor < 0 || x.Minor > 9999 || x.Kind < 0 || x.Kind > 3 || !fingerprint.MatchString(x.Fingerprint):
			v.add("built.methods", "", "method %s: minor version %d, kind %d, fingerprint %.40q", x.Path, x.Minor, x.Kind, x.Fingerprint)
		}
		last = x.Path
	}
	for _, p := range m.Provides {
		switch minor := m.Built.minor(p); {
		case minor < 0:
			v.add("provides", string(p.ID), "the built plugin has no method of %s", p)
		case minor < p.Minor:
			v.add("provides", string(p.ID), "the built plugin has %s in minor version %d, not %d", p.ID, minor, p.Minor)
		}
	}
	var schema map[string]any
	if c := m.Built.Config; c != "" && (len(c) > MaxSchema || json.Unmarshal([]byte(c), &schema) != nil || schema == nil) {
		v.add("built.config", "", "want a JSON schema, one object of at most %d bytes", MaxSchema)
	}
}

// minor returns the minor version of a point that the plugin was built against, below 0 if it
// has no method of the point.
func (b *Built) minor(p PointRef) int {
	minor := -1
	for _, x := range b.Methods {
		if strings.HasPrefix(x.Path, p.Prefix()) {
			minor = max(minor, x.Minor)
		}
	}
	return minor
}
