package sqlstore_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
	"github.com/plugstead/plugstead/cmd/internal/server/servertest"
	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
	"github.com/plugstead/plugstead/registry"
)

// replicas opens n stores over one registry.
func replicas(t *testing.T, n int) []*sqlstore.Store {
	t.Helper()
	o := sqlstore.Options{Postgres: servertest.Postgres(t)}
	bucket := servertest.S3(t)
	var out []*sqlstore.Store
	for range n {
		b, err := blobs.OpenBucket(t.Context(), bucket)
		if err != nil {
			t.Fatal(err)
		}
		o.Blobs = b
		s, err := sqlstore.Open(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		out = append(out, s)
	}
	return out
}

// reopened opens a folder n times, one after the other.
func reopened(t *testing.T, n int) func(i int) *sqlstore.Store {
	dir := t.TempDir()
	var s *sqlstore.Store
	return func(int) *sqlstore.Store {
		if s != nil {
			s.Close()
		}
		s = open(t, dir)
		return s
	}
}

// TestUploadGoesOnElsewhere sends each piece of a blob to another replica, or to a server
// that was started again.
func TestUploadGoesOnElsewhere(t *testing.T) {
	const text = "one piece, another piece, and a last one"
	pieces := strings.SplitAfter(text, ",")
	part := func(t *testing.T, next func(i int) *sqlstore.Store) {
		for i, a := range []artifact.Algorithm{artifact.SHA256, artifact.SHA512} {
			for j, b := range []artifact.Algorithm{artifact.SHA256, artifact.SHA512} { // what was announced, and what is asked for
				repo := "acme/x" + string(rune('a'+2*i+j))
				name, err := next(0).NewUpload(t.Context(), repo, a)
				if err != nil {
					t.Fatal(err)
				}
				for n, p := range pieces[:2] {
					u, err := next(n+1).Upload(t.Context(), repo, name)
					if err != nil {
						t.Fatal(err)
					}
					if err := u.Append(t.Context(), strings.NewReader(p)); err != nil {
						t.Fatal(err)
					}
				}
				u, err := next(0).Upload(t.Context(), repo, name)
				if err != nil || u.Size() != int64(len(pieces[0]+pieces[1])) {
					t.Fatal(u, err)
				}
				d := b.DigestOf([]byte(text))
				if err := u.Commit(t.Context(), strings.NewReader(pieces[2]), d); err != nil {
					t.Fatalf("%s, then %s: %v", a, b, err)
				}
				if got := readAll(t, next(1), repo, d); got != text {
					t.Errorf("got %q", got)
				}
			}
		}
	}
	t.Run("restarts", func(t *testing.T) { part(t, reopened(t, 3)) })
	t.Run("replicas", func(t *testing.T) {
		list := replicas(t, 3)
		part(t, func(i int) *sqlstore.Store { return list[i%len(list)] })
	})
}

func readAll(t *testing.T, s *sqlstore.Store, repo string, d artifact.Digest) string {
	t.Helper()
	r, size, err := s.OpenBlob(t.Context(), repo, d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if stat, err2 := s.StatBlob(t.Context(), repo, d); err != nil || err2 != nil || int64(len(b)) != size || stat != size {
		t.Fatal(len(b), size, stat, err, err2)
	}
	return string(b)
}

// objects counts what is in the place of blobs.
func objects(t *testing.T, b blobs.Store) (n int) {
	t.Helper()
	for _, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// upload begins one and returns a function that finds it.
func upload(t *testing.T, s *sqlstore.Store, repo string) func() registry.Upload {
	t.Helper()
	name, err := s.NewUpload(t.Context(), repo, artifact.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return func() registry.Upload {
		t.Helper()
		u, err := s.Upload(t.Context(), repo, name)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
}

// TestTwoRequestsForOneUpload lets both see the same state: one of them fails.
func TestTwoRequestsForOneUpload(t *testing.T) {
	each(t, func(t *testing.T, s *sqlstore.Store) {
		get := upload(t, s, "a/b")
		one, two := get(), get()
		if err := one.Append(t.Context(), strings.NewReader("one")); err != nil {
			t.Fatal(err)
		}
		if err := two.Append(t.Context(), strings.NewReader("two")); !errors.Is(err, registry.ErrOffset) {
			t.Errorf("append: %v", err)
		}
		if err := two.Commit(t.Context(), strings.NewReader("two"), artifact.DigestOf([]byte("two"))); !errors.Is(err, registry.ErrOffset) {
			t.Errorf("commit: %v", err)
		}
		three, four := get(), get()
		if err := three.Append(t.Context(), strings.NewReader(" and")); err != nil {
			t.Fatal(err)
		}
		if err := four.Commit(t.Context(), strings.NewReader(""), artifact.DigestOf([]byte("one"))); !errors.Is(err, registry.ErrOffset) {
			t.Errorf("an earlier state: %v", err)
		}
		if err := four.Cancel(t.Context()); !errors.Is(err, registry.ErrOffset) {
			t.Errorf("cancel of an earlier state: %v", err)
		}
		if err := get().Commit(t.Context(), strings.NewReader("!"), artifact.DigestOf([]byte("one and!"))); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, s, "a/b", artifact.DigestOf([]byte("one and!"))); got != "one and!" {
			t.Errorf("got %q", got)
		}
		if _, err := s.StatBlob(t.Context(), "a/b", artifact.DigestOf([]byte("two"))); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("the other one: %v", err)
		}
	})
}

// TestUploadsLeaveNothing ends uploads in every way and looks for objects of no use.
func TestUploadsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b, err := blobs.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	hello := artifact.DigestOf([]byte("hello"))
	for range 2 { // the second one has a blob that is there
		for _, first := range []string{"", "hel"} {
			get := upload(t, s, "a/b")
			if err := get().Append(t.Context(), strings.NewReader(first)); err != nil {
				t.Fatal(err)
			}
			if err := get().Commit(t.Context(), strings.NewReader("hello"[len(first):]), hello); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := objects(t, b); n != 1 {
		t.Errorf("%d objects of one blob", n)
	}
	for _, first := range []string{"", "hu"} {
		get := upload(t, s, "a/b")
		if err := get().Append(t.Context(), strings.NewReader(first)); err != nil {
			t.Fatal(err)
		}
		u := get()
		if err := u.Commit(t.Context(), strings.NewReader("llo"), hello); !errors.Is(err, artifact.ErrDigest) {
			t.Errorf("other bytes: %v", err)
		}
		if err := u.Append(t.Context(), strings.NewReader("x")); !errors.Is(err, registry.ErrOffset) {
			t.Errorf("after the end: %v", err)
		}
		again := upload(t, s, "a/b")
		if err := again().Append(t.Context(), strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		if err := again().Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := objects(t, b); n != 1 {
		t.Errorf("%d objects of one blob", n)
	}
}

// TestBrokenPiece keeps what arrived before the line broke, and goes on from there.
func TestBrokenPiece(t *testing.T) {
	each(t, func(t *testing.T, s *sqlstore.Store) {
		get := upload(t, s, "a/b")
		broken := func(text string) io.Reader {
			return io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF))
		}
		hello := artifact.DigestOf([]byte("hello"))
		if err := get().Append(t.Context(), broken("he")); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("append: %v", err)
		}
		if err := get().Append(t.Context(), broken("")); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("nothing: %v", err)
		}
		if err := get().Commit(t.Context(), broken("ll"), hello); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("commit: %v", err)
		}
		u := get()
		if u.Size() != 4 {
			t.Fatalf("%d bytes arrived", u.Size())
		}
		if err := u.Commit(t.Context(), strings.NewReader("o"), hello); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, s, "a/b", hello); got != "hello" {
			t.Errorf("got %q", got)
		}
	})
}

