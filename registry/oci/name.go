package oci

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/manifest"
)

// ErrName says that a text is no name of a plain registry.
var ErrName = errors.New("not a plain OCI registry; want oci://HOST[:PORT][/PREFIX]")

// maxRepository is the length of the name of a repository in bytes.
const maxRepository = 255

// Name is the name of a source, as docs/spec/oci-source.md describes it.
type Name struct {
	identity string
	base     string // http or https address
	prefix   string // with a slash at its end, or ""
}

// Is reports whether s is meant as the name of a plain registry. [Parse] may refuse it.
func Is(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	scheme = strings.ToLower(scheme)
	return ok && (scheme == "oci" || strings.HasPrefix(scheme, "oci+"))
}

var (
	// hostPattern is what a host looks like in lower case; an address of IPv6 is checked again.
	hostPattern = regexp.MustCompile(`^(?:[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])$`)
	// pathPattern is the grammar of repository names in OCI Distribution 1.1.
	pathPattern = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
)

// Parse reads the name of a source. The error wraps [ErrName] and has no password in it.
func Parse(s string) (Name, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "oci" && scheme != "oci+http" {
		return Name{}, nameError(s)
	}
	authority, prefix, _ := strings.Cut(rest, "/")
	host, port, ok := cutPort(strings.ToLower(authority))
	prefix = strings.TrimRight(prefix, "/")
	if !ok || prefix != "" && (len(prefix) > maxRepository || !pathPattern.MatchString(prefix)) {
		return Name{}, nameError(s)
	}
	n := Name{prefix: prefix}
	if prefix != "" {
		n.prefix += "/"
	}
	here := local(host)
	protocol := "https"
	if here {
		scheme = "oci"
	}
	if here || scheme == "oci+http" {
		protocol = "http"
	}
	if protocol == "https" && port == "443" || protocol == "http" && port == "80" {
		port = ""
	}
	at := host
	if host == "docker.io" || host == "index.docker.io" {
		host, at = "docker.io", "registry-1.docker.io"
	}
	if port != "" {
		port = ":" + port
	}
	n.base = protocol + "://" + at + port
	n.identity = strings.TrimSuffix(scheme+"://"+host+port+"/"+prefix, "/")
	return n, nil
}

// cutPort splits host and port, which may be "".
func cutPort(authority string) (host, port string, ok bool) {
	host = authority
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		host, port = authority[:i], authority[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port != strconv.FormatUint(n, 10) {
			return "", "", false
		}
	}
	if len(host) > 255 || !hostPattern.MatchString(host) {
		return "", "", false
	}
	if host[0] == '[' {
		ip, err := netip.ParseAddr(host[1 : len(host)-1])
		if err != nil || !ip.Is6() {
			return "", "", false
		}
		host = "[" + ip.String() + "]"
	}
	return host, port, true
}

// local reports whether a host is this machine.
func local(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func nameError(s string) error {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = "oci://…" + s[i:]
	}
	return fmt.Errorf("%.200q: %w", s, ErrName)
}

// String returns the canonical spelling, which names the source in a lock.
func (n Name) String() string { return n.identity }

// Base returns the http or https address of the registry.
func (n Name) Base() string { return n.base }

// Repository returns the name of the repository of a plugin, or [ErrName] if it is longer than
// 255 bytes.
func (n Name) Repository(id manifest.ID) (string, error) {
	name := n.prefix + string(id)
	if len(name) > maxRepository || !pathPattern.MatchString(name) {
		return "", fmt.Errorf("%s in %s: %w, and no repository name of more than %d bytes", id, n, ErrName, maxRepository)
	}
	return name, nil
}
