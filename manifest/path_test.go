package manifest

import (
	"io/fs"
	"strings"
	"testing"
)

func TestPaths(t *testing.T) {
	for _, s := range []string{
		"a", "a/b.c", ".hidden", "a..b", "docs/read me.txt", "über/世界.txt", "console", "com", "com10", "lpt", "auxiliary/null", "com¹0", "lpt⁴", "xcon", "conin", "a.con",
		"a/" + strings.Repeat("b", 200),
	} {
		if err := checkPath(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for s, want := range map[string]string{
		"":                              "a path is missing",
		".":                             "leaves the plugin folder",
		"..":                            "leaves the plugin folder",
		"../a":                          "leaves the plugin folder",
		"a/../b":                        "leaves the plugin folder",
		"a/./b":                         "leaves the plugin folder",
		"a//b":                          "leaves the plugin folder",
		"a/":                            "leaves the plugin folder",
		"/a":                            "leaves the plugin folder",
		`a\b`:                           "syntax error",
		"C:/a":                          "syntax error",
		"a:stream":                      "syntax error",
		"a?":                            "syntax error",
		"a\x00b":                        "syntax error",
		"a\u202eb":                      "syntax error",
		"a\u200bb":                      "syntax error",
		"a\xffb":                        "syntax error",
		"a./b":                          "ends in a dot or a space",
		"a ":                            "ends in a dot or a space",
		"...":                           "ends in a dot or a space",
		"con":                           "reserved name",
		"a/Con.txt":                     "reserved name",
		"nul.tar.gz":                    "reserved name",
		"con .txt":                      "reserved name",
		"LPT1/x":                        "reserved name",
		"conin$":                        "reserved name",
		"CONOUT$.log":                   "reserved name",
		"com³":                          "reserved name",
		"lpt² .x":                       "reserved name",
		"com0":                          "reserved name",
		"COM¹.txt":                      "reserved name",
		"a/" + strings.Repeat("b", 201): "a name of 201 bytes",
		strings.Repeat("a/", 150) + "a": "path of 301 bytes",
	} {
		if err := checkPath(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", s, err, want)
		}
	}
}

// FuzzPath holds accepted paths to what the file system packages need.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"a/b", "../a", "nul", "a\\b", "C:x", "a."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkPath(s) == nil && (!fs.ValidPath(s) || strings.ContainsAny(s, "\\:\x00\n") || strings.HasSuffix(s, ".")) {
			t.Fatalf("accepted %q", s)
		}
	})
}