// clock is one that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// withClock opens a store in a folder with a clock.
func withClock(t *testing.T) (*sqlstore.Store, *clock, blobs.Store) {
	t.Helper()
	dir := t.TempDir()
	b, err := blobs.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{now: time.Now()}
	s, err := sqlstore.Open(context.Background(), sqlstore.Options{File: filepath.Join(dir, "registry.db"), Blobs: b, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, c, b
}

// TestIdleUploadsEnd fills the registry with uploads that nobody continues, but one.
func TestIdleUploadsEnd(t *testing.T) {
	s, c, b := withClock(t)
	var first func() registry.Upload
	n := 0
	for ; ; n++ {
		name, err := s.NewUpload(t.Context(), "a/b", artifact.SHA256)
		if errors.Is(err, registry.ErrBusy) && n > 0 {
			break
		}
		if err != nil {
			t.Fatalf("%d uploads: %v", n, err)
		}
		if n == 0 {
			first = func() registry.Upload {
				u, err := s.Upload(t.Context(), "a/b", name)
				if err != nil {
					t.Fatal(err)
				}
				return u
			}
		}
	}
	c.add(40 * time.Minute)
	if err := first().Append(t.Context(), strings.NewReader("still ")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.NewUpload(t.Context(), "a/b", artifact.SHA256); !errors.Is(err, registry.ErrBusy) {
		t.Errorf("after 40 minutes: %v", err)
	}
	c.add(40 * time.Minute)
	second := upload(t, s, "a/b")
	if err := second().Append(t.Context(), strings.NewReader("x")); err != nil {
		t.Error(err)
	}
	got, err := s.Collect(t.Context(), 24*time.Hour)
	if err != nil || got.Uploads != n-1 || got.Objects != 0 {
		t.Errorf("collected %+v, %v", got, err)
	}
	if err := first().Commit(t.Context(), strings.NewReader("here"), artifact.DigestOf([]byte("still here"))); err != nil {
		t.Error(err)
	}
	c.add(2 * time.Hour)
	if got, err = s.Collect(t.Context(), 24*time.Hour); err != nil || got.Uploads != 1 || got.Objects != 1 || objects(t, b) != 1 {
		t.Errorf("collected %+v, %v, %d objects", got, err, objects(t, b))
	}
}
