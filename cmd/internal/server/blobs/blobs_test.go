package blobs_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
	"github.com/plugstead/plugstead/registry"
)

func upload(t *testing.T, d *blobs.Dir, content string, want artifact.Digest) error {
	t.Helper()
	n, err := d.NewUpload("a/b")
	if err != nil {
		t.Fatal(err)
	}
	u, err := d.Upload("a/b", n.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if err := u.Append(strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return u.Commit(t.Context(), want)
}

func TestUploads(t *testing.T) {
	dir := t.TempDir()
	d, err := blobs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	x := artifact.DigestOf([]byte("hello"))
	if err := upload(t, d, "hullo", x); !errors.Is(err, artifact.ErrDigest) {
		t.Fatal(err)
	}
	if _, _, err := d.OpenBlob(x); !errors.Is(err, registry.ErrNotFound) {
		t.Fatal(err)
	}
	for range 2 {
		if err := upload(t, d, "hello", x); err != nil {
			t.Fatal(err)
		}
	}
	f, n, err := d.OpenBlob(x)
	if err != nil || n != 5 {
		t.Fatal(n, err)
	}
	defer f.Close()
	if b, err := io.ReadAll(f); err != nil || string(b) != "hello" {
		t.Fatal(string(b), err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "uploads")); len(left) != 0 {
		t.Fatalf("uploads left: %v", left)
	}
	if _, _, err := d.OpenBlob("sha256:../../etc/passwd"); err == nil {
		t.Fatal("path in a digest")
	}
}

func TestOpenSweepsUploads(t *testing.T) {
	dir := t.TempDir()
	d, err := blobs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	u, err := d.NewUpload("a/b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Upload("a/c", u.Name); !errors.Is(err, registry.ErrNotFound) {
		t.Fatalf("upload of another repository: %v", err)
	}
	again, err := blobs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "uploads")); len(left) != 0 {
		t.Fatalf("uploads left: %v", left)
	}
	if _, err := again.Upload("a/b", u.Name); !errors.Is(err, registry.ErrNotFound) {
		t.Fatal(err)
	}
}
