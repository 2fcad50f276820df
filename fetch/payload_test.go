package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/plugstead/plugstead/artifact"
)

// TestParts: what is kept of a reader is never more than is missing.
func TestParts(t *testing.T) {
	want := strings.Repeat("0123456789", 100_000)
	d := artifact.Describe("x", []byte(want))
	for name, open := range map[string]func() part{
		"memory": func() part { return newBuffer(d) },
		"used":   func() part { return &buffer{d: d, b: make([]byte, 0, 3)} },
		"file": func() part {
			return &partial{into: shelf{t.TempDir()}, d: d, path: filepath.Join(t.TempDir(), "x")}
		},
	} {
		broken := errors.New("broken")
		p := open()
		w := download{d: d, to: p}
		if err := w.copy(io.MultiReader(strings.NewReader(want[:700_000]), iotest.ErrReader(broken))); !errors.Is(err, broken) || p.size() != 700_000 {
			t.Errorf("%s: %d, %v", name, p.size(), err)
		}
		if err := w.copy(strings.NewReader(want[700_000:] + "x")); !errors.Is(err, artifact.ErrDigest) || p.size() > d.Size {
			t.Errorf("%s, longer: %d, %v", name, p.size(), err)
		}
		at := p.size()
		if err := w.copy(iotest.DataErrReader(strings.NewReader(want[at:]))); err != nil || p.size() != d.Size {
			t.Errorf("%s: %d, %v", name, p.size(), err)
		}
		if err := p.finish(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// shelf checks what it adopts.
type shelf struct{ dir string }

func (s shelf) Dir() string { return s.dir }

func (s shelf) Adopt(_ context.Context, d artifact.Descriptor, path string) error {
	b, err := os.ReadFile(path)
	if err == nil {
		_, err = artifact.Check(b, d)
	}
	return err
}

// TestStock: memory is used again when it is large enough.
func TestStock(t *testing.T) {
	var s stock
	a := s.take(100)
	if len(a) != 0 || cap(a) < 100 {
		t.Fatal(len(a), cap(a))
	}
	a = append(a, bytes.Repeat([]byte("x"), 100)...)
	s.give(a)
	if b := s.take(1000); cap(b) < 1000 || &b[:1][0] == &a[0] || len(s.free) > 0 {
		t.Error("it is too small")
	}
	s.give(a)
	if b := s.take(50); len(b) != 0 || &b[:1][0] != &a[0] {
		t.Error("it was not used again")
	}
	if len(s.free) != 0 {
		t.Error("it is given out twice")
	}
}

// TestStockIsBounded: payloads that become larger and larger leave no memory behind.
func TestStockIsBounded(t *testing.T) {
	var s stock
	for n := range int64(1000) {
		a, b := s.take(10*n), s.take(10*n+5)
		s.give(a)
		s.give(b)
		if len(s.free) > 2 {
			t.Fatalf("%d pieces are kept, 2 are in use at a time", len(s.free))
		}
	}
}
