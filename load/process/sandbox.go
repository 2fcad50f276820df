package process

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/confine"
)

// Sandbox says whether programs are confined to what was granted. It is there on Linux; what
// a plugin got is in [load.Confinement] and in the log.
//
// A confined plugin reads and runs what is in its package and the programs and libraries of
// the system, reads and changes its private folder, and what fs: grants name below
// [Driver.Files]; one whose grant leads over a symbolic link there does not start. It connects to
// the TCP ports of net: grants, whatever the host. UDP and MPTCP stay open, so that the
// network is no boundary for a plugin that wants around it. It gets no privileges of
// programs with the set-user-id bit, and sends signals to nobody but what it has started, and
// its host.
// There is no folder for temporary files but its own. It cannot read /proc.
type Sandbox int

// The degrees of confinement.
const (
	SandboxOff     Sandbox = iota // none
	SandboxTry                    // what this kernel can; the log says what is missing
	SandboxRequire                // files at least, or the start fails with FailedPrecondition
)

// Limits bound what one process of a plugin, and each that it starts, may use. They are set
// just after the start. 0: as the host has it. Only Linux has them.
type Limits struct {
	OpenFiles int   // descriptors
	FileSize  int64 // of a file that it writes, bytes
	Memory    int64 // of addresses, bytes; runtimes of languages reserve more than they use
}

// system is what programs need of it to run at all.
var system = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store",
	"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/ca-certificates.conf", "/etc/crypto-policies",
	"/etc/resolv.conf", "/run/systemd/resolve", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
	"/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/alternatives", "/etc/localtime", "/etc/timezone", "/etc/mime.types", "/etc/locale.alias",
	"/dev/urandom", "/dev/random", "/dev/zero", "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage",
}

// sandbox is how one program is confined.
type sandbox struct {
	rules confine.Rules
	level confine.Level
	limit Limits
}

// sandbox returns how the plugin of im is confined, or nil.
func (d Driver) sandbox(im load.Image, s load.Spec) (*sandbox, error) {
	if d.Sandbox == SandboxOff && d.Limits == (Limits{}) {
		return nil, nil
	}
	x := &sandbox{limit: d.Limits, level: confine.Level{Missing: confine.Supported().Missing}}
	if d.Sandbox == SandboxOff {
		return x, nil
	}
	x.level = confine.Supported()
	if d.Sandbox == SandboxRequire && !slices.Contains(x.level.Active, confine.Files) {
		return nil, contract.Errorf(contract.FailedPrecondition, "start %s: sandbox: %w", im.Manifest.ID, confine.ErrUnsupported)
	}
	x.rules = d.rules(im, s)
	if missing := x.level.Missing; len(missing) > 0 {
		s.Logger().Warn("the sandbox of this system is not complete", "missing", strings.Join(missing, ", "))
	}
	return x, nil
}

// rules says what a plugin may do that was granted s.Grants.
func (d Driver) rules(im load.Image, s load.Spec) confine.Rules {
	r := confine.Rules{Read: append([]string{im.Tree}, system...), Write: []string{"/dev/null"}, Below: d.Files}
	if s.DataDir != "" {
		r.Write = append(r.Write, s.DataDir)
	}
	for _, g := range s.Grants {
		kind, rest, _ := strings.Cut(string(g), ":")
		mode, path, _ := strings.Cut(rest, ":")
		path = filepath.FromSlash(path)
		switch {
		case kind == "fs" && !filepath.IsAbs(d.Files):
		case kind == "fs" && mode == "rw":
			r.BelowWrite = append(r.BelowWrite, path)
		case kind == "fs":
			r.BelowRead = append(r.BelowRead, path)
		case kind == "net":
			port := rest[strings.LastIndexByte(rest, ':')+1:]
			n, err := strconv.ParseUint(port, 10, 16)
			if r.Net = r.Net || port == "*"; err == nil {
				r.Ports = append(r.Ports, uint16(n))
			}
		}
	}
	return r
}

// taints reports whether apply leaves a thread that has to end with its goroutine.
func (x *sandbox) taints() bool { return x != nil && len(x.level.Active) > 0 }

// apply confines the calling thread.
func (x *sandbox) apply() error {
	if !x.taints() {
		return nil
	}
	if err := confine.Thread(x.rules); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}

var _ load.Confined = (*instance)(nil)

// Confinement implements load.Confined.
func (i *instance) Confinement() load.Confinement {
	if i.child.sandbox == nil {
		return load.Confinement{Missing: []string{confine.Privileges, confine.Files, confine.TCP, confine.Processes}}
	}
	return load.Confinement(i.child.sandbox.level)
}
