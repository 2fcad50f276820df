package client

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// ErrAddress says that a text is meant as the address of a registry and is none.
var ErrAddress = errors.New("not the address of a registry; want http://HOST or https://HOST")

// noScheme is HOST:PORT, which people write for http://HOST:PORT. A folder of such a
// name can be written ./HOST:PORT.
var noScheme = regexp.MustCompile(`^[^/\\:]+:[0-9]+(/|$)`)

// IsAddress reports whether s is meant as the address of a registry and not as the
// path of a folder. It returns [ErrAddress] for an address that no registry can have:
// one with another scheme, or HOST:PORT without one. Without this, publishing to a
// mistyped address would make a folder of that name.
func IsAddress(s string) (bool, error) {
	scheme, _, ok := strings.Cut(s, "://")
	switch {
	case ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")):
		return true, nil
	case ok || noScheme.MatchString(s):
		return false, addressError(s)
	}
	return false, nil
}

// parseAddress parses what [New] accepts. An address never holds a password: it is
// shown in messages and written into lock files.
func parseAddress(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, addressError(s)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, nil
}

// addressError names the address without the password that may stand in it.
func addressError(s string) error {
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		if i := strings.LastIndexByte(rest, '@'); i >= 0 {
			s = scheme + "://…" + rest[i:]
		}
	}
	return fmt.Errorf("%.200q: %w", s, ErrAddress)
}
