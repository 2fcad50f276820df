package disk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/store/disk"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, s *disk.Store, content string) artifact.Descriptor {
	t.Helper()
	d := artifact.Describe("text/plain", []byte(content))
	if err := s.Put(t.Context(), d, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return d
}

func blobPath(s *disk.Store, d artifact.Descriptor) string {
	return filepath.Join(s.Dir(), "blobs", "sha256", d.Digest.Hex())
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// TestDamagedBlobIsPutAgain cuts off a file, or makes it longer. Were it to stay, a
// plugin with these bytes could never be installed again.
func TestDamagedBlobIsPutAgain(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "cut off": "hel", "longer": "hello, world"} {
		s := open(t, t.TempDir())
		d := put(t, s, "hello")
		write(t, blobPath(s, d), content)
		if s.Has(d) {
			t.Errorf("%s: it counts as there", name)
		}
		if err := s.Tag(t.Context(), "a/b", "1.0.0", d); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: tagged: %v", name, err)
		}
		if err := s.Put(t.Context(), d, strings.NewReader("jello")); !errors.Is(err, artifact.ErrDigest) {
			t.Errorf("%s: other bytes: %v", name, err)
		}
		if b, err := os.ReadFile(blobPath(s, d)); err != nil || string(b) != content {
			t.Errorf("%s: a refused put changed the file to %q, %v", name, b, err)
		}
		put(t, s, "hello")
		if b, err := os.ReadFile(blobPath(s, d)); err != nil || string(b) != "hello" || !s.Has(d) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if left := entries(t, filepath.Dir(blobPath(s, d))); len(left) != 1 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

// TestFolderInThePlaceOfABlob is no file of ours: an error, not a hang or a loss.
func TestFolderInThePlaceOfABlob(t *testing.T) {
	s := open(t, t.TempDir())
	d := artifact.Describe("text/plain", []byte("hello"))
	write(t, filepath.Join(blobPath(s, d), "mine.txt"), "mine")
	if err := s.Put(t.Context(), d, strings.NewReader("hello")); err == nil {
		t.Error("put succeeded")
	}
	if err := s.Remove(d); err == nil {
		t.Error("a folder with content was removed")
	}
	if b, err := os.ReadFile(filepath.Join(blobPath(s, d), "mine.txt")); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
}

const foreignIndex = `{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "annotations": {"org.example.who": "another tool"},
  "manifests": [
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":7,
     "platform":{"os":"linux","architecture":"arm","variant":"v7"},"urls":["https://example.org/a"],"annotations":{"org.example.x":"y"}},
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","size":8,
     "annotations":{"org.opencontainers.image.ref.name":"latest"}},
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","size":9,
     "annotations":{"org.opencontainers.image.ref.name":"localhost:5000/acme/image:3.0","org.example.x":"<&>"}}
  ]
}`

// TestEntriesOfOtherToolsSurvive tags in a layout that another tool made, which wants
// its variants and addresses back.
func TestEntriesOfOtherToolsSurvive(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	write(t, filepath.Join(dir, "index.json"), foreignIndex)
	d := put(t, s, "hello")
	if err := s.Tag(t.Context(), "acme/hello", "1.0.0", d); err != nil {
		t.Fatal(err)
	}
	type index struct {
		Manifests   []any
		Annotations map[string]string
	}
	var before, after index
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err = errors.Join(err, json.Unmarshal(b, &after), json.Unmarshal([]byte(foreignIndex), &before)); err != nil {
		t.Fatal(err)
	}
	if len(after.Manifests) != 4 || after.Annotations["org.example.who"] != "another tool" {
		t.Errorf("got %s", b)
	}
	for _, want := range before.Manifests {
		x, _ := json.Marshal(want)
		if !slices.ContainsFunc(after.Manifests, func(got any) bool { y, _ := json.Marshal(got); return bytes.Equal(x, y) }) {
			t.Errorf("lost %s in %s", x, b)
		}
	}
	var tags []string
	for x, err := range s.Tags(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, x.Name+" "+x.Tag)
	}
	if got := strings.Join(tags, ", "); got != "acme/hello 1.0.0, localhost:5000/acme/image 3.0" {
		t.Errorf("tags %s", got)
	}
}

