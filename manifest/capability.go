package manifest

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Capability is one thing a plugin asks for, as KIND:WHAT:
//
//	net:HOST:PORT   connect to a host; * stands for any port
//	fs:ro:PATH      read files below a path, fs:rw:PATH also write them
//	env:NAME        read an environment variable
//	host:POINT      call a service that the application offers
//	run:NAME        run a program
type Capability string

const maxCapability = 300

var (
	hostPattern = regexp.MustCompile(`^(?:\*\.)?[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*$`)
	envPattern  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`)
	runPattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$`)
)

// ParseCapability checks the form of s.
func ParseCapability(s string) (Capability, error) {
	kind, what, _ := strings.Cut(s, ":")
	if len(s) > maxCapability || !validCapability(kind, what) {
		return "", fmt.Errorf("capability %.200q: %w: want net:HOST:PORT, fs:ro:PATH, fs:rw:PATH, env:NAME, host:POINT or run:NAME", s, ErrSyntax)
	}
	return Capability(s), nil
}

func validCapability(kind, what string) bool {
	switch kind {
	case "net":
		return validNet(what)
	case "fs":
		mode, path, ok := strings.Cut(what, ":")
		return ok && (mode == "ro" || mode == "rw") && checkPath(path) == nil
	case "env":
		return envPattern.MatchString(what)
	case "host":
		return CheckPointID(what) == nil
	case "run":
		return runPattern.MatchString(what)
	}
	return false
}

func validNet(what string) bool {
	i := strings.LastIndexByte(what, ':')
	if i < 0 {
		return false
	}
	host, port := what[:i], what[i+1:]
	if n, err := strconv.Atoi(port); port != "*" && (err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port) {
		return false
	}
	if strings.HasPrefix(host, "[") {
		// One address has one text. A zone is of one machine only, and may hold anything.
		a, err := netip.ParseAddr(strings.Trim(host, "[]"))
		return err == nil && a.Is6() && a.Zone() == "" && host == "["+a.String()+"]"
	}
	return len(host) <= 253 && hostPattern.MatchString(host)
}

// Describe says c in plain words. Of a capability that [ParseCapability] refuses it
// returns the text, quoted.
func (c Capability) Describe() string {
	if _, err := ParseCapability(string(c)); err != nil {
		return strconv.Quote(string(c))
	}
	kind, what, _ := strings.Cut(string(c), ":")
	switch kind {
	case "net":
		if host, ok := strings.CutSuffix(what, ":*"); ok {
			return "connect to " + host + " on any port"
		}
		return "connect to " + what
	case "fs":
		if path, ok := strings.CutPrefix(what, "rw:"); ok {
			return "read and write files under " + path
		}
		return "read files under " + strings.TrimPrefix(what, "ro:")
	case "env":
		return "read the environment variable " + what
	case "host":
		return "use the application's service " + what
	}
	return "run the program " + what
}
