package terminal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/internal/terminal"
)

// TestNoTerminal has what programs write to in pipelines. The null device is a device of
// characters, as a terminal is.
func TestNoTerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	for _, f := range []*os.File{null, file, pipe} {
		if _, ok := terminal.Of(f); ok {
			t.Errorf("%s is a terminal", f.Name())
		}
		if w, h := terminal.Size(f); w != 80 || h != 24 {
			t.Errorf("%s: %d by %d", f.Name(), w, h)
		}
	}
	if _, ok := terminal.Of(new(bytes.Buffer)); ok {
		t.Error("a buffer is a terminal")
	}
}