// TestLayoutFiles has folders that are no store, or one of another version.
func TestLayoutFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  error
	}{
		"newer":       {map[string]string{"oci-layout": `{"imageLayoutVersion":"2.0.0"}`}, disk.ErrNotLayout},
		"no version":  {map[string]string{"oci-layout": `{}`}, disk.ErrNotLayout},
		"not JSON":    {map[string]string{"oci-layout": `hello`}, disk.ErrNotLayout},
		"empty":       {map[string]string{"oci-layout": ``}, disk.ErrNotLayout},
		"photos":      {map[string]string{"blobs/sha256/x": "", "photo.jpg": ""}, disk.ErrNotLayout},
		"a folder":    {map[string]string{"sub/x": ""}, disk.ErrNotLayout},
		"layout only": {map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`}, nil},
		"with others": {map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "README": "ours"}, nil},
		"lock only":   {map[string]string{".lock": ""}, nil},
	} {
		dir := t.TempDir()
		for file, content := range c.files {
			write(t, filepath.Join(dir, file), content)
		}
		before := entries(t, dir)
		if _, err := disk.Open(dir); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if after := entries(t, dir); c.want != nil && !slices.Equal(before, after) {
			t.Errorf("%s: a refused folder was changed: %v", name, after)
		}
	}
}

// TestLayoutWithoutBlobs opens a store whose blobs folder somebody removed.
func TestLayoutWithoutBlobs(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "oci-layout"), `{"imageLayoutVersion":"1.0.0"}`)
	s, err := disk.OpenExisting(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := artifact.Describe("text/plain", []byte("hello"))
	if _, err := s.Open(t.Context(), d); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	if err := s.Put(t.Context(), d, strings.NewReader("hello")); err != nil {
		t.Errorf("put: %v", err)
	}
	if err := s.Sweep(); err != nil {
		t.Errorf("sweep: %v", err)
	}
}

// TestOpenExistingWritesNothing reads a folder that others own.
func TestOpenExistingWritesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := disk.OpenExisting(dir); !errors.Is(err, disk.ErrNotLayout) {
		t.Errorf("empty folder: %v", err)
	}
	file := filepath.Join(dir, "file")
	write(t, file, "")
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if _, err := disk.OpenExisting(path); err == nil {
			t.Errorf("%s was opened", path)
		}
		if _, err := disk.Open(path); err == nil {
			t.Errorf("%s became a store", path)
		}
	}
	if got := entries(t, dir); len(got) != 1 {
		t.Errorf("left %v", got)
	}
}

// TestTagWaitsForTheLock has another process in the middle of a change.
func TestTagWaitsForTheLock(t *testing.T) {
	s := open(t, t.TempDir())
	d := put(t, s, "hello")
	lock, err := filelock.Exclusive(t.Context(), filepath.Join(s.Dir(), ".lock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Tag(ctx, "a/b", "1.0.0", d) }()
	if _, err := s.Resolve(t.Context(), "a/b", "1.0.0"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("readers do not wait: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("tag: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(t.Context(), "a/b", "1.0.0", d); err != nil {
		t.Error(err)
	}
}

// TestReadOnlyStore reads from a folder where it may not write.
func TestReadOnlyStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	d := put(t, s, "hello")
	if err := s.Tag(t.Context(), "a/b", "1.0.0", d); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	again, err := disk.OpenExisting(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Resolve(t.Context(), "a/b", "1.0.0")
	if err != nil || got.Digest != d.Digest {
		t.Errorf("%v, %v", got, err)
	}
	r, err := again.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestRemoveRefusesPaths makes sure that no digest names a file elsewhere.
func TestRemoveRefusesPaths(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, bad := range []artifact.Digest{"", "sha256:../../oci-layout", "sha256:..", "../oci-layout"} {
		if err := s.Remove(artifact.Descriptor{Digest: bad}); err == nil {
			t.Errorf("%q removed", bad)
		}
		if s.Has(artifact.Descriptor{Digest: bad, Size: int64(len(`{"imageLayoutVersion":"1.0.0"}`))}) {
			t.Errorf("%q is there", bad)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err != nil {
		t.Error(err)
	}
}

// FuzzIndex reads an index.json that anybody may have written, then tags: what was
// understood before is there after.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(foreignIndex))
	f.Add([]byte(`{"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"a:b:c"}}]}`))
	f.Add([]byte(`{"manifests":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		s := open(t, dir)
		write(t, filepath.Join(dir, "index.json"), string(b))
		count := func() (n int, err error) {
			for _, err = range s.Tags(t.Context()) {
				n++
			}
			return n, err
		}
		before, broken := count()
		d := put(t, s, "hello")
		err := s.Tag(t.Context(), "fuzz/new", "1.0.0", d)
		if errors.Is(err, store.ErrBound) {
			return
		}
		if (err != nil) != (broken != nil) {
			t.Fatalf("read: %v, tagged: %v", broken, err)
		}
		if err != nil {
			if again, _ := os.ReadFile(filepath.Join(dir, "index.json")); !bytes.Equal(again, b) {
				t.Fatalf("a refused index was replaced by %q", again)
			}
			return
		}
		if after, err := count(); err != nil || after != before+1 && after != before {
			t.Fatalf("%d tags, then %d: %v", before, after, err)
		}
		if got, err := s.Resolve(t.Context(), "fuzz/new", "1.0.0"); err != nil || got.Digest != d.Digest {
			t.Fatalf("%v, %v", got, err)
		}
	})
}
