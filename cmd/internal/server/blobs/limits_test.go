package blobs_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
	"github.com/plugstead/plugstead/registry"
)

func open(t *testing.T, dir string) *blobs.Dir {
	t.Helper()
	d, err := blobs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestIdleUploadsEnd fills the folder with uploads that nobody continues, but one.
func TestIdleUploadsEnd(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := open(t, dir)
		var first *blobs.Upload
		for n := 0; ; n++ {
			u, err := d.NewUpload("a/b")
			if err != nil {
				if !errors.Is(err, registry.ErrBusy) || n == 0 {
					t.Fatalf("%d uploads: %v", n, err)
				}
				break
			}
			if n == 0 {
				first = u
			}
		}
		time.Sleep(40 * time.Minute)
		held, err := d.Upload("a/b", first.Name)
		if err != nil {
			t.Fatal(err)
		}
		if err := held.Append(strings.NewReader("still ")); err != nil {
			t.Fatal(err)
		}
		if _, err := d.NewUpload("a/b"); !errors.Is(err, registry.ErrBusy) {
			t.Errorf("after 40 minutes: %v", err)
		}
		time.Sleep(40 * time.Minute)
		if _, err := d.NewUpload("a/b"); err != nil {
			t.Errorf("after 80 minutes: %v", err)
		}
		if left, err := os.ReadDir(filepath.Join(dir, "uploads")); err != nil || len(left) != 2 {
			t.Errorf("%d files left: %v", len(left), err)
		}
		time.Sleep(2 * time.Hour) // a request that holds its upload may take as long as it wants
		if _, err := d.NewUpload("a/b"); err != nil {
			t.Error(err)
		}
		if err := held.Append(strings.NewReader("here")); err != nil {
			t.Error(err)
		}
		if err := held.Commit(t.Context(), artifact.DigestOf([]byte("still here"))); err != nil {
			t.Error(err)
		}
		held.Close()
		if _, err := d.Upload("a/b", first.Name); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestBrokenBodyKeepsWhatArrived(t *testing.T) {
	d := open(t, t.TempDir())
	n, err := d.NewUpload("a/b")
	if err != nil {
		t.Fatal(err)
	}
	u, err := d.Upload("a/b", n.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Append(io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(io.ErrUnexpectedEOF))); !errors.Is(err, io.ErrUnexpectedEOF) || u.Size() != 3 {
		t.Errorf("%d bytes, %v", u.Size(), err)
	}
	u.Close()
	if u, err = d.Upload("a/b", n.Name); err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if err := u.Append(iotest.OneByteReader(strings.NewReader("lo"))); err != nil {
		t.Error(err)
	}
	if err := u.Commit(t.Context(), artifact.DigestOf([]byte("hello"))); err != nil {
		t.Error(err)
	}
}

func TestCancel(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	n, err := d.NewUpload("a/b")
	if err != nil {
		t.Fatal(err)
	}
	u, err := d.Upload("a/b", n.Name)
	if err != nil {
		t.Fatal(err)
	}
	var waiting sync.WaitGroup
	waiting.Go(func() { // waits for the request that holds the upload, or comes too late
		if _, err := d.Upload("a/b", n.Name); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("after cancel: %v", err)
		}
	})
	if err := u.Cancel(); err != nil {
		t.Error(err)
	}
	u.Close()
	waiting.Wait()
	if left, err := os.ReadDir(filepath.Join(dir, "uploads")); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// TestConcurrentUploads ends many uploads of few contents at one time.
func TestConcurrentUploads(t *testing.T) {
	d := open(t, t.TempDir())
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			content := strings.Repeat(fmt.Sprint(i%4), 10_000)
			if err := upload(t, d, content, artifact.DigestOf([]byte(content))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range 4 {
		content := strings.Repeat(fmt.Sprint(i), 10_000)
		f, n, err := d.OpenBlob(artifact.DigestOf([]byte(content)))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(f); err != nil || string(b) != content || n != int64(len(b)) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		f.Close()
	}
}
