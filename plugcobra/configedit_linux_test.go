package plugcobra_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/internal/terminal/terminaltest"
	"github.com/plugstead/plugstead/plugcobra"
)

// TestConfigEditAgain: on a terminal who wrote what does not fit is asked whether to go on, from
// where they were.
func TestConfigEditAgain(t *testing.T) {
	for answers, want := range map[string]string{"\n": `{"a":1}`, "y\n": `{"a":1}`, "n\n": "", "\x04": ""} {
		a, s := newAsker(t)
		plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.0.0"))
		if _, err := a.run(t.Context(), strings.NewReader(""), os.Stderr, "install acme/a"); err != nil {
			t.Fatal(err)
		}
		script := filepath.Join(t.TempDir(), "editor")
		// The first time it leaves half an object behind, the second time it mends that.
		text := "#!/bin/sh\ntest \"$1\" = -w || exit 9\nif grep -q half \"$2\"; then echo '{\"a\":1}' > \"$2\"; else echo '{\"half\":' > \"$2\"; fi\n"
		if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("VISUAL", script+" -w")
		t.Setenv("EDITOR", "false")
		tty := terminaltest.New(t, 100, 24)
		tty.Type(t, answers)
		out, err := a.run(t.Context(), tty.File, tty.File, "config acme/a edit")
		shown := tty.Close()
		if !strings.Contains(shown, "not a configuration") || strings.Count(shown, "Edit again? [Y/n] ") != 1 {
			t.Errorf("%q: shown %q", answers, shown)
		}
		g, gerr := a.h.Installed()
		if gerr != nil || g.Config("acme/a") != want {
			t.Errorf("%q: %q, %v", answers, g.Config("acme/a"), gerr)
		}
		if want != "" && (err != nil || !strings.Contains(out, "configured acme/a")) || want == "" && plugcobra.ExitCode(err) != cmdline.ExitFailure {
			t.Errorf("%q: %s, %v", answers, out, err)
		}
	}
}
