package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/store/mem"
)

func openStore(t *testing.T) *disk.Store {
	t.Helper()
	s, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDamagedStoreIsRepaired spoils every blob that an earlier fetch left, in size
// and in content. A user whose disk lost a sector must not be stuck for good.
func TestDamagedStoreIsRepaired(t *testing.T) {
	src := sources(t, plugintest.Pack(t, "acme/a", "1.0.0"))["registry"]
	list := choices(t, src, "acme/a")
	for name, spoil := range map[string]func([]byte) []byte{
		"cut off":      func(b []byte) []byte { return b[:len(b)/2] },
		"empty":        func([]byte) []byte { return nil },
		"one bit":      func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"zeros":        func(b []byte) []byte { clear(b); return b },
		"one byte too": func(b []byte) []byte { return append(b, 'x') },
	} {
		into := openStore(t)
		if _, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, into, list, fetch.Options{}); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(into.Dir(), "blobs", "sha256")
		files, err := os.ReadDir(dir)
		if err != nil || len(files) < 4 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			path := filepath.Join(dir, f.Name())
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, spoil(b), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		cached := true
		got, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, into, list, fetch.Options{Events: fetch.Events{Fetched: func(p fetch.Progress) { cached = p.Cached }}})
		if err != nil || cached {
			t.Errorf("%s: cached %t, %v", name, cached, err)
			continue
		}
		if _, err := artifact.ReadBlob(t.Context(), into, got[0].Package.Payload, 1<<20); err != nil {
			t.Errorf("%s: the payload is still bad: %v", name, err)
		}
	}
}

// stuck is a store that cannot drop anything.
type stuck struct{ store.Store }

func (s stuck) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	r, err := s.Store.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	r.Close()
	return io.NopCloser(strings.NewReader("bad")), nil
}

func TestDamageThatStaysIsAnError(t *testing.T) {
	src := sources(t, plugintest.Pack(t, "acme/a", "1.0.0"))["folder"]
	list := choices(t, src, "acme/a")
	into := new(mem.Store)
	if _, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, into, list, fetch.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, stuck{into}, list, fetch.Options{}); !errors.Is(err, artifact.ErrDigest) {
		t.Errorf("got %v", err)
	}
}

// failing is a source whose payloads break after some bytes.
type failing struct {
	fetch.Source
	at  manifest.ID
	err error
}

func (f failing) Blobs(id manifest.ID) artifact.Blobs {
	if id != f.at {
		return f.Source.Blobs(id)
	}
	return failingBlobs{f.Source.Blobs(id), f.err}
}

type failingBlobs struct {
	artifact.Blobs
	err error
}

func (b failingBlobs) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	r, err := b.Blobs.Open(ctx, d)
	if err != nil || d.MediaType != artifact.MediaTarGzip {
		return r, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r, 10), iotest.ErrReader(b.err)), r}, nil
}

// TestOneFailureNamesItsPlugin has three plugins, and the line breaks during one.
func TestOneFailureNamesItsPlugin(t *testing.T) {
	cut := errors.New("cable cut")
	src := sources(t, plugintest.Pack(t, "acme/a", "1.0.0"), plugintest.Pack(t, "acme/b", "2.0.0"), plugintest.Pack(t, "acme/c", "1.0.0"))["registry"]
	list := choices(t, src, "acme/a", "acme/b", "acme/c")
	into := openStore(t)
	out, err := fetch.Fetch(t.Context(), fetch.Sources{Default: failing{src, "acme/b", cut}}, into, list, fetch.Options{Parallel: 1})
	if out != nil || !errors.Is(err, cut) || !strings.Contains(err.Error(), "acme/b 2.0.0") {
		t.Errorf("%v, %v", out, err)
	}
	for _, c := range list {
		if has := into.Has(artifact.Descriptor{Digest: c.Package.Payload.Digest, Size: c.Package.Payload.Size}); has != (c.ID == "acme/a") && c.ID != "acme/c" {
			t.Errorf("%s is kept: %t", c.ID, has)
		}
	}
	if out, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, into, list, fetch.Options{}); err != nil || len(out) != 3 {
		t.Errorf("the next try: %v", err)
	}
}

// TestProgressAddsUp follows one payload from the first byte to the last.
func TestProgressAddsUp(t *testing.T) {
	src := sources(t, plugintest.Pack(t, "acme/a", "1.0.0"))["registry"]
	list := choices(t, src, "acme/a")
	var seen []fetch.Progress
	var fetched []fetch.Progress
	o := fetch.Options{Events: fetch.Events{
		Progress: func(p fetch.Progress) { seen = append(seen, p) },
		Fetched:  func(p fetch.Progress) { fetched = append(fetched, p) },
	}}
	into := openStore(t)
	if _, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, into, list, o); err != nil {
		t.Fatal(err)
	}
	size := list[0].Package.Payload.Size
	last := int64(0)
	for _, p := range seen {
		if p.ID != "acme/a" || p.Version.String() != "1.0.0" || p.Size != size || p.Done <= last || p.Cached || p.Digest != list[0].Package.Payload.Digest {
			t.Errorf("after %d bytes: %+v", last, p)
		}
		last = p.Done
	}
	if last != size || len(fetched) != 1 || fetched[0].Done != size || fetched[0].Cached {
		t.Errorf("%d of %d bytes, then %+v", last, size, fetched)
	}
	seen, fetched = nil, nil
	if _, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, into, list, o); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 0 || len(fetched) != 1 || !fetched[0].Cached || fetched[0].Done != size {
		t.Errorf("the second time: %+v, %+v", seen, fetched)
	}
}

