package manifest

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/plugstead/plugstead/version"
)

// Limits of a manifest.
const (
	MaxSummary      = 200 // characters
	MaxKeywords     = 20
	maxKeyword      = 40
	maxLicense      = 200
	maxBuild        = 500 // bytes
	maxLink         = 500
	MaxList         = 200 // entries of any list or map without a limit of its own
	MaxOffers       = 20  // names a plugin stands in for: a registry rewrites a document for each
	maxChoice       = 20  // names in one entry of any_of
	maxStateVersion = 9999
)

var (
	keywordPattern = regexp.MustCompile(`^[a-z0-9]+(?:[ ._+-][a-z0-9]+)*$`)
	buildPattern   = regexp.MustCompile(`^[A-Za-z0-9_./@%+=:,-]+(?: [A-Za-z0-9_./@%+=:,-]+)*$`)
	licensePattern = regexp.MustCompile(`^[A-Za-z0-9.+() -]+$`)
)

// Validate reports every mistake in m as [Errors], without positions.
func (m *Manifest) Validate() error {
	v := &validator{file: "plugin.json"}
	v.manifest(m)
	return v.errs.result()
}

// validator collects mistakes. at finds where a key stands, if anybody knows.
type validator struct {
	file string
	at   func(key string) (line, column int)
	errs Errors
}

func (v *validator) add(key, hint, format string, args ...any) {
	e := &Error{File: v.file, Key: key, Msg: fmt.Sprintf(format, args...), Hint: hint}
	if v.at != nil {
		e.Line, e.Column = v.at(key)
	}
	v.errs = append(v.errs, e)
}

func (v *validator) check(key string, err error) {
	if err != nil {
		v.add(key, "", "%v", err)
	}
}

func (v *validator) manifest(m *Manifest) {
	if _, err := ParseID(string(m.ID)); err != nil {
		v.add("id", "", "%v", err)
	}
	if m.Version.IsZero() {
		v.add("version", "", "missing or 0.0.0; want MAJOR.MINOR.PATCH")
	}
	v.texts(m)
	v.links(m.Links)
	v.provides(m.Provides)
	v.host(m.Host)
	v.needs("requires", m.ID, m.Requires)
	v.anyOf(m.ID, m.AnyOf)
	v.needs("conflicts", m.ID, m.Conflicts)
	v.bare("conflicts", m.Conflicts)
	v.offers(m.ID, m.Offers)
	v.runtimes(m.Runtimes)
	v.paths(m)
	v.capabilities(m.Capabilities)
	v.built(m)
	v.hooks(m)
	if m.State.Version < 0 || m.State.Version > maxStateVersion {
		v.add("state.version", "", "%d is not between 0 and %d", m.State.Version, maxStateVersion)
	}
}

// limit reports whether so many entries are allowed. Lists beyond it are not looked
// into: comparing each entry with all others would take hours.
func (v *validator) limit(key string, n, most int) bool {
	if n > most {
		v.add(key, "", "%d entries, more than the limit of %d", n, most)
	}
	return n <= most
}

func (v *validator) host(host map[string]version.Range) {
	if !v.limit("host", len(host), MaxList) {
		return
	}
	for _, app := range sortedKeys(host) {
		if !validPart(app) {
			v.add("host."+app, "", "not the name of an application: want lower-case letters, digits, and . _ - between them")
		}
		if host[app].IsEmpty() {
			v.add("host."+app, "", "no version is in the range %s", host[app])
		}
	}
}

func (v *validator) texts(m *Manifest) {
	v.check("summary", checkLine(m.Summary, MaxSummary))
	if m.Build != "" && (len(m.Build) > maxBuild || !buildPattern.MatchString(m.Build)) {
		v.add("build", "", "%.60q: want a command and its words, with single spaces between them: no shell reads it, so what needs more is a script of its own", m.Build)
	}
	if m.License != "" && (len(m.License) > maxLicense || !licensePattern.MatchString(m.License)) {
		v.add("license", "", "%.40q is no SPDX licence expression", m.License)
	}
	if !v.limit("keywords", len(m.Keywords), MaxKeywords) {
		return
	}
	for i, k := range m.Keywords {
		if len(k) > maxKeyword || !keywordPattern.MatchString(k) {
			v.add("keywords", "", "%.60q: want lower-case letters and digits, at most %d bytes", k, maxKeyword)
		}
		if slices.Contains(m.Keywords[:i], k) {
			v.add("keywords", "", "%.60q twice", k)
		}
	}
}

