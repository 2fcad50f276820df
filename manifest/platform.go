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

var platformPart = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// ParsePlatform reads "os/arch".
func ParsePlatform(s string) (Platform, error) {
	os, arch, ok := strings.Cut(s, "/")
	if !ok || !platformPart.MatchString(os) || !platformPart.MatchString(arch) {
		return Platform{}, fmt.Errorf("platform %.100q: %w: want OS/ARCH, for example linux/amd64", s, ErrSyntax)
	}
	return Platform{os, arch}, nil
}

// String returns "os/arch".
func (p Platform) String() string { return p.OS + "/" + p.Arch }
