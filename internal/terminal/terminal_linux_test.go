package terminal_test

import (
	"testing"

	"github.com/plugstead/plugstead/internal/terminal"
	"github.com/plugstead/plugstead/internal/terminal/terminaltest"
)

func TestTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	for _, c := range [][4]int{{132, 50, 132, 50}, {20, 5, 20, 5}, {0, 0, 80, 24}} {
		x := terminaltest.New(t, c[0], c[1])
		f, ok := terminal.Of(x.File)
		if !ok || f != x.File {
			t.Fatal("it is no terminal")
		}
		if w, h := terminal.Size(f); w != c[2] || h != c[3] {
			t.Errorf("%d by %d, want %v", w, h, c)
		}
		if _, err := f.WriteString("seen\n"); err != nil {
			t.Error(err)
		}
		if s := x.Close(); s != "seen\r\n" {
			t.Errorf("%q", s)
		}
	}
	t.Setenv("TERM", "dumb")
	if _, ok := terminal.Of(terminaltest.New(t, 80, 24).File); ok {
		t.Error("TERM=dumb cannot be drawn on")
	}
}
