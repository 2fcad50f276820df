package disk_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/store/storetest"
)

func open(t *testing.T, dir string) *disk.Store {
	t.Helper()
	s, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir()) })
}

func TestStoreOfACache(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := disk.OpenCache(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestOpenRefusesForeignFolders(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Open(dir); !errors.Is(err, disk.ErrNotLayout) {
		t.Fatalf("got %v", err)
	}
	if _, err := disk.OpenExisting(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) || !errors.Is(err, disk.ErrNotLayout) {
		t.Fatalf("got %v", err)
	}
}

func TestOpenFinishesAKilledOpen(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, durable.TempPrefix+"9"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	open(t, dir)
}

func TestReopenKeepsTags(t *testing.T) {
	dir := t.TempDir()
	b := []byte("content")
	d := artifact.Describe("text/plain", b)
	s := open(t, dir)
	if err := errors.Join(s.Put(t.Context(), d, bytes.NewReader(b)), s.Tag(t.Context(), "a/b", "1.0.0", d)); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, dir).Resolve(t.Context(), "a/b", "1.0.0")
	if err != nil || got.Digest != d.Digest {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestHostileIndex(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, bad := range []string{`{`, `[]`, `{"manifests":[],"manifests":[]}`, `{"manifests":[],"Manifests":[]}`} {
		if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Resolve(t.Context(), "a/b", "1"); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Fatalf("%s: got %v", bad, err)
		}
	}
}

func TestRemoveAndSweep(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := []byte("x")
	d := artifact.Describe("text/plain", b)
	if err := s.Put(t.Context(), d, bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "blobs", "sha256", durable.TempPrefix+"1")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Remove(d), s.Remove(d), s.Sweep()); err != nil {
		t.Fatal(err)
	}
	if s.Has(d) {
		t.Fatal("still there")
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("temporary file survived: %v", err)
	}
}
