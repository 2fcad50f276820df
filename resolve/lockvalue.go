package resolve

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// unquote reads a text in quotation marks at the start of s.
func unquote(s string) (text, rest string, err error) {
	if s == "" || s[0] != '"' {
		return "", "", fmt.Errorf("%.60q, want a text in quotation marks", s)
	}
	var b []byte
	from := 1
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if b == nil {
				return s[from:i], s[i+1:], nil
			}
			return string(append(b, s[from:i]...)), s[i+1:], nil
		case c < ' ' || c > '~':
			return "", "", fmt.Errorf("byte %#02x, write \\uXXXX", c)
		case c == '\\':
			b = append(b, s[from:i]...)
			r, n, err := escape(s[i+1:])
			if err != nil {
				return "", "", err
			}
			b = utf8.AppendRune(b, r)
			i += n
			from = i + 1
		}
	}
	return "", "", errors.New("a text without its end")
}

// escape reads what stands behind a backslash, n bytes.
func escape(s string) (r rune, n int, err error) {
	digits := 0
	switch {
	case strings.HasPrefix(s, `"`), strings.HasPrefix(s, `\`):
		return rune(s[0]), 1, nil
	case strings.HasPrefix(s, "u"):
		digits = 4
	case strings.HasPrefix(s, "U"):
		digits = 8
	}
	if digits == 0 || len(s) <= digits {
		return 0, 0, errors.New("an escape that is not known")
	}
	x, err := strconv.ParseUint(s[1:1+digits], 16, 32)
	if err != nil || x > unicode.MaxRune || !utf8.ValidRune(rune(x)) {
		return 0, 0, fmt.Errorf("\\%s is no character", s[:1+digits])
	}
	return rune(x), 1 + digits, nil
}

func scanNumber(_ *lockReader, s string, n *int64) (rest string, err error) {
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	if *n, err = strconv.ParseInt(s[:end], 10, 64); err != nil {
		return "", fmt.Errorf("%.40q, want a number up to 9223372036854775807", s)
	}
	return s[end:], nil
}

func scanFlag(_ *lockReader, s string, v *bool) (rest string, err error) {
	rest, *v = strings.CutPrefix(s, "true")
	if !*v {
		return "", fmt.Errorf("%.40q, want true", s)
	}
	return rest, nil
}

// checkText accepts a text that is safe to show on one line.
func checkChannel(s string) (string, error) { return s, index.CheckChannel(s) }

func checkText(s string) (string, error) {
	bad := func(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }
	switch {
	case s == "" || len(s) > maxLockText:
		return "", fmt.Errorf("%d bytes, want 1 to %d", len(s), maxLockText)
	case strings.ContainsFunc(s, bad):
		return "", fmt.Errorf("%.60q: control characters are not allowed", s)
	}
	return s, nil
}

// checkApp accepts the name of an application: of the form of one part of an id.
func checkApp(s string) (string, error) {
	if _, err := manifest.ParseID("app/" + s); err != nil {
		return "", fmt.Errorf("application %.60q: %w", s, manifest.ErrSyntax)
	}
	return s, nil
}

// parseDigest does what artifact.ParseDigest does, without making garbage of the many
// that a lock has.
func parseDigest(s string) (artifact.Digest, error) {
	hex, ok := strings.CutPrefix(s, "sha256:")
	ok = ok && len(hex) == 64
	for i := range len(hex) {
		ok = ok && (hex[i] >= '0' && hex[i] <= '9' || hex[i] >= 'a' && hex[i] <= 'f')
	}
	if !ok {
		return artifact.ParseDigest(s)
	}
	return artifact.Digest(s), nil
}

// parseOffer reads "namespace/name@version".
func parseOffer(s string) (manifest.Offer, error) {
	name, v, _ := strings.Cut(s, "@")
	id, err := manifest.ParseID(name)
	if err != nil {
		return manifest.Offer{}, err
	}
	o := manifest.Offer{ID: id}
	o.Version, err = version.Parse(v)
	return o, err
}

// parseVersion reads a version that a plugin can have.
func parseVersion(s string) (version.Version, error) {
	v, err := version.Parse(s)
	if err == nil && v.IsZero() {
		err = errors.New("0.0.0 is no version of a plugin")
	}
	return v, err
}
