package artifact_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/hostile"
	"github.com/plugstead/plugstead/internal/plugintest"
)

type ctx = context.Context

func archive(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()
	b, err := tarGzip(headers...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tarGzip writes entries filled with zeros.
func tarGzip(headers ...*tar.Header) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range headers {
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := io.CopyN(w, zeros{}, h.Size); err != nil {
			return nil, err
		}
	}
	err := errors.Join(w.Close(), z.Close())
	return b.Bytes(), err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func file(name string) *tar.Header { return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1} }

// TestUnpackRefuses: nothing hostile is unpacked, and nothing outside the folder is touched.
func TestUnpackRefuses(t *testing.T) {
	list, err := hostile.Archives()
	if err != nil || len(list) < 60 {
		t.Fatal(len(list), err)
	}
	for _, a := range list {
		parent := t.TempDir()
		dir := filepath.Join(parent, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := artifact.Unpack(t.Context(), bytes.NewReader(a.Bytes), int64(len(a.Bytes)), plugintest.Root(t, dir), artifact.UnpackLimits{})
		if err == nil || errors.Is(err, artifact.ErrUnsafe) == a.Broken {
			t.Errorf("%s: got %v", a.Name, err)
		}
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
			t.Errorf("%s: wrote outside: %v, %v", a.Name, entries, err)
		}
	}
}

func TestUnpackLimits(t *testing.T) {
	for name, list := range map[string][]*tar.Header{
		"folders of a path": {file("1/2/3/4/5/6")},
		"folders of many":   {file("1/2/3"), file("4/5/6")},
		"too many files":    {file("1"), file("2"), file("3"), file("4"), file("5"), file("6")},
		"too many bytes":    {{Typeflag: tar.TypeReg, Name: "big", Size: 2000}},
		"bytes together":    {{Typeflag: tar.TypeReg, Name: "x", Size: 600}, {Typeflag: tar.TypeReg, Name: "y", Size: 600}},
		"long path":         {file("a/b/c/d/e")},
	} {
		b := archive(t, list...)
		_, err := artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, t.TempDir()), artifact.UnpackLimits{Bytes: 1000, Files: 5, Path: 8})
		if !errors.Is(err, artifact.ErrUnsafe) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestUnpackRatio(t *testing.T) {
	b := archive(t, &tar.Header{Typeflag: tar.TypeReg, Name: "bomb", Size: 64 << 20})
	_, err := artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, t.TempDir()), artifact.UnpackLimits{Ratio: 10})
	if !errors.Is(err, artifact.ErrUnsafe) {
		t.Fatalf("%d bytes became 64 MiB: %v", len(b), err)
	}
}

func TestUnpackCancelled(t *testing.T) {
	c, cancel := context.WithCancel(t.Context())
	cancel()
	b := archive(t, file("a"))
	if _, err := artifact.Unpack(c, bytes.NewReader(b), 1, plugintest.Root(t, t.TempDir()), artifact.UnpackLimits{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestUnpackModes(t *testing.T) {
	b := archive(t, &tar.Header{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o777}, &tar.Header{Typeflag: tar.TypeReg, Name: "d/x", Mode: 0o700}, &tar.Header{Typeflag: tar.TypeReg, Name: "d/y", Mode: 0o666})
	dir := t.TempDir()
	if _, err := artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, dir), artifact.UnpackLimits{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"d/x": "-rwxr-xr-x", "d/y": "-rw-r--r--"} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || os.PathSeparator == '/' && fmt.Sprint(st.Mode()) != want {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
}

// FuzzUnpack checks that nothing is ever written outside the folder.
func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, file("a"), file("b/c")))
	f.Add(archive(f, file("../x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_, _ = artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, dir), artifact.UnpackLimits{Bytes: 1 << 20, Files: 100})
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
			t.Fatalf("wrote outside: %v, %v", entries, err)
		}
	})
}
