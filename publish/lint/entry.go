package lint

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/plugstead/plugstead/manifest"
)

// entries checks that what a runtime starts can be started there.
func entries(s *subject) (out []string) {
	for _, p := range s.payloads {
		entry, _ := s.Manifest.Runtimes.Entry(p.runtime, p.platform)
		for _, f := range p.files {
			if f.path != entry {
				continue
			}
			if why := wrongEntry(p.runtime, p.platform, f.head); why != "" {
				out = append(out, fmt.Sprintf("%s for %s: %s", entry, p.platform, why))
			}
		}
	}
	return out
}

// wrongEntry says why a file that begins with head cannot be started, or "".
func wrongEntry(runtime string, p manifest.Platform, head []byte) string {
	switch {
	case p == manifest.AnyPlatform:
		if os, _ := formatOf(head); os != "script" {
			return "it is no script: its first line has to name an interpreter, for example #!/bin/sh"
		}
		return ""
	case runtime == manifest.RuntimeWasm:
		if !bytes.HasPrefix(head, []byte("\x00asm\x01\x00\x00\x00")) {
			return "it is no WebAssembly module"
		}
		return ""
	}
	return wrongProgram(p, head)
}

// wrongProgram says why a program for p that begins with head cannot be started, or "".
func wrongProgram(p manifest.Platform, head []byte) string {
	os, arch := formatOf(head)
	switch {
	case os == "script" && p.OS != "windows":
		return ""
	case os == "":
		return "it is no program and no script"
	case os == "elf" && p.OS != "windows" && p.OS != "darwin", os == p.OS:
	default:
		return "it is a program for another system"
	}
	if arch != "" && arch != p.Arch {
		return "it is a program for " + arch
	}
	return ""
}

// Machine numbers of the formats of programs, by name of the Go architecture.
var (
	elfMachines = map[uint16]string{3: "386", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64", 258: "loong64", 22: "s390x"}
	peMachines  = map[uint16]string{0x14c: "386", 0x8664: "amd64", 0xaa64: "arm64"}
	machOTypes  = map[uint32]string{0x01000007: "amd64", 0x0100000c: "arm64"}
)

// formatOf says what a program is for: the system, "elf" for those that share the format,
// "script" for one that names its interpreter, "" for no program. An architecture that is
// not known, or one of several, is "".
func formatOf(head []byte) (os, arch string) {
	le := binary.LittleEndian
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		return "script", ""
	case bytes.HasPrefix(head, []byte("\x7fELF")) && len(head) >= 20:
		if head[5] == 2 { // big endian
			return "elf", elfMachines[binary.BigEndian.Uint16(head[18:])]
		}
		return "elf", elfMachines[le.Uint16(head[18:])]
	case bytes.HasPrefix(head, []byte("\xcf\xfa\xed\xfe")) && len(head) >= 8:
		return "darwin", machOTypes[le.Uint32(head[4:])]
	case bytes.HasPrefix(head, []byte("\xca\xfe\xba\xbe")):
		return "darwin", "" // several architectures in one file
	case bytes.HasPrefix(head, []byte("MZ")) && len(head) >= 64:
		if at := int(le.Uint32(head[60:])); at >= 0 && at <= len(head)-6 && bytes.HasPrefix(head[at:], []byte("PE\x00\x00")) {
			return "windows", peMachines[le.Uint16(head[at+4:])]
		}
		return "windows", ""
	}
	return "", ""
}
