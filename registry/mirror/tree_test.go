package mirror_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/mirrortest"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/mirror"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/registry/static"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/verify"
)

// broken is a source that spoils what one test says.
type broken struct {
	fetch.Source
	spoil func(artifact.Descriptor, io.ReadCloser) (io.ReadCloser, error)
}

func (b broken) Blobs(id manifest.ID) artifact.Blobs { return spoiled{b, b.Source.Blobs(id)} }

type spoiled struct {
	b    broken
	from artifact.Blobs
}

func (s spoiled) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	r, err := s.from.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	return s.b.spoil(d, r)
}

func TestABrokenSourceChangesNothing(t *testing.T) {
	s := registrytest.New(t)
	publish(t, s, plugintest.Pack(t, "acme/a", "1.0.0"))
	dir := t.TempDir()
	mirrortest.Copy(t, s.Client(), dir)
	publish(t, s, plugintest.Pack(t, "acme/a", "2.0.0"))
	before := mirrortest.Files(t, dir)
	for _, kind := range []string{artifact.MediaIndex, artifact.MediaManifest, artifact.MediaPlugin, artifact.MediaTarGzip} {
		for name, c := range map[string]struct {
			spoil func(io.ReadCloser) (io.ReadCloser, error)
			want  error
		}{
			"missing": {func(r io.ReadCloser) (io.ReadCloser, error) { r.Close(); return nil, store.ErrNotFound }, store.ErrNotFound},
			"changed": {func(r io.ReadCloser) (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(strings.NewReader("x"), r)), nil
			}, artifact.ErrDigest},
			"cut off": {func(r io.ReadCloser) (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(r, 10)), nil }, artifact.ErrDigest},
		} {
			from := broken{s.Client(), func(d artifact.Descriptor, r io.ReadCloser) (io.ReadCloser, error) {
				if d.MediaType != kind {
					return r, nil
				}
				return c.spoil(r)
			}}
			// A wrapped client is no Remote: it must list and give documents itself.
			set, err := mirror.Select(t.Context(), from, mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/a")})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := static.Copy(t.Context(), set, dir); !errors.Is(err, c.want) {
				t.Errorf("%s %s: %v", kind, name, err)
			}
			after := mirrortest.Files(t, dir)
			maps.DeleteFunc(after, func(path, _ string) bool { return strings.HasPrefix(path, "v2/") })
			for path, b := range after {
				if before[path] != b {
					t.Errorf("%s %s: %s changed", kind, name, path)
				}
			}
		}
	}
	mirrortest.Copy(t, s.Client(), dir)
	tree, err := static.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := install(t, tree, "acme/a"); err != nil || got != "acme/a 2.0.0" {
		t.Errorf("after that: %s, %v", got, err)
	}
}

func TestDamagedSmallFilesAreMended(t *testing.T) {
	s := registrytest.New(t)
	publish(t, s, plugintest.Pack(t, "acme/a", "1.0.0"))
	dir := t.TempDir()
	mirrortest.Copy(t, s.Client(), dir)
	want := mirrortest.Files(t, dir)
	damaged := 0
	for name, b := range want {
		if strings.HasPrefix(name, "v2/") {
			damaged++
			if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(strings.Repeat("x", len(b))), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rep := mirrortest.Copy(t, s.Client(), dir); rep.Added != damaged {
		t.Errorf("%d files were damaged, %d mended", damaged, rep.Added)
	}
	if got := mirrortest.Files(t, dir); !maps.Equal(got, want) {
		t.Error("the tree is not what it was")
	}
}

func TestFromAFolderOfPackedPlugins(t *testing.T) {
	dir := t.TempDir()
	to, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Push(t, to, plugintest.Pack(t, "acme/a", "1.0.0", "requires: { acme/b: '*' }"), plugintest.Pack(t, "acme/b", "1.0.0", "offers: { acme/c: 1.0.0 }"))
	from, err := fetch.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	rep := mirrortest.Copy(t, from, tree)
	if rep.Plugins != 2 {
		t.Errorf("report %+v", rep)
	}
	src, err := static.Open(tree)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := install(t, src, "acme/a"); err != nil || got != "acme/a 1.0.0, acme/b 1.0.0" {
		t.Errorf("%s, %v", got, err)
	}
	if p, err := src.Plugin(t.Context(), "acme/c"); err != nil || len(p.Providers) != 1 {
		t.Errorf("a name that is offered: %v, %v", p, err)
	}
}

func TestTwoRegistriesInOneTree(t *testing.T) {
	one, two := registrytest.New(t), registrytest.New(t)
	publish(t, one, plugintest.Pack(t, "acme/a", "1.0.0"), plugintest.Pack(t, "acme/b", "1.0.0"))
	publish(t, two, plugintest.Pack(t, "acme/a", "1.0.0", "license: MIT"), plugintest.Pack(t, "acme/c", "1.0.0"))
	dir := t.TempDir()
	mirrortest.Copy(t, one.Client(), dir)
	before := mirrortest.Files(t, dir)
	set, err := mirror.Select(t.Context(), two.Client(), mirror.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := static.Copy(t.Context(), set, dir); !errors.Is(err, static.ErrForeign) {
		t.Errorf("another registry: %v", err)
	}
	if !maps.Equal(mirrortest.Files(t, dir), before) {
		t.Error("it left something")
	}
	mirrortest.Copy(t, two.Client(), dir, "acme/c") // other plugins may come from elsewhere
}

func TestRecordOfOtherBytes(t *testing.T) {
	s := registrytest.New(t)
	publish(t, s, plugintest.Pack(t, "acme/a", "1.0.0"))
	set, err := mirror.Select(t.Context(), s.Client(), mirror.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	r := set.Items[0].Releases[0]
	for name, change := range map[string]func(*mirror.Release){
		"manifest": func(r *mirror.Release) { r.Packages[0].Manifest.Digest = r.Digest },
		"payload":  func(r *mirror.Release) { r.Packages[0].Payload.Size++ },
		"platform": func(r *mirror.Release) { r.Packages[0].Platform.OS = "linux" },
	} {
		other := mirror.Release{Release: r.Release, Packages: append(r.Packages[:0:0], r.Packages...)}
		change(&other)
		if _, err := mirror.Parts(t.Context(), s.Client().Blobs("acme/a"), other); !errors.Is(err, verify.ErrMismatch) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestCancelledCopy(t *testing.T) {
	s := acme(t)
	set, err := mirror.Select(t.Context(), s.Client(), mirror.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	set.From = broken{s.Client(), func(_ artifact.Descriptor, r io.ReadCloser) (io.ReadCloser, error) { cancel(); return r, nil }}
	dir := t.TempDir()
	if _, err := static.Copy(ctx, set, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if static.Is(dir) {
		t.Error("half a copy counts")
	}
}
