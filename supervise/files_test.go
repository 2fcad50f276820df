package supervise_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/files"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/version"
)

// bundle is a version of a plugin of files, each of which says the version.
func bundle(t *testing.T, v string) load.Image {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "theme"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.txt", "b.txt"} {
		if err := os.WriteFile(filepath.Join(dir, "theme", name), []byte(v), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return load.Image{Runtime: manifest.RuntimeFiles, Tree: dir, Digest: v, Manifest: &manifest.Manifest{
		ID: "acme/dark", Version: version.MustParse(v), Provides: []manifest.PointRef{{ID: point.ID(), Major: 1}},
		Runtimes: manifest.Runtimes{Files: &manifest.FilesRuntime{Folder: "theme"}},
	}}
}

func read(t *testing.T, fsys fs.FS, name string) string {
	t.Helper()
	b, err := fs.ReadFile(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFiles: a hot swap shows the new files, and does not take those in use away.
func TestFiles(t *testing.T) {
	s := supervise.New([]load.Driver{files.Driver{}}, func(load.Image) (load.Spec, error) { return load.Spec{}, nil }, supervise.Policy{}, supervise.Events{})
	defer s.Close()
	if err := s.Sync(t.Context(), []load.Image{bundle(t, "1.0.0")}); err != nil {
		t.Fatal(err)
	}
	p := s.Plugin("acme/dark")
	for q := range s.Implementing(point) {
		if q != p {
			t.Error("another plugin")
		}
	}
	fsys, err := files.Of(p)
	if err != nil {
		t.Fatal(err)
	}
	open, err := fsys.Open("a.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	swapped := make(chan error, 1)
	err = p.UseFiles(t.Context(), func(one fs.FS) error {
		before := read(t, one, "a.txt")
		go func() { swapped <- s.Sync(t.Context(), []load.Image{bundle(t, "2.0.0")}) }()
		for read(t, fsys, "a.txt") != "2.0.0" { // until the new version runs
			continue
		}
		if before != "1.0.0" || read(t, one, "b.txt") != "1.0.0" {
			return errors.New("half of a version each")
		}
		return nil
	})
	if err := errors.Join(err, <-swapped); err != nil {
		t.Error(err)
	}
	if b, err := io.ReadAll(open); err != nil || string(b) != "1.0.0" {
		t.Errorf("what was open: %q, %v", b, err)
	}
	told := errors.New("told")
	if err := p.UseFiles(t.Context(), func(fs.FS) error { return told }); err != told {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = fsys.Open("a.txt")
	for name, err := range map[string]error{"open": err, "use": p.UseFiles(t.Context(), func(fs.FS) error { return nil })} {
		if e := contract.AsError(err); e == nil || e.Code != contract.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNoFiles: a plugin of another runtime says that it has none.
func TestNoFiles(t *testing.T) {
	s, _, _ := newSet(t, supervise.Policy{})
	defer s.Close()
	if err := s.Sync(t.Context(), []load.Image{image("a/a", "1.0.0")}); err != nil {
		t.Fatal(err)
	}
	p := s.Plugin("a/a")
	_, err := p.Files().Open("x")
	for name, err := range map[string]error{"open": err, "use": p.UseFiles(t.Context(), func(fs.FS) error { return fmt.Errorf("called") })} {
		if !errors.Is(err, contract.Unimplemented) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
