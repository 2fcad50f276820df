package manifest

import (
	"fmt"
	"regexp"
	"strings"
)

// Platform is an operating system and an architecture, in Go's names. Its JSON form
// is that of OCI descriptors.
type Platform struct {
	OS   string `json:"os"`
	Arch string `json:"architecture"`
}

// WasmPlatform is the platform of WebAssembly modules, which run anywhere.
var WasmPlatform = Platform{OS: "wasip1", Arch: "wasm"}

// AnyPlatform is the platform of what is not made for one: scripts, and files alone.
var AnyPlatform = Platform{OS: "any", Arch: "any"}

var platformPart = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

var runtimePattern = regexp.MustCompile(`^[a-z0-9]+(?:-[a-z0-9]+)*$`)

// maxRuntime is the length of the name of a runtime in bytes.
const maxRuntime = 40

// CheckRuntime returns an error that wraps [ErrSyntax] if s has not the form of the name of
// a runtime: lower-case letters and digits, with single dashes between them. It may be one
// that this program does not know.
func CheckRuntime(s string) error {
	if len(s) > maxRuntime || !runtimePattern.MatchString(s) {
		return fmt.Errorf("runtime %.100q: %w: want lower-case letters and digits, for example wasm", s, ErrSyntax)
	}
	return nil
}

// ParsePlatform reads "os/arch".
func ParsePlatform(s string) (Platform, error) {
	os, arch, ok := strings.Cut(s, "/")
	if !ok || !platformPart.MatchString(os) || !platformPart.MatchString(arch) {
		return Platform{}, fmt.Errorf("platform %.100q: %w: want OS/ARCH, for example linux/amd64", s, ErrSyntax)
	}
	return Platform{os, arch}, nil
}

// Fits reports whether what is made for p can be used on the platform on: it is for that
// one, or for all.
func (p Platform) Fits(on Platform) bool { return p == on || p.Everywhere() }

// Everywhere reports whether what is made for p can be used on all platforms.
func (p Platform) Everywhere() bool { return p == WasmPlatform || p == AnyPlatform }

// String returns "os/arch".
func (p Platform) String() string { return p.OS + "/" + p.Arch }
