package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/cmd/internal/author"
	"github.com/plugstead/plugstead/manifest"
)

func manifestOf(t *testing.T, text string) *manifest.Manifest {
	t.Helper()
	m, err := manifest.ParseYAML("plugin.yaml", []byte("id: a/b\nversion: 1.0.0\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestHostOf: the application that is made up takes the plugin.
func TestHostOf(t *testing.T) {
	const run = "runtimes: { wasm: { module: m } }\n"
	for text, want := range map[string]string{
		"":                                     "dev 1.0.0",
		"host: { acme: \">=2.1 <3\" }\n":       "acme 2.1.0",
		"host: { zeta: ^1, acme: ^0.3 }\n":     "acme 0.3.0",
		"host: { acme: \"*\" }\n":              "acme 0.0.1",
		"host: { zeta: ^4.5.6, ymir: ^7.8 }\n": "ymir 7.8.0",
	} {
		m := manifestOf(t, run+text+"provides: { x.dev/p: \"1.4\" }\n")
		h := hostOf(m)
		if got := h.App + " " + h.Version.String(); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
		if fit := (&author.Folder{Manifest: m}).Fits(h.App, h.Version, h.Points); !fit.Fits {
			t.Errorf("%q: it is not for the application that was made up: %s", text, fit.Why)
		}
	}
}

func TestAttach(t *testing.T) {
	here := runtime.GOOS + "/" + runtime.GOARCH
	goModule := t.TempDir()
	if err := os.WriteFile(filepath.Join(goModule, "go.mod"), []byte("module x"), 0o644); err != nil {
		t.Fatal(err)
	}
	bare := t.TempDir()
	for _, c := range []struct {
		dir, entry, runtime string
		pid                 int
		want                string
	}{
		{goModule, "bin/b", "process", 7, "dlv attach 7"},
		{bare, "bin/b", "process", 7, "gdb -p 7"},
		{bare, "b.mjs", "process", 7, "kill -USR1 7 && node inspect -p 7"},
		{goModule, "bin/b", "wasm", 0, "dlv test " + goModule},
	} {
		f := &author.Folder{Dir: c.dir, Manifest: manifestOf(t, "runtimes: { wasm: { module: m }, process: { platforms: { "+here+": "+c.entry+" } } }\n")}
		if got := attach(f, c.runtime, c.pid); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestShortList(t *testing.T) {
	for want, list := range map[string]string{
		"a": "a", "a, b, c": "a b c", "a, b, c and 1 more": "a b c d", "a, b, c and 3 more": "a b c d e f",
	} {
		if got := shortList(strings.Fields(list)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestIndented: what a plugin wrote cannot move the cursor of a terminal.
func TestIndented(t *testing.T) {
	got := indented("\none\n\ttwo\x1b[2J\r\nthree\n\n")
	if strings.ContainsAny(got, "\x1b\r\t") || strings.Count(got, "\n") != 2 || !strings.HasPrefix(got, "one\n        ") {
		t.Errorf("%q", got)
	}
}
