// Package storetest is the suite that every store.Store passes.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/store"
)

// Run checks the stores that open makes. Each call of open gives an empty store.
func Run(t *testing.T, open func(*testing.T) store.Store) {
	for name, f := range map[string]func(*testing.T, store.Store){
		"put and open":      putAndOpen,
		"wrong bytes":       wrongBytes,
		"not found":         notFound,
		"tags never move":   tagsNeverMove,
		"tags are sorted":   tagsAreSorted,
		"concurrent puts":   concurrentPuts,
		"concurrent tags":   concurrentTags,
		"cancelled context": cancelled,
		"malformed digest":  malformedDigest,
	} {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
}

func put(t *testing.T, s store.Store, content string) artifact.Descriptor {
	t.Helper()
	d := artifact.Describe("text/plain", []byte(content))
	if err := s.Put(t.Context(), d, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return d
}

func read(t *testing.T, s store.Store, d artifact.Descriptor) string {
	t.Helper()
	r, err := s.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func putAndOpen(t *testing.T, s store.Store) {
	for _, content := range []string{"hello", "", strings.Repeat("x", 1<<20)} {
		d := put(t, s, content)
		put(t, s, content)
		if got := read(t, s, d); got != content {
			t.Fatalf("got %d bytes, want %d", len(got), len(content))
		}
	}
}

func wrongBytes(t *testing.T, s store.Store) {
	d := artifact.Describe("text/plain", []byte("hello"))
	for _, bad := range []string{"hell", "hullo", "hello!", ""} {
		if err := s.Put(t.Context(), d, strings.NewReader(bad)); !errors.Is(err, artifact.ErrDigest) {
			t.Errorf("put %q: got %v, want ErrDigest", bad, err)
		}
		if _, err := s.Open(t.Context(), d); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after put %q: got %v, want ErrNotFound", bad, err)
		}
	}
}

func notFound(t *testing.T, s store.Store) {
	d := artifact.Describe("text/plain", []byte("nowhere"))
	if _, err := s.Open(t.Context(), d); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	if _, err := s.Resolve(t.Context(), "a/b", "1.0.0"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("resolve: %v", err)
	}
	if err := s.Tag(t.Context(), "a/b", "1.0.0", d); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("tag: %v", err)
	}
}

func tagsNeverMove(t *testing.T, s store.Store) {
	one, two := put(t, s, "one"), put(t, s, "two")
	for range 2 {
		if err := s.Tag(t.Context(), "a/b", "1.0.0", one); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Tag(t.Context(), "a/b", "1.0.0", two); !errors.Is(err, store.ErrBound) {
		t.Fatalf("got %v, want ErrBound", err)
	}
	if d, err := s.Resolve(t.Context(), "a/b", "1.0.0"); err != nil || d.Digest != one.Digest || d.Size != one.Size {
		t.Fatalf("got %v, %v", d, err)
	}
	if err := s.Tag(t.Context(), "a/c", "1.0.0", two); err != nil {
		t.Fatal(err)
	}
}

func tagsAreSorted(t *testing.T, s store.Store) {
	d := put(t, s, "one")
	want := []string{"a/a:2", "a/b:1", "a/b:2", "b/a:1"}
	for _, i := range []int{3, 1, 0, 2} {
		name, tag, _ := strings.Cut(want[i], ":")
		if err := s.Tag(t.Context(), name, tag, d); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for x, err := range s.Tags(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, x.Name+":"+x.Tag)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
	for range s.Tags(t.Context()) {
		break
	}
}

func concurrentPuts(t *testing.T, s store.Store) {
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	d := artifact.Describe("text/plain", content)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := s.Put(t.Context(), d, bytes.NewReader(content)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := read(t, s, d); got != string(content) {
		t.Fatal("torn blob")
	}
}

func concurrentTags(t *testing.T, s store.Store) {
	d := put(t, s, "one")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := s.Tag(t.Context(), "a/b", string(rune('a'+i)), d); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	n := 0
	for _, err := range s.Tags(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 8 {
		t.Fatalf("%d tags survived of 8", n)
	}
}

func cancelled(t *testing.T, s store.Store) {
	d := put(t, s, "one")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := s.Open(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
		if err == nil {
			r.Close()
		}
	}
	if err := s.Put(ctx, d, strings.NewReader("one")); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
}

func malformedDigest(t *testing.T, s store.Store) {
	for _, d := range []artifact.Digest{"", "sha256:../../etc/passwd", "md5:00", artifact.Digest("sha256:" + strings.Repeat("A", 64))} {
		bad := artifact.Descriptor{Digest: d, Size: 1}
		if err := s.Put(t.Context(), bad, strings.NewReader("x")); err == nil {
			t.Errorf("put %q succeeded", d)
		}
		if r, err := s.Open(t.Context(), bad); err == nil {
			r.Close()
			t.Errorf("open %q succeeded", d)
		}
	}
}
