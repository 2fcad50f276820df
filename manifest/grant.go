package manifest

import (
	"cmp"
	"slices"
	"strings"
)

// kinds names what the kinds of capabilities are about, for people.
var kinds = map[string]string{"net": "network", "fs": "files", "env": "environment", "host": "application", "run": "programs"}

// Sentence says c in plain words behind the name of its kind, for example "network: may
// connect to api.example.com:443". Of a capability that [ParseCapability] refuses it returns
// the text, quoted.
func (c Capability) Sentence() string {
	kind, _, _ := strings.Cut(string(c), ":")
	if _, err := ParseCapability(string(c)); err != nil {
		return c.Describe()
	}
	return kinds[kind] + ": may " + c.Describe()
}

// Covers reports whether who is allowed c is allowed d as well: they are the same, or d is
// narrower. Reading is narrower than writing, a file or folder than the folder it is in, a
// port than any port, and a host below a name than "*." before that name. Capabilities that
// [ParseCapability] refuses cover nothing and are covered by nothing.
func (c Capability) Covers(d Capability) bool {
	_, err1 := ParseCapability(string(c))
	_, err2 := ParseCapability(string(d))
	if cmp.Or(err1, err2) != nil {
		return false
	}
	wide, all, _ := strings.Cut(string(c), ":")
	narrow, some, _ := strings.Cut(string(d), ":")
	switch {
	case wide != narrow:
		return false
	case wide == "net":
		return coversNet(all, some)
	case wide == "fs":
		return coversFiles(all, some)
	}
	return all == some
}

func coversNet(all, some string) bool {
	i, j := strings.LastIndexByte(all, ':'), strings.LastIndexByte(some, ':')
	if port := all[i+1:]; port != "*" && port != some[j+1:] {
		return false
	}
	host, below := strings.CutPrefix(all[:i], "*")
	return all[:i] == some[:j] || below && strings.HasSuffix(some[:j], host)
}

func coversFiles(all, some string) bool {
	mode, dir, _ := strings.Cut(all, ":")
	want, path, _ := strings.Cut(some, ":")
	return (mode == "rw" || want == "ro") && (path == dir || strings.HasPrefix(path, dir+"/"))
}

// Missing returns those of asked that granted neither has nor covers, in the order of
// asked.
func Missing(asked, granted []Capability) []Capability {
	return slices.DeleteFunc(slices.Clone(asked), func(c Capability) bool { return Covered(c, granted) })
}

// Granted returns those of asked that granted has or covers, in the order of
// asked: what a plugin may do that asks for the one and was given the other.
func Granted(asked, granted []Capability) []Capability {
	return slices.DeleteFunc(slices.Clone(asked), func(c Capability) bool { return !Covered(c, granted) })
}

// Covered reports whether c, or a capability that covers it, is one of granted.
func Covered(c Capability, granted []Capability) bool {
	return slices.ContainsFunc(granted, func(g Capability) bool { return g == c || g.Covers(c) })
}
