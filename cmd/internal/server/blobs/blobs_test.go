package blobs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
	"github.com/plugstead/plugstead/cmd/internal/server/servertest"
	"github.com/plugstead/plugstead/registry"
)

func TestMain(m *testing.M) { servertest.Main(m) }

func folder(t *testing.T) blobs.Store {
	d, err := blobs.Open(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func bucket(t *testing.T) blobs.Store {
	o := servertest.S3(t)
	o.Prefix = "registry/"
	b, err := blobs.OpenBucket(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// each runs a part of the suite over every store.
func each(t *testing.T, part func(*testing.T, blobs.Store)) {
	for name, open := range map[string]func(*testing.T) blobs.Store{"folder": folder, "bucket": bucket} {
		t.Run(name, func(t *testing.T) { part(t, open(t)) })
	}
}

func put(t *testing.T, s blobs.Store, key, content string) {
	t.Helper()
	if err := s.Put(t.Context(), key, strings.NewReader(content), int64(len(content))); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s blobs.Store, key string) string {
	t.Helper()
	r, size, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil || int64(len(b)) != size {
		t.Fatalf("%s: %d of %d bytes, %v", key, len(b), size, err)
	}
	return string(b)
}

func gone(t *testing.T, s blobs.Store, key string) {
	t.Helper()
	if _, _, err := s.Open(t.Context(), key); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("%s: %v", key, err)
	}
}

func keys(t *testing.T, s blobs.Store, prefix string) []string {
	t.Helper()
	var out []string
	for o, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(o.Written); age > time.Hour || age < -time.Hour {
			t.Errorf("%s was written at %s", o.Key, o.Written)
		}
		out = append(out, fmt.Sprintf("%s %d", o.Key, o.Size))
	}
	slices.Sort(out)
	return out
}

func TestObjects(t *testing.T) {
	each(t, func(t *testing.T, s blobs.Store) {
		gone(t, s, "a/b")
		put(t, s, "a/b", "hello")
		put(t, s, "a/empty", "")
		if err := s.Put(t.Context(), "c", iotest.OneByteReader(strings.NewReader("of unknown length")), -1); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, "a/b") + read(t, s, "a/empty") + read(t, s, "c"); got != "helloof unknown length" {
			t.Errorf("%q", got)
		}
		if got := keys(t, s, ""); !slices.Equal(got, []string{"a/b 5", "a/empty 0", "c 17"}) {
			t.Errorf("%q", got)
		}
		if got := keys(t, s, "a/e"); !slices.Equal(got, []string{"a/empty 0"}) {
			t.Errorf("%q", got)
		}
		for range 2 {
			if err := s.Delete(t.Context(), "a/b"); err != nil {
				t.Error(err)
			}
		}
		gone(t, s, "a/b")
		if got := keys(t, s, "x"); len(got) != 0 {
			t.Errorf("%q", got)
		}
	})
}

func TestSeek(t *testing.T) {
	each(t, func(t *testing.T, s blobs.Store) {
		content := make([]byte, 100_000)
		for i := range content {
			content[i] = byte(rand.Uint32())
		}
		put(t, s, "x", string(content))
		r, _, err := s.Open(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		want := bytes.NewReader(content)
		for range 60 {
			at, whence, n := rand.Int64N(100_001), rand.IntN(3), rand.IntN(5000)
			switch whence {
			case io.SeekCurrent:
				here, _ := want.Seek(0, io.SeekCurrent)
				at -= here
			case io.SeekEnd:
				at -= 100_000
			}
			a, err1 := r.Seek(at, whence)
			b, err2 := want.Seek(at, whence)
			if a != b || err1 != nil || err2 != nil {
				t.Fatalf("seek %d %d: %d %v, want %d %v", at, whence, a, err1, b, err2)
			}
			x, y := make([]byte, n), make([]byte, n)
			nx, err1 := io.ReadFull(r, x)
			ny, err2 := io.ReadFull(want, y)
			if !bytes.Equal(x[:nx], y[:ny]) || !errors.Is(err1, err2) {
				t.Fatalf("read %d at %d: %d %v, want %d %v", n, a, nx, err1, ny, err2)
			}
		}
		if _, err := r.Seek(-1, io.SeekStart); err == nil {
			t.Error("sought before the beginning")
		}
	})
}

func TestJoin(t *testing.T) {
	each(t, func(t *testing.T, s blobs.Store) {
		for i, part := range []string{"one ", "two ", "", "three"} {
			put(t, s, fmt.Sprintf("parts/%d", i), part)
		}
		put(t, s, "parts/alone", "alone")
		if err := s.Join(t.Context(), "all/x", []string{"parts/0", "parts/1", "parts/2", "parts/3"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Join(t.Context(), "all/y", []string{"parts/alone"}); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, "all/x") + ", " + read(t, s, "all/y") + ", " + read(t, s, "parts/alone"); got != "one two three, alone, alone" {
			t.Errorf("%q", got)
		}
		if err := s.Join(t.Context(), "all/w", []string{"parts/none"}); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("an only part that is not there: %v", err)
		}
		if err := s.Delete(t.Context(), "parts/alone"); err != nil || read(t, s, "all/y") != "alone" {
			t.Errorf("an object went with its part: %v", err)
		}
		if err := s.Join(t.Context(), "all/z", []string{"parts/3", "parts/none"}); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("a part that is not there: %v", err)
		}
		gone(t, s, "all/z")
	})
}

// TestBrokenPut ends in the middle: there is no object.
func TestBrokenPut(t *testing.T) {
	broken := errors.New("broken")
	each(t, func(t *testing.T, s blobs.Store) {
		half := func() io.Reader { return io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)) }
		for i, size := range []int64{-1, 8} {
			if err := s.Put(t.Context(), fmt.Sprintf("x%d", i), half(), size); !errors.Is(err, broken) {
				t.Errorf("%d: %v", size, err)
			}
		}
		if err := s.Put(t.Context(), "x2", strings.NewReader("half"), 8); err == nil {
			t.Error("an object that is too short")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Put(ctx, "x3", strings.NewReader("late"), 4); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		for i := range 4 {
			gone(t, s, fmt.Sprintf("x%d", i))
		}
		if got := keys(t, s, ""); len(got) != 0 {
			t.Errorf("left: %q", got)
		}
	})
}

