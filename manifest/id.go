package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ErrSyntax says that a text has not the form it should have.
var ErrSyntax = errors.New("syntax error")

// ID names a plugin: "namespace/name". Every id is a valid OCI repository name.
type ID string

// maxPart is the length of a namespace and of a name, in bytes.
const maxPart = 64

var partPattern = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$`)

// ParseID checks the form of s: two parts of lower-case letters and digits, in
// which single dots, underscores and dashes may stand between others.
func ParseID(s string) (ID, error) {
	ns, name, ok := strings.Cut(s, "/")
	if !ok || !validPart(ns) || !validPart(name) {
		return "", fmt.Errorf("plugin name %.200q: %w: want namespace/name in lower-case letters, digits, and . _ - between them", s, ErrSyntax)
	}
	return ID(s), nil
}

func validPart(s string) bool { return len(s) <= maxPart && partPattern.MatchString(s) }

// Namespace returns the part before the slash.
func (id ID) Namespace() string {
	ns, _, _ := strings.Cut(string(id), "/")
	return ns
}

// Name returns the part behind the slash.
func (id ID) Name() string {
	_, name, _ := strings.Cut(string(id), "/")
	return name
}

// PointRef names an extension point with the version of its contract.
type PointRef struct {
	ID    string `json:"id"`
	Major int    `json:"major"`
	Minor int    `json:"minor"`
}

const maxPoint = 200

var pointPattern = regexp.MustCompile(`^[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$`)

// CheckPointID checks the name of an extension point: a domain name the owner
// controls, then path segments.
func CheckPointID(s string) error {
	if len(s) > maxPoint || !pointPattern.MatchString(s) {
		return fmt.Errorf("extension point %.200q: %w: want a name like acme.dev/greeter", s, ErrSyntax)
	}
	return nil
}

// ParsePointRef reads "acme.dev/greeter@1.2".
func ParsePointRef(s string) (PointRef, error) {
	id, v, ok := strings.Cut(s, "@")
	if !ok {
		return PointRef{}, fmt.Errorf("extension point %.200q: %w: want ID@MAJOR.MINOR", s, ErrSyntax)
	}
	return NewPointRef(id, v)
}

// NewPointRef joins the name of a point and a "major.minor".
func NewPointRef(id, v string) (PointRef, error) {
	if err := CheckPointID(id); err != nil {
		return PointRef{}, err
	}
	p := PointRef{ID: id}
	major, minor, ok := strings.Cut(v, ".")
	var err1, err2 error
	p.Major, err1 = smallNumber(major)
	p.Minor, err2 = smallNumber(minor)
	if !ok || err1 != nil || err2 != nil {
		return PointRef{}, fmt.Errorf("extension point %s: version %.40q: %w: want MAJOR.MINOR", id, v, ErrSyntax)
	}
	return p, nil
}

// Check returns an error that wraps [ErrSyntax] if the name is none of a point, or a number
// of the version is not between 0 and 9999.
func (p PointRef) Check() error {
	if err := CheckPointID(p.ID); err != nil {
		return err
	}
	if p.Major < 0 || p.Minor < 0 || p.Major > 9999 || p.Minor > 9999 {
		return fmt.Errorf("extension point %s: version %d.%d: %w: want numbers from 0 to 9999", p.ID, p.Major, p.Minor, ErrSyntax)
	}
	return nil
}

// smallNumber reads 0 to 9999 without leading zeros.
func smallNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 9999 || strconv.Itoa(n) != s {
		return 0, ErrSyntax
	}
	return n, nil
}

// String returns the form that [ParsePointRef] reads.
func (p PointRef) String() string { return fmt.Sprintf("%s@%d.%d", p.ID, p.Major, p.Minor) }
