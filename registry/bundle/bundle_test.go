package bundle_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/mirrortest"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/bundle"
	"github.com/plugstead/plugstead/registry/mirror"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/registry/static"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/store/mem"
)

const vector = "../../docs/spec/testdata/bundle/hello.plugstead"

var update = flag.Bool("update", false, "write the test vector anew")

// acme is a registry with two plugins, of which one has a version too many.
func acme(t testing.TB) *registrytest.Server {
	t.Helper()
	s := registrytest.New(t)
	for _, p := range []*artifact.Packed{
		plugintest.Pack(t, "acme/base", "1.0.0"), plugintest.Pack(t, "acme/hello", "1.10.0", "requires: { acme/base: ^1 }"),
		plugintest.Pack(t, "acme/hello", "1.9.0", "requires: { acme/base: ^1 }"), plugintest.Pack(t, "acme/hello", "2.0.0"),
	} {
		plugintest.Push(t, s.Client().Target(p.Manifest.ID), p)
	}
	return s
}

func write(t testing.TB, from fetch.Source, path string, list ...string) mirror.Report {
	t.Helper()
	rep, err := bundle.Write(t.Context(), mirrortest.Select(t, from, list...), path)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func open(t testing.TB, path string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWriteVector(t *testing.T) {
	if *update {
		write(t, acme(t).Client(), vector, "acme/hello@^1")
	}
}

func TestVector(t *testing.T) {
	b := open(t, vector)
	p, err := b.Plugin(t.Context(), "acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range p.Releases {
		state := "there"
		if r.State.Yanked != nil {
			state = r.State.Yanked.Reason
		}
		got = append(got, r.Version.String()+" "+state)
	}
	if want := []string{"1.10.0 there", "1.9.0 there", "2.0.0 not mirrored"}; !slices.Equal(got, want) {
		t.Errorf("releases %q, want %q", got, want)
	}
	again := filepath.Join(t.TempDir(), "again")
	write(t, b, again)
	if !bytes.Equal(read(t, vector), read(t, again)) {
		t.Error("a bundle of the bundle has other bytes")
	}
}

// TestOtherTools reads the bundle as others would: with a tar reader, as an image layout.
func TestOtherTools(t *testing.T) {
	dir := t.TempDir()
	r := tar.NewReader(bytes.NewReader(read(t, vector)))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := disk.OpenExisting(dir)
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for x, err := range s.Tags(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, x.Name+":"+x.Tag)
		if _, err := artifact.Read(t.Context(), s, x.Descriptor); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"acme/base:1.0.0", "acme/hello:1.10.0", "acme/hello:1.9.0"}; !slices.Equal(tags, want) {
		t.Errorf("tags %q, want %q", tags, want)
	}
	if ix := string(read(t, filepath.Join(dir, "index.json"))); strings.Index(ix, "hello:1.9.0") > strings.Index(ix, "hello:1.10.0") {
		t.Error("index.json is not sorted by version")
	}
}

func TestSameBytes(t *testing.T) {
	s := acme(t)
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	rep := write(t, s.Client(), one, "acme/hello@^1")
	write(t, s.Client(), two, "acme/base", "acme/hello@<2", "acme/hello@1.9.0")
	if !bytes.Equal(read(t, one), read(t, two)) {
		t.Error("one set became two files")
	}
	if rep.Plugins != 2 || rep.Releases != 3 || rep.Added == 0 || rep.Bytes == 0 {
		t.Errorf("report %+v", rep)
	}
	tree := filepath.Join(dir, "tree")
	if _, err := static.Copy(t.Context(), mirrortest.Select(t, open(t, one)), tree); err != nil {
		t.Fatal(err)
	}
	src := open(t, one)
	for h, err := range src.Search(t.Context(), index.Query{Text: "hello"}) {
		if err != nil || h.ID != "acme/hello" || h.Version.String() != "1.10.0" {
			t.Errorf("search: %+v, %v", h, err)
		}
	}
}

func TestInstall(t *testing.T) {
	b := open(t, vector)
	from := fetch.Sources{Default: b}
	sol, err := resolve.Solve(t.Context(), b, resolve.Problem{
		Wishes: []resolve.Wish{{ID: "acme/hello"}},
		Host:   resolve.Host{App: "acme", Points: []manifest.PointRef{{ID: "acme.dev/greeter", Major: 1}}, Runtimes: []string{"wasm"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := fetch.Fetch(t.Context(), from, &mem.Store{}, sol.Choices, fetch.Options{})
	if err != nil || len(got) != 2 || got[0].Choice.Name() != "acme/hello 1.10.0" {
		t.Errorf("%v, %v", got, err)
	}
}

// save writes a bundle with changed bytes.
func save(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "changed")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCutOffAnywhere(t *testing.T) {
	b := read(t, vector)
	for n := range len(b) {
		if n%512 > 1 && n%97 != 0 {
			continue
		}
		if _, err := bundle.Open(save(t, b[:n])); !errors.Is(err, bundle.ErrBundle) {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := bundle.Open(save(t, append(slices.Clone(b), 0))); !errors.Is(err, bundle.ErrBundle) {
		t.Errorf("a byte more: %v", err)
	}
}

// archive makes a tar as others would.
func archive(t testing.TB, list ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range list {
		content := h.Linkname
		if h.Typeflag == tar.TypeReg {
			h.Linkname, h.Size = "", int64(len(content))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if h.Format == tar.FormatUnknown {
			h.Format = tar.FormatUSTAR
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// file is an entry with content.
func file(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Linkname: content}
}

var (
	layout    = file("oci-layout", `{"imageLayoutVersion":"1.0.0"}`)
	ix        = file("index.json", `{}`)
	available = file("available.json", `{"v":1,"plugins":[]}`)
)

func TestHostile(t *testing.T) {
	if _, err := bundle.Open(save(t, archive(t, layout, ix, available))); err != nil {
		t.Fatalf("an empty bundle: %v", err)
	}
	hex := strings.Repeat("a", 64)
	for name, more := range map[string][]tar.Header{
		"a path that escapes":    {file("../../etc/passwd", "x")},
		"an absolute path":       {file("/etc/passwd", "x")},
		"an escape below a name": {file("index/v1/../../x", "x")},
		"a plugin that is none":  {file("index/v1/acme/UPPER", "x")},
		"a digest that is none":  {file("blobs/sha256/"+hex[1:], "x")},
		"an unknown entry":       {file("README", "x")},
		"a symbolic link":        {{Typeflag: tar.TypeSymlink, Name: "blobs/sha256/" + hex, Linkname: "/etc/passwd"}},
		"a hard link":            {{Typeflag: tar.TypeLink, Name: "blobs/sha256/" + hex, Linkname: "index.json"}},
		"a folder":               {{Typeflag: tar.TypeDir, Name: "index/v1/acme/"}},
		"a device":               {{Typeflag: tar.TypeChar, Name: "blobs/sha256/" + hex}},
		"another mode":           {{Typeflag: tar.TypeReg, Name: "blobs/sha256/" + hex, Linkname: "x", Mode: 0o4755}},
		"an owner":               {{Typeflag: tar.TypeReg, Name: "blobs/sha256/" + hex, Linkname: "x", Uid: 1}},
		"an extended header":     {{Typeflag: tar.TypeReg, Name: "blobs/sha256/" + hex, Linkname: "x", Format: tar.FormatPAX, PAXRecords: map[string]string{"comment": "x"}}},
		"an entry twice":         {file("blobs/sha256/"+hex, "x"), file("blobs/sha256/"+hex, "y")},
		"the layout twice":       {layout},
		"another order":          {file("index/v1/b/b", "x"), file("index/v1/a/a", "x")},
		"blobs first":            {file("blobs/sha256/"+hex, "x"), file("index/v1/a/a", "x")},
		"a large document":       {file("index/v1/a/a", strings.Repeat("x", index.MaxDocument+1))},
	} {
		if _, err := bundle.Open(save(t, archive(t, append([]tar.Header{layout, ix, available}, more...)...))); !errors.Is(err, bundle.ErrBundle) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, list := range map[string][]tar.Header{
		"nothing": {}, "no layout": {ix, available}, "no index.json": {layout, available}, "no available.json": {layout, ix},
		"another layout":     {file("oci-layout", `{"imageLayoutVersion":"9.0.0"}`), ix, available},
		"bad available.json": {layout, ix, file("available.json", `{"v":1}x`)},
	} {
		if _, err := bundle.Open(save(t, archive(t, list...))); !errors.Is(err, bundle.ErrBundle) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := bundle.Open(t.TempDir()); !errors.Is(err, bundle.ErrBundle) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := bundle.Open(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestChangedAnywhere changes bytes all over a bundle: it is refused when it is opened, or
// when what changed is copied, and nothing of it counts.
func TestChangedAnywhere(t *testing.T) {
	b := read(t, vector)
	good := open(t, vector)
	docs, err := good.Raw(t.Context(), "acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	free := bytes.Index(b, docs) // not covered by a digest: parsed instead
	for at := 0; at < len(b); at += 101 {
		c := slices.Clone(b)
		c[at] ^= 0x01
		x, err := bundle.Open(save(t, c))
		if err != nil {
			if !errors.Is(err, bundle.ErrBundle) {
				t.Errorf("byte %d: %v", at, err)
			}
			continue
		}
		if at < free+len(docs)+512 {
			continue // index.json and documents: other texts may be right, too
		}
		set, err := mirror.Select(t.Context(), x, mirror.Selection{})
		if err == nil {
			_, err = bundle.Write(t.Context(), set, filepath.Join(t.TempDir(), "copy"))
		}
		if !errors.Is(err, artifact.ErrDigest) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}

func TestMissingBlob(t *testing.T) {
	s := acme(t)
	set := mirrortest.Select(t, s.Client())
	set.From = without{s.Client()}
	path := filepath.Join(t.TempDir(), "bundle")
	if _, err := bundle.Write(t.Context(), set, path); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 0 {
		t.Errorf("%v was left", list)
	}
	if _, err := open(t, vector).Blobs("acme/hello").Open(t.Context(), artifact.Describe("x", []byte("nobody has this"))); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a blob that is not there: %v", err)
	}
	if _, err := open(t, vector).Raw(t.Context(), "acme/nobody"); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("a plugin that is not there: %v", err)
	}
}

// without is a source that lost its payloads.
type without struct{ fetch.Source }

func (w without) Blobs(id manifest.ID) artifact.Blobs { return lost{w.Source.Blobs(id)} }

type lost struct{ artifact.Blobs }

func (l lost) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if d.MediaType == artifact.MediaTarGzip {
		return nil, store.ErrNotFound
	}
	return l.Blobs.Open(ctx, d)
}

func TestBundleThatIsReplacedMeanwhile(t *testing.T) {
	path := save(t, read(t, vector))
	b := open(t, path)
	if err := os.WriteFile(path, []byte("something else"), 0o644); err != nil {
		t.Fatal(err)
	}
	set, err := mirror.Select(t.Context(), b, mirror.Selection{})
	if err == nil {
		t.Errorf("%v was read from another file", maps.Keys(set.Documents()))
	}
}
