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
	"testing/iotest"

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
		"broken reader":     brokenReader,
		"sizes that lie":    sizesThatLie,
		"tags keep kinds":   tagsKeepKinds,
		"tags of others":    tagsOfOthers,
		"racing tags":       racingTags,
		"readers and puts":  readersAndPuts,
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
	two := artifact.Describe("text/plain", []byte("two"))
	if err := s.Put(ctx, two, strings.NewReader("two")); !errors.Is(err, context.Canceled) {
		t.Errorf("put of something new: %v", err)
	}
	if _, err := s.Open(t.Context(), two); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a put that was cancelled kept something: %v", err)
	}
	if err := s.Tag(ctx, "a/b", "1.0.0", d); !errors.Is(err, context.Canceled) {
		t.Errorf("tag: %v", err)
	}
	if _, err := s.Resolve(t.Context(), "a/b", "1.0.0"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a tag that was cancelled is there: %v", err)
	}
	if err := s.Tag(t.Context(), "a/b", "1.0.0", d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(ctx, "a/b", "1.0.0"); !errors.Is(err, context.Canceled) {
		t.Errorf("resolve: %v", err)
	}
	var last error
	for _, err := range s.Tags(ctx) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("tags: %v", last)
	}
}

// brokenReader has a source that fails half way: nothing may be kept, and the next
// put of the same bytes works.
func brokenReader(t *testing.T, s store.Store) {
	broken := errors.New("disk on fire")
	d := artifact.Describe("text/plain", []byte("hello"))
	if err := s.Put(t.Context(), d, io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Open(t.Context(), d); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half a blob is there: %v", err)
	}
	put(t, s, "hello")
	if err := s.Put(t.Context(), d, iotest.ErrReader(broken)); err != nil {
		t.Errorf("a put of what is there read its source: %v", err)
	}
	if got := read(t, s, d); got != "hello" {
		t.Errorf("got %q", got)
	}
}

// sizesThatLie has descriptors with the right digest and another size.
func sizesThatLie(t *testing.T, s store.Store) {
	d := artifact.Describe("text/plain", []byte("hello"))
	for _, size := range []int64{0, 4, 6, -1} {
		bad := d
		bad.Size = size
		if err := s.Put(t.Context(), bad, strings.NewReader("hello")); err == nil {
			t.Errorf("put with size %d succeeded", size)
		}
		if _, err := s.Open(t.Context(), d); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after a put with size %d: %v", size, err)
		}
	}
}

// tagsKeepKinds looks at what a tag tells of the bytes behind it.
func tagsKeepKinds(t *testing.T, s store.Store) {
	d := put(t, s, "one")
	d.MediaType, d.ArtifactType = artifact.MediaIndex, artifact.TypePlugin
	if err := s.Tag(t.Context(), "a/b", "1.0.0", d); err != nil {
		t.Fatal(err)
	}
	got, err := s.Resolve(t.Context(), "a/b", "1.0.0")
	if err != nil || got.MediaType != d.MediaType || got.ArtifactType != d.ArtifactType || got.Size != 3 {
		t.Errorf("resolve: %+v, %v", got, err)
	}
	for x, err := range s.Tags(t.Context()) {
		if err != nil || x.MediaType != d.MediaType || x.Digest != d.Digest {
			t.Errorf("tags: %+v, %v", x, err)
		}
	}
}

// tagsOfOthers has names that are parts of each other.
func tagsOfOthers(t *testing.T, s store.Store) {
	one, two := put(t, s, "one"), put(t, s, "two")
	for ref, d := range map[[2]string]artifact.Descriptor{{"a/b", "1"}: one, {"a/bb", "1"}: two, {"a/b", "11"}: two, {"localhost:5000/a/b", "1"}: two} {
		if err := s.Tag(t.Context(), ref[0], ref[1], d); err != nil {
			t.Fatal(err)
		}
	}
	for ref, want := range map[[2]string]artifact.Descriptor{{"a/b", "1"}: one, {"a/bb", "1"}: two, {"a/b", "11"}: two, {"localhost:5000/a/b", "1"}: two} {
		if d, err := s.Resolve(t.Context(), ref[0], ref[1]); err != nil || d.Digest != want.Digest {
			t.Errorf("%v: %v, %v", ref, d, err)
		}
	}
	for _, ref := range [][2]string{{"a", "1"}, {"b", "1"}, {"a/b", ""}, {"", ""}, {"A/B", "1"}, {"localhost", "5000/a/b:1"}} {
		if _, err := s.Resolve(t.Context(), ref[0], ref[1]); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v: %v", ref, err)
		}
	}
}

// racingTags binds one tag to different bytes at one time: one wins, and stays.
func racingTags(t *testing.T, s store.Store) {
	var list []artifact.Descriptor
	for i := range 6 {
		list = append(list, put(t, s, strings.Repeat("x", i)))
	}
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, d := range list {
		wg.Go(func() { errs[i] = s.Tag(t.Context(), "a/b", "1.0.0", d) })
	}
	wg.Wait()
	got, err := s.Resolve(t.Context(), "a/b", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range errs {
		if won := list[i].Digest == got.Digest; won != (err == nil) || !won && !errors.Is(err, store.ErrBound) {
			t.Errorf("%d bytes: %v, and the tag names %d", i, err, got.Size)
		}
	}
}

// readersAndPuts reads while others write: what can be opened is whole.
func readersAndPuts(t *testing.T, s store.Store) {
	var wg sync.WaitGroup
	for i := range 4 {
		content := strings.Repeat(string(rune('a'+i)), 50_000)
		d := artifact.Describe("text/plain", []byte(content))
		wg.Go(func() { put(t, s, content) })
		wg.Go(func() {
			r, err := s.Open(t.Context(), d)
			if errors.Is(err, store.ErrNotFound) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			if b, err := io.ReadAll(r); err != nil || string(b) != content {
				t.Errorf("read %d bytes of %d: %v", len(b), len(content), err)
			}
		})
	}
	wg.Wait()
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