// TestHaveSavesThePayload has the files unpacked already: only metadata is fetched.
func TestHaveSavesThePayload(t *testing.T) {
	src := sources(t, plugintest.Pack(t, "acme/a", "1.0.0"))["registry"]
	list := choices(t, src, "acme/a")
	d := artifact.Descriptor{Digest: list[0].Package.Payload.Digest, Size: list[0].Package.Payload.Size}
	into := openStore(t)
	var asked []artifact.Digest
	out, err := fetch.Fetch(t.Context(), fetch.Sources{Default: failing{src, "acme/a", errors.New("must not be read")}}, into, list, fetch.Options{
		Have: func(x artifact.Digest) bool { asked = append(asked, x); return true },
	})
	if err != nil || into.Has(d) || !slices.Equal(asked, []artifact.Digest{d.Digest}) {
		t.Errorf("%v, payload kept %t, asked for %v", err, into.Has(d), asked)
	}
	if len(out) == 1 && (out[0].Source != src.Identity() || out[0].Package.Payload.Digest != d.Digest || out[0].Image.Manifest.ID != "acme/a") {
		t.Errorf("got %+v", out[0])
	}
}

// TestPackageThatIsNotThere has an index that promises a platform the artifact lacks.
func TestPackageThatIsNotThere(t *testing.T) {
	src := sources(t, plugintest.Pack(t, "acme/a", "1.0.0"))["folder"]
	list := choices(t, src, "acme/a")
	list[0].Package.Platform = manifest.Platform{OS: "plan9", Arch: "mips"}
	_, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, openStore(t), list, fetch.Options{})
	if err == nil || !strings.Contains(err.Error(), "no package for wasm on plan9/mips") {
		t.Errorf("got %v", err)
	}
}

// TestManyShareAPayload installs plugins that bring the same file, at one time.
func TestManyShareAPayload(t *testing.T) {
	var packed []*artifact.Packed
	var ids []manifest.ID
	for i := range 6 {
		id := manifest.ID(fmt.Sprintf("acme/p%d", i))
		packed = append(packed, plugintest.PackFolder(t, plugintest.Folder(t, map[string]string{"plugin.yaml": plugintest.YAML(string(id), "1.0.0"), "m.wasm": "the same"})))
		ids = append(ids, id)
	}
	src := sources(t, packed...)["registry"]
	into := openStore(t)
	var mu sync.Mutex
	payloads := map[artifact.Digest]int{}
	out, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, into, choices(t, src, ids...), fetch.Options{Events: fetch.Events{Fetched: func(p fetch.Progress) {
		mu.Lock()
		defer mu.Unlock()
		payloads[p.Digest]++
	}}})
	if err != nil || len(out) != 6 || len(payloads) != 1 {
		t.Fatalf("%d fetched, payloads %v: %v", len(out), payloads, err)
	}
	for i, f := range out {
		if f.Choice.ID != ids[i] && !slices.Contains(ids, f.Choice.ID) {
			t.Errorf("%d is %s", i, f.Choice.ID)
		}
	}
}

// TestSearchWithoutASource tells a user what is missing.
func TestSearchWithoutASource(t *testing.T) {
	first := func(s fetch.Sources) (err error) {
		for _, err = range s.Search(t.Context(), index.Query{}) {
			break
		}
		return err
	}
	if err := first(fetch.Sources{}); !errors.Is(err, fetch.ErrNoSource) {
		t.Errorf("no source: %v", err)
	}
	mute := struct{ fetch.Source }{emptyFolder(t)}
	if err := first(fetch.Sources{Default: mute}); err == nil || !strings.Contains(err.Error(), "cannot be searched") {
		t.Errorf("a source that cannot search: %v", err)
	}
	if _, err := fetch.Fetch(t.Context(), fetch.Sources{}, openStore(t), []resolve.Choice{{ID: "acme/a", Release: &index.Release{}}}, fetch.Options{}); !errors.Is(err, fetch.ErrNoSource) {
		t.Errorf("fetch: %v", err)
	}
}

// TestFolderThatIsNone refuses to install from a folder that holds something else.
func TestFolderThatIsNone(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"empty": dir, "missing": filepath.Join(dir, "x")} {
		if f, err := fetch.OpenFolder(path); !errors.Is(err, disk.ErrNotLayout) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("opening wrote %v, %v", left, err)
	}
}