// checkLine accepts a short text of one line.
func checkLine(s string, limit int) error {
	if !utf8.ValidString(s) {
		return errors.New("not UTF-8")
	}
	if n := utf8.RuneCountInString(s); n > limit {
		return fmt.Errorf("%d characters, more than the limit of %d", n, limit)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
		return errors.New("line breaks and control characters are not allowed")
	}
	return nil
}

func (v *validator) links(links map[string]string) {
	for _, kind := range sortedKeys(links) {
		if !slices.Contains(linkKinds, kind) {
			v.add("links."+kind, nearest(kind, linkKinds), "unknown kind of link")
			continue
		}
		if !validLink(links[kind]) {
			v.add("links."+kind, "", "%.100q is no http or https address", links[kind])
		}
	}
}

// validLink accepts an address that is safe to show and to follow.
func validLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxLink && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func (v *validator) provides(list []PointRef) {
	if !v.limit("provides", len(list), MaxList) {
		return
	}
	for i, p := range list {
		v.check("provides."+p.ID, p.Check())
		if slices.ContainsFunc(list[:i], func(q PointRef) bool { return q.ID == p.ID && q.Major == p.Major }) {
			v.add("provides."+p.ID, "", "twice with major %d", p.Major)
		}
	}
}

func (v *validator) runtimes(r Runtimes) {
	if len(r.Names()) == 0 {
		v.add("runtimes", "", "name at least one of wasm, process, command and files")
	}
	if r.Wasm != nil {
		v.check("runtimes.wasm.module", checkPath(r.Wasm.Module))
	}
	if r.Process != nil {
		v.platforms("runtimes.process.platforms", r.Process.Platforms)
	}
	if r.Command != nil {
		v.command(r.Command)
	}
	if r.Files != nil {
		v.check("runtimes.files.folder", checkPath(r.Files.Folder))
	}
}

func (v *validator) command(c *CommandRuntime) {
	switch {
	case c.Script != "" && c.Platforms != nil:
		v.add("runtimes.command", "", "want script or platforms, not both")
	case c.Platforms != nil:
		v.platforms("runtimes.command.platforms", c.Platforms)
	case c.Script != "":
		v.check("runtimes.command.script", checkPath(c.Script))
	default:
		v.add("runtimes.command", "", "want script, or platforms with a program for each")
	}
}

// platforms checks programs by platform.
func (v *validator) platforms(key string, m map[string]string) {
	if len(m) == 0 {
		v.add(key, "", "name at least one platform")
	}
	if !v.limit(key, len(m), MaxList) {
		return
	}
	for _, s := range sortedKeys(m) {
		at := key + "." + s
		p, err := ParsePlatform(s)
		v.check(at, err)
		if p == AnyPlatform {
			v.add(at, "", "a program is made for one system")
		}
		v.check(at, checkPath(m[s]))
	}
}

func (v *validator) paths(m *Manifest) {
	if v.limit("files", len(m.Files), MaxList) {
		for i, f := range m.Files {
			v.check("files", checkPath(f))
			if slices.Contains(m.Files[:i], f) {
				v.add("files", "", "%.100q twice", f)
			}
		}
	}
	if m.Config != "" {
		v.check("config", checkPath(m.Config))
	}
}

func (v *validator) capabilities(list []Capability) {
	if !v.limit("capabilities", len(list), MaxList) {
		return
	}
	for i, c := range list {
		_, err := ParseCapability(string(c))
		v.check("capabilities", err)
		if slices.Contains(list[:i], c) {
			v.add("capabilities", "", "%.100q twice", c)
		}
	}
}
