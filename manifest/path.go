package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxPath     = 300 // bytes
	maxPathPart = 200 // bytes between two slashes; file systems end at 255
)

// checkPath accepts a relative path with slashes that stays in its folder and
// means the same on every system.
func checkPath(s string) error {
	switch {
	case s == "":
		return errors.New("a path is missing")
	case len(s) > maxPath:
		return fmt.Errorf("path of %d bytes, more than the limit of %d", len(s), maxPath)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, badInPath):
		return fmt.Errorf("path %.100q: %w: use letters, digits and slashes", s, ErrSyntax)
	case !fs.ValidPath(s) || s == ".":
		return fmt.Errorf("path %.100q leaves the plugin folder or is not plain; write it relative, without . and .. in it", s)
	}
	for part := range strings.SplitSeq(s, "/") {
		if err := checkPathPart(part); err != nil {
			return fmt.Errorf("path %.100q: %w", s, err)
		}
	}
	return nil
}

// badInPath finds what Windows forbids in names and what cannot be seen.
func badInPath(r rune) bool {
	return strings.ContainsRune(`\:*?"<>|`, r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// devices are names that Windows opens as something else than a file.
var devices = []string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}

func checkPathPart(part string) error {
	if len(part) > maxPathPart {
		return fmt.Errorf("a name of %d bytes, more than the limit of %d", len(part), maxPathPart)
	}
	if strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") {
		return errors.New("a name ends in a dot or a space, which Windows drops")
	}
	base, _, _ := strings.Cut(strings.ToUpper(part), ".")
	base = strings.TrimRight(base, " ")
	device := slices.Contains(devices, base)
	if port, ok := strings.CutPrefix(strings.Replace(base, "LPT", "COM", 1), "COM"); ok {
		// Windows also takes superscript digits for port numbers.
		device = port != "" && strings.Trim(port, "0123456789¹²³") == "" && utf8.RuneCountInString(port) == 1
	}
	if device {
		return fmt.Errorf("%s is a reserved name on Windows", part)
	}
	return nil
}
