package registry_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/registry"
)

func TestWarning(t *testing.T) {
	for in, want := range map[string]string{
		"L004 no text": "L004 no text", `a "b" \c`: `a "b" \c`, "": "", "é\n\x7f": "???",
		strings.Repeat(`"`, 500): strings.Repeat(`"`, 400),
	} {
		if got := registry.ParseWarnings([]string{registry.Warning(in)}); !slices.Equal(got, []string{want}) {
			t.Errorf("%.50q: %.50q", in, got)
		}
	}
	many := slices.Repeat([]string{registry.Warning("x")}, registry.MaxWarnings+1)
	if got := registry.ParseWarnings(many); len(got) != registry.MaxWarnings {
		t.Errorf("%d warnings", len(got))
	}
	for _, bad := range []string{"", "x", `299 - "`, `299 - "x`, `299 - "x" y`, `299 - "\`, `110 - "x"`, "299 - \"\x01\"", `299 - "é"`, registry.Warning("x") + strings.Repeat(" ", 2000)} {
		if got := registry.ParseWarnings([]string{bad}); len(got) != 0 {
			t.Errorf("%.50q: %q", bad, got)
		}
	}
}

func FuzzParseWarnings(f *testing.F) {
	f.Add(registry.Warning(`a "b" \c`))
	f.Add(`299 - "\`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, text := range registry.ParseWarnings([]string{s}) {
			again := registry.ParseWarnings([]string{registry.Warning(text)})
			if len(text) <= 400 && (len(again) != 1 || again[0] != text && !strings.ContainsAny(text, "\x7f")) {
				t.Errorf("%q became %q", text, again)
			}
		}
	})
}
