package index

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/plugstead/plugstead/manifest"
)

// Limits of what is said of a plugin.
const (
	MaxChannels = 20
	maxChannel  = 32  // bytes of a name
	MaxReason   = 200 // characters of a message
)

// CheckChannel reports what forbids a name of a channel: 2 to 32 lower-case letters, digits and
// single dashes, the first one a letter. "latest" is none, because it means something else in
// every other tool.
func CheckChannel(name string) error {
	ok := len(name) >= 2 && len(name) <= maxChannel && name[0] >= 'a' && name[0] <= 'z' && !strings.HasSuffix(name, "-") && !strings.Contains(name, "--")
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	switch {
	case !ok:
		return fmt.Errorf("channel %.40q: want 2 to 32 lower-case letters, digits and single dashes, the first one a letter", name)
	case name == "latest":
		return errors.New(`no channel can have the name "latest"`)
	}
	return nil
}

// CheckReason reports what forbids a message of an owner: it is one line of at most
// [MaxReason] characters.
func CheckReason(s string) error {
	if utf8.RuneCountInString(s) > MaxReason || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("want one line of at most %d characters", MaxReason)
	}
	return nil
}

// String says in a few words what to do.
func (d Deprecation) String() string {
	switch {
	case d.Replacement == "":
		return cmp.Or(d.Message, "do not begin to use it")
	case d.Message == "":
		return "use " + string(d.Replacement)
	}
	return d.Message + "; use " + string(d.Replacement)
}

// check reports what a header must not say.
func (h *Header) check() error {
	if err := h.checkProviders(); err != nil {
		return err
	}
	if d := h.Deprecated; d != nil && d.Replacement != "" {
		if _, err := manifest.ParseID(string(d.Replacement)); err != nil || d.Replacement == h.ID {
			return fmt.Errorf("deprecated: replacement %.60q: want another plugin", d.Replacement)
		}
	}
	if n := len(h.Channels); n > MaxChannels {
		return fmt.Errorf("%d channels, more than the limit of %d", n, MaxChannels)
	}
	for i, c := range h.Channels {
		if err := CheckChannel(c.Name); err != nil {
			return err
		}
		if i > 0 && c.Name <= h.Channels[i-1].Name {
			return fmt.Errorf("channel: %s behind %s", c.Name, h.Channels[i-1].Name)
		}
	}
	return nil
}