func TestLargeObject(t *testing.T) {
	each(t, func(t *testing.T, s blobs.Store) {
		const size = 40 << 20 // more than two parts of an upload
		h := sha256.New()
		r := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{1}), size), h)
		if err := s.Put(t.Context(), "large", r, -1); err != nil {
			t.Fatal(err)
		}
		f, n, err := s.Open(t.Context(), "large")
		if err != nil || n != size {
			t.Fatal(n, err)
		}
		defer f.Close()
		back := sha256.New()
		if _, err := io.Copy(back, f); err != nil || !bytes.Equal(back.Sum(nil), h.Sum(nil)) {
			t.Errorf("other bytes, %v", err)
		}
	})
}

func TestBadKeys(t *testing.T) {
	each(t, func(t *testing.T, s blobs.Store) {
		for _, key := range []string{"", "/", "/a", "a/", "a//b", "..", "a/../b", ".x", "a/.x", "a b", "a\\b", "a\x00", "ä", "a%2e"} {
			_, _, err := s.Open(t.Context(), key)
			_, erru := func() (string, error) {
				if _, ok := s.(*blobs.Dir); ok {
					return "", blobs.ErrKey
				}
				return s.URL(t.Context(), key, time.Minute)
			}()
			for what, err := range map[string]error{
				"open": err, "url": erru, "put": s.Put(t.Context(), key, strings.NewReader(""), 0),
				"delete": s.Delete(t.Context(), key), "join": s.Join(t.Context(), key, []string{"a"}),
			} {
				if !errors.Is(err, blobs.ErrKey) {
					t.Errorf("%s %q: %v", what, key, err)
				}
			}
		}
	})
}

func TestConcurrentPuts(t *testing.T) {
	each(t, func(t *testing.T, s blobs.Store) {
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				if err := s.Put(t.Context(), fmt.Sprintf("d%d/x%d", i%7, i), strings.NewReader("x"), 1); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := keys(t, s, ""); len(got) != 40 {
			t.Errorf("%d objects", len(got))
		}
	})
}

// TestAddress reads an object of a bucket without any credentials.
func TestAddress(t *testing.T) {
	s := bucket(t)
	put(t, s, "x", "hello")
	address, err := s.URL(t.Context(), "x", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[int]func(string) string{
		200: func(s string) string { return s },
		403: func(s string) string { return strings.Replace(s, "registry/x", "registry/y", 1) },
	} {
		res, err := http.Get(change(address))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != want || want == 200 && string(b) != "hello" {
			t.Errorf("%d %s, %v", res.StatusCode, b, err)
		}
	}
	if u, err := folder(t).URL(t.Context(), "x", time.Minute); u != "" || err != nil {
		t.Errorf("a folder has the address %q, %v", u, err)
	}
}

func TestNoBucket(t *testing.T) {
	o := servertest.S3(t)
	o.Bucket = "none"
	if _, err := blobs.OpenBucket(t.Context(), o); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// TestFolderIsPrivate looks at modes and at what is no object.
func TestFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	s, err := blobs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "a/b", "x")
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "a"): 0o700, filepath.Join(dir, "a", "b"): 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
	if r, _, err := s.Open(t.Context(), "a/b"); err != nil {
		t.Error(err)
	} else if _, ok := r.(*os.File); !ok {
		t.Errorf("%T cannot be sent without copying", r)
	} else {
		r.Close()
	}
}
