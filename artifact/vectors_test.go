package artifact_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
)

const vectors = "../docs/spec/testdata/artifact"

// folderVector is docs/spec/testdata/artifact/folder.json.
type folderVector struct {
	Created time.Time `json:"created"`
	Files   []struct {
		Name string `json:"name"`
		Exec bool   `json:"exec"`
		Text string `json:"text"`
	} `json:"files"`
	Tars []struct {
		Runtime string `json:"runtime"`
		Size    int64  `json:"size"`
		SHA256  string `json:"sha256"`
		Entries []struct {
			Name string `json:"name"`
			Mode string `json:"mode"`
			Size int64  `json:"size"`
		} `json:"entries"`
	} `json:"tars"`
	Documents []struct {
		File      string          `json:"file"`
		MediaType string          `json:"mediaType"`
		Digest    artifact.Digest `json:"digest"`
		Size      int64           `json:"size"`
	} `json:"documents"`
}

func vector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func folder(t testing.TB) (folderVector, fstest.MapFS) {
	t.Helper()
	var v folderVector
	d := json.NewDecoder(bytes.NewReader(vector(t, "folder.json")))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	for _, f := range v.Files {
		mode := fs.FileMode(0o600)
		if f.Exec {
			mode = 0o711
		}
		// Times of files stay at home.
		fsys[f.Name] = &fstest.MapFile{Data: []byte(f.Text), Mode: mode, ModTime: time.Date(2031, 1, 2, 3, 4, 5, 6, time.UTC)}
	}
	return v, fsys
}

