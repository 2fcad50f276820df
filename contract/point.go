package contract

import (
	"fmt"
	"slices"
	"strings"
)

// Point is an extension point: an id, a major and a minor version, and methods.
// It is made at initialisation and safe for concurrent use after it.
type Point struct {
	id           string
	major, minor int
	codec        Codec
	methods      []*Method
}

// PointOptions are the optional properties of a point.
type PointOptions struct {
	Codec Codec // of messages that leave the process; default [CBOR]
}

const (
	maxVersion = 9999
	maxPointID = 200
)

// Define makes an extension point. The id is a domain name that its owner controls,
// then path segments, as in "acme.dev/greeter". Another major version is another
// point; a minor version adds optional fields and methods.
//
// It panics if the id has a wrong form or a version is not in 0 to 9999, because
// points are package variables.
func Define(id string, major, minor int, o ...PointOptions) *Point {
	if !ValidPointID(id) {
		panic(fmt.Sprintf("contract: extension point %q: want a name like acme.dev/greeter", id))
	}
	if min(major, minor) < 0 || max(major, minor) > maxVersion {
		panic(fmt.Sprintf("contract: extension point %s: version %d.%d: want numbers from 0 to %d", id, major, minor, maxVersion))
	}
	p := &Point{id: id, major: major, minor: minor, codec: CBOR}
	for _, o := range o {
		if o.Codec != nil {
			p.codec = o.Codec
		}
	}
	return p
}

// ID returns the name of the point, without a version.
func (p *Point) ID() string { return p.id }

// Major returns the major version.
func (p *Point) Major() int { return p.major }

// Minor returns the minor version.
func (p *Point) Minor() int { return p.minor }

// Codec returns the codec of the point's messages.
func (p *Point) Codec() Codec { return p.codec }

// Methods returns the methods in the order of their definition.
func (p *Point) Methods() []*Method { return slices.Clone(p.methods) }

// String returns "id@major.minor".
func (p *Point) String() string { return fmt.Sprintf("%s@%d.%d", p.id, p.major, p.minor) }

// ValidPointID reports whether s is the name of an extension point: a domain name in
// lower case, then path segments of letters and digits with . _ - between them.
func ValidPointID(s string) bool {
	if len(s) > maxPointID {
		return false
	}
	domain, path, hasPath := strings.Cut(s, "/")
	for label := range strings.SplitSeq(domain, ".") {
		if !validWords(label, "-") {
			return false
		}
	}
	if !hasPath {
		return true
	}
	for segment := range strings.SplitSeq(path, "/") {
		if !validWords(segment, "._-") {
			return false
		}
	}
	return true
}

// validWords reports whether s is lower-case letters and digits with any number of
// joints between them.
func validWords(s, joints string) bool {
	if s == "" || !isAlnum(s[0]) || !isAlnum(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && strings.IndexByte(joints, c) < 0 {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
