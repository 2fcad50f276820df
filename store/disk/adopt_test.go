package disk_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/store/disk"
)

func TestAdopt(t *testing.T) {
	for name, openStore := range map[string]func(string) (*disk.Store, error){"store": disk.Open, "cache": disk.OpenCache} {
		s, err := openStore(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(s.Dir(), "partial", "x")
		d := artifact.Describe("text/plain", []byte("hello"))
		for what, content := range map[string]string{"short": "hell", "long": "hello!", "other": "jello", "empty": ""} {
			write(t, file, content)
			if err := s.Adopt(t.Context(), d, file); !errors.Is(err, artifact.ErrDigest) || s.Has(d) {
				t.Errorf("%s, %s: %v, there: %t", name, what, err, s.Has(d))
			}
			if b, err := os.ReadFile(file); err != nil || string(b) != content {
				t.Errorf("%s, %s: left %q, %v", name, what, b, err)
			}
		}
		write(t, blobPath(s, d), "damaged")
		write(t, file, "hello")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Adopt(ctx, d, file); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: cancelled: %v", name, err)
		}
		if err := s.Adopt(t.Context(), d, file); err != nil || !s.Has(d) {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(blobPath(s, d)); err != nil || string(b) != "hello" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if err := s.Adopt(t.Context(), d, file); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: twice: %v", name, err)
		}
		if err := s.Adopt(t.Context(), artifact.Descriptor{Digest: "sha256:../x"}, file); err == nil {
			t.Errorf("%s: a digest that is a path", name)
		}
	}
}

// TestOpenAtOneTime makes one store several times at once: all of them have it.
func TestOpenAtOneTime(t *testing.T) {
	for range 50 {
		dir := filepath.Join(t.TempDir(), "store")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				s, err := disk.Open(dir)
				if err == nil {
					err = s.Put(t.Context(), artifact.Describe("text/plain", []byte("x")), strings.NewReader("x"))
				}
				if err == nil {
					err = os.MkdirAll(filepath.Join(dir, "partial"), 0o700)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}
