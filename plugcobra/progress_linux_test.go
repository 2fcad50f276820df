package plugcobra_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/internal/terminal/terminaltest"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// TestProgressOnTerminal installs a plugin that stops half way until its line is on the
// terminal.
func TestProgressOnTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("CI", "")
	s := registrytest.New(t)
	a := plugintest.Pack(t, "acme/a", "1.0.0")
	plugintest.Push(t, s.Client().Target("acme/a"), a)
	d, tty := payload(t, a), terminaltest.New(t, 100, 24)
	line := fmt.Sprintf("acme/a 1.0.0  %8d B of %8d B", d.Size/2, d.Size)
	seen := false
	run := apart(t, slowly(t, s, d, func() { seen = tty.Wait(line) }))
	out, err := run(tty.File, "install acme/a")
	shown := tty.Close()
	if err != nil || !seen || !strings.HasSuffix(shown, "\x1b[1A\r\x1b[J") || strings.Contains(shown, "fetched") {
		t.Errorf("%v\n%q", err, shown)
	}
	if !strings.Contains(out, ": 1 plugin, ") || strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
}

// TestNoBars has terminals on which nothing is drawn.
func TestNoBars(t *testing.T) {
	for _, c := range []struct{ ci, term, flag, want string }{
		{"true", "xterm", "", "fetched acme/a 1.0.0, "},
		{"", "dumb", "", "fetched acme/a 1.0.0, "},
		{"", "xterm", " --json", ""},
		{"", "xterm", " --json=events", ""},
	} {
		t.Setenv("TERM", c.term)
		t.Setenv("CI", c.ci)
		s := registrytest.New(t)
		plugintest.Push(t, s.Client().Target("acme/a"), plugintest.Pack(t, "acme/a", "1.0.0"))
		tty := terminaltest.New(t, 100, 24)
		_, err := apart(t, s)(tty.File, "install acme/a"+c.flag)
		shown := tty.Close()
		if err != nil || strings.Contains(shown, "\x1b") || !strings.HasPrefix(shown, c.want) || c.want == "" && shown != "" {
			t.Errorf("%+v: %v, %q", c, err, shown)
		}
	}
}

// TestProgressEvents tells of a download that is half done.
func TestProgressEvents(t *testing.T) {
	s := registrytest.New(t)
	a := plugintest.Pack(t, "acme/a", "1.0.0")
	plugintest.Push(t, s.Client().Target("acme/a"), a)
	d := payload(t, a)
	out, err := apart(t, slowly(t, s, d, func() {}))(new(bytes.Buffer), "install acme/a --json=events")
	if err != nil || !strings.Contains(out, `{"event":"progress","id":"acme/a","version":"1.0.0","done":`) ||
		!strings.Contains(out, fmt.Sprintf(`{"event":"fetched","id":"acme/a","version":"1.0.0","size":%d,"cached":false}`, d.Size)) {
		t.Errorf("%v\n%s", err, out)
	}
}