func packVector(t testing.TB) (folderVector, *artifact.Packed) {
	t.Helper()
	v, fsys := folder(t)
	m, err := manifest.ParseYAML("plugin.yaml", fsys["plugin.yaml"].Data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := artifact.Pack(m, fsys, artifact.PackOptions{Created: v.Created})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return v, p
}

func blob(t testing.TB, b artifact.Blobs, d artifact.Descriptor) []byte {
	t.Helper()
	raw, err := artifact.ReadBlob(t.Context(), b, d, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestVectorTars packs the folder: another order, mode or time in the tar would
// give the same plugin a new digest, and nobody could prove a build again.
func TestVectorTars(t *testing.T) {
	v, p := packVector(t)
	if len(p.Packages) != len(v.Tars) {
		t.Fatalf("%d packages, want %d", len(p.Packages), len(v.Tars))
	}
	for i, whole := range v.Tars {
		pkg, err := artifact.ReadPackage(t.Context(), p, p.Packages[i])
		if err != nil {
			t.Fatal(err)
		}
		if got := pkg.Runtime + " " + pkg.Platform.String(); got != whole.Runtime {
			t.Errorf("package %d is for %s, want %s", i, got, whole.Runtime)
		}
		raw := gunzip(t, blob(t, p, pkg.Payload))
		sum := sha256.Sum256(raw)
		if int64(len(raw)) != whole.Size || hex.EncodeToString(sum[:]) != whole.SHA256 {
			t.Errorf("%s: tar of %d bytes with sha256 %x", whole.Runtime, len(raw), sum)
		}
		r := tar.NewReader(bytes.NewReader(raw))
		for _, e := range whole.Entries {
			h, err := r.Next()
			if err != nil {
				t.Fatalf("%s: %s: %v", whole.Runtime, e.Name, err)
			}
			want := tar.Header{Typeflag: tar.TypeReg, Name: e.Name, Size: e.Size, Mode: h.Mode, ModTime: h.ModTime, Format: tar.FormatUSTAR}
			if strings.ContainsFunc(e.Name, func(r rune) bool { return r > unicode.MaxASCII }) {
				want.Format, want.PAXRecords = tar.FormatPAX, map[string]string{"path": e.Name}
			}
			if fmt.Sprintf("%+v", *h) != fmt.Sprintf("%+v", want) || fmt.Sprintf("0%o", h.Mode) != e.Mode || !h.ModTime.Equal(v.Created) {
				t.Errorf("%s: got %+v, want %+v", whole.Runtime, *h, want)
			}
		}
		if h, err := r.Next(); err != io.EOF {
			t.Errorf("%s: one more entry: %+v, %v", whole.Runtime, h, err)
		}
	}
}

func gunzip(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if h := z.Header; h.Name != "" || h.Comment != "" || !h.ModTime.IsZero() || len(h.Extra) != 0 {
		t.Errorf("the gzip header tells of the machine: %+v", h)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestVectorDocuments packs the folder and compares every document byte for byte.
// What gzip makes is replaced by what it made when the vectors were written.
func TestVectorDocuments(t *testing.T) {
	v, p := packVector(t)
	ours := map[string][]byte{"meta.json": blob(t, p, p.Meta), "index.json": blob(t, p, p.Descriptor)}
	config, err := p.Manifest.JSON()
	if err != nil {
		t.Fatal(err)
	}
	ours["plugin.json"] = config
	for i, ref := range p.Packages {
		pkg, err := artifact.ReadPackage(t.Context(), p, ref)
		if err != nil {
			t.Fatal(err)
		}
		stored := vectorImage(t).Packages[i]
		payload := vectorPackage(t, stored).Payload
		name := fmt.Sprintf("package-%s.json", ref.Runtime)
		ours[name] = bytes.Replace(blob(t, p, ref.Descriptor), promise(pkg.Payload), promise(payload), 1)
		ours["index.json"] = bytes.Replace(ours["index.json"], promise(ref.Descriptor), promise(stored.Descriptor), 1)
	}
	for _, d := range v.Documents {
		got, ok := ours[d.File]
		if !ok {
			continue // a payload
		}
		delete(ours, d.File)
		if want := vector(t, d.File); !bytes.Equal(got, want) {
			t.Errorf("%s: packed\n%s\nwant\n%s", d.File, got, want)
		}
	}
	if len(ours) != 0 {
		t.Errorf("no vectors for %d documents", len(ours))
	}
}

// promise is the digest and size of a descriptor as a manifest writes them.
func promise(d artifact.Descriptor) []byte {
	return fmt.Appendf(nil, `"digest":%q,"size":%d`, d.Digest, d.Size)
}

// vectorBlobs serves the documents that the vectors hold.
type vectorBlobs map[artifact.Digest][]byte

func (b vectorBlobs) Open(_ ctx, d artifact.Descriptor) (io.ReadCloser, error) {
	raw, ok := b[d.Digest]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

func stored(t testing.TB) (vectorBlobs, artifact.Descriptor) {
	t.Helper()
	v, fsys := folder(t)
	b, index := vectorBlobs{}, artifact.Descriptor{}
	for _, d := range v.Documents {
		raw := vector(t, d.File)
		if got := artifact.Describe(d.MediaType, raw); got.Digest != d.Digest || got.Size != d.Size {
			t.Fatalf("%s: %s of %d bytes, the vector says %s of %d", d.File, got.Digest, got.Size, d.Digest, d.Size)
		}
		b[d.Digest] = raw
		if d.MediaType == artifact.MediaIndex {
			index = artifact.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}
		}
	}
	for _, name := range []string{"README.md", "LICENSE", "schema.json"} {
		b[artifact.DigestOf(fsys[name].Data)] = fsys[name].Data
	}
	return b, index
}

func vectorImage(t testing.TB) *artifact.Image {
	t.Helper()
	b, d := stored(t)
	im, err := artifact.Read(t.Context(), b, d)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func vectorPackage(t testing.TB, ref artifact.PackageRef) artifact.Package {
	t.Helper()
	b, _ := stored(t)
	pkg, err := artifact.ReadPackage(t.Context(), b, ref)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

// TestVectorIsRead reads the stored artifact as any client would, down to the files.
func TestVectorIsRead(t *testing.T) {
	v, fsys := folder(t)
	b, _ := stored(t)
	im := vectorImage(t)
	if im.Manifest.ID != "acme/hello" || im.Manifest.Version.String() != "1.2.3+build.7" {
		t.Errorf("got %s %s", im.Manifest.ID, im.Manifest.Version)
	}
	for _, name := range []string{"README.md", "LICENSE", "schema.json"} {
		if got := blob(t, b, im.Documents[name].Descriptor); string(got) != string(fsys[name].Data) {
			t.Errorf("%s: %q", name, got)
		}
	}
	for i, want := range v.Tars {
		dir := unpack(t, b, vectorPackage(t, im.Packages[i]).Payload)
		var names []string
		for _, e := range want.Entries {
			names = append(names, e.Name)
			got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(e.Name)))
			if err != nil || string(got) != string(fsys[e.Name].Data) {
				t.Errorf("%s: %q, %v", e.Name, got, err)
			}
		}
		if got := list(t, dir); !slices.Equal(got, names) {
			t.Errorf("%s: unpacked %q, want %q", want.Runtime, got, names)
		}
	}
}

type nameVectors struct {
	Accepted         []string   `json:"accepted"`
	Refused          []string   `json:"refused"`
	RefusedTogether  [][]string `json:"refused together"`
	AcceptedTogether [][]string `json:"accepted together"`
}

func (v nameVectors) all() (accepted, refused [][]string) {
	accepted, refused = slices.Clone(v.AcceptedTogether), slices.Clone(v.RefusedTogether)
	for _, name := range v.Accepted {
		accepted = append(accepted, []string{name})
	}
	for _, name := range v.Refused {
		refused = append(refused, []string{name})
	}
	return accepted, refused
}

func names(t testing.TB) nameVectors {
	t.Helper()
	var v nameVectors
	d := json.NewDecoder(bytes.NewReader(vector(t, "names.json")))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVectorNamesUnpack makes an archive of each list. A name that slips through
// would write elsewhere, or to a device, on one of the systems.
func TestVectorNamesUnpack(t *testing.T) {
	accepted, refused := names(t).all()
	try := func(list []string) error {
		var headers []*tar.Header
		for _, name := range list {
			headers = append(headers, &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1})
		}
		b, err := tarGzip(headers...)
		if err != nil {
			return fmt.Errorf("%w: %w", artifact.ErrUnsafe, err) // no tar can hold it
		}
		_, err = artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, t.TempDir()), artifact.UnpackLimits{})
		return err
	}
	for _, list := range accepted {
		if err := try(list); err != nil {
			t.Errorf("%q: %v", list, err)
		}
	}
	for _, list := range refused {
		if err := try(list); !errors.Is(err, artifact.ErrUnsafe) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

// TestVectorNamesPack packs files of these names: who publishes should hear of a
// bad name, not who installs. Names that no file can have are left out.
func TestVectorNamesPack(t *testing.T) {
	m, err := manifest.ParseYAML("plugin.yaml", []byte(plugintest.YAML("acme/hello", "1.0.0", "files: [d]")))
	if err != nil {
		t.Fatal(err)
	}
	try := func(list []string) error {
		fsys := fstest.MapFS{"m.wasm": {Data: []byte("m")}}
		for _, name := range list {
			if !fs.ValidPath("d/" + name) {
				return errors.New("no such file")
			}
			fsys["d/"+name] = &fstest.MapFile{Data: []byte("x")}
		}
		p, err := artifact.Pack(m, fsys, artifact.PackOptions{})
		if err == nil {
			err = p.Close()
		}
		return err
	}
	accepted, refused := names(t).all()
	for _, list := range accepted {
		if err := try(list); err != nil {
			t.Errorf("%q: %v", list, err)
		}
	}
	for _, list := range refused {
		// One map holds no name twice, and a folder is no file.
		if len(list) == 2 && (list[0] == list[1] || strings.HasPrefix(list[1], list[0]+"/") || strings.HasPrefix(list[0], list[1]+"/")) {
			continue
		}
		if err := try(list); err == nil {
			t.Errorf("%q: packed", list)
		}
	}
}

func FuzzNames(f *testing.F) {
	v := names(f)
	for _, name := range slices.Concat(v.Accepted, v.Refused) {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		b, err := tarGzip(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1})
		if err != nil {
			return
		}
		dir := t.TempDir()
		if _, err := artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, dir), artifact.UnpackLimits{}); err != nil {
			return
		}
		if got := list(t, dir); !slices.Equal(got, []string{name}) || strings.ContainsAny(name, "\\:\x00\n") || strings.HasSuffix(name, ".") {
			t.Errorf("%q became %q", name, got)
		}
	})
}
