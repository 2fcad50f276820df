package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck finds what is wrong on one system only, in tests as well.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":            "module example.org/x\n\ngo 1.26.0\n",
		"x.go":              "package x\n\nimport \"os\"\n\nfunc Name() string { return os.Getenv(\"HOME\") }\n",
		"x_windows.go":      "package x\n\nvar _ int = Name()\n",
		"x_darwin_test.go":  "package x\n\nvar _ = missing\n",
		"other/other.go":    "package other\n",
		"other/y_darwin.go": "package other\n\nimport _ \"example.org/x\"\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for system, want := range map[string]string{"windows": "x_windows.go:3", "darwin": "x_darwin_test.go:3", "linux": ""} {
		got, err := check(system)
		if err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(got, "\n"); !strings.Contains(all, want) || (want == "") != (len(got) == 0) {
			t.Errorf("%s: %q, want %q", system, all, want)
		}
	}
}
