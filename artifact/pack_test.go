package artifact_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/version"
)

const twoRuntimes = `
id: acme/hello
version: 1.2.3
summary: Says hello
license: MIT
links: { source: https://example.org/hello }
provides: { acme.dev/greeter: "1.0" }
runtimes:
  wasm: { module: m.wasm }
  process: { platforms: { linux/amd64: bin/linux, darwin/arm64: bin/darwin } }
files: [assets]
config: schema.json
`

func twoRuntimesFolder(t *testing.T) string {
	return plugintest.Folder(t, map[string]string{
		"plugin.yaml": twoRuntimes, "m.wasm": "module", "bin/linux": "elf", "bin/darwin": "macho", "schema.json": `{"type":"object"}`,
		"assets/a.txt": "a", "assets/b/c.txt": "c", "README.md": "# Hello", "LICENSE": "MIT", "secret.key": "do not pack",
	})
}

func TestPackIsReproducible(t *testing.T) {
	one, two := plugintest.PackFolder(t, twoRuntimesFolder(t)), plugintest.PackFolder(t, twoRuntimesFolder(t))
	if one.Digest != two.Digest {
		t.Fatalf("%s and %s", one.Digest, two.Digest)
	}
	root := plugintest.Root(t, twoRuntimesFolder(t))
	later, err := publish.Pack(root, publish.Options{Created: time.Unix(1_700_000_000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	if later.Digest == one.Digest {
		t.Fatal("creation time has no effect")
	}
}

func TestPackReadUnpack(t *testing.T) {
	p := plugintest.PackFolder(t, twoRuntimesFolder(t))
	im, err := artifact.Read(t.Context(), p, p.Descriptor)
	if err != nil {
		t.Fatal(err)
	}
	if im.Manifest.ID != "acme/hello" || len(im.Packages) != 3 || len(im.Documents) != 3 {
		t.Fatalf("got %+v", im)
	}
	for _, ref := range im.Packages {
		pkg, err := artifact.ReadPackage(t.Context(), p, ref)
		if err != nil {
			t.Fatal(err)
		}
		entry, _ := im.Manifest.Runtimes.Entry(pkg.Runtime, pkg.Platform)
		dir := unpack(t, p, pkg.Payload)
		if got, want := list(t, dir), []string{"assets/a.txt", "assets/b/c.txt", entry}; !slices.Equal(got, want) {
			t.Errorf("%s on %s: got %v, want %v", pkg.Runtime, pkg.Platform, got, want)
		}
		if st, err := os.Stat(filepath.Join(dir, entry)); err != nil || st.Mode()&0o100 == 0 {
			t.Errorf("entry is not executable: %v, %v", st, err)
		}
	}
	blobs := p.Blobs()
	if last := blobs[len(blobs)-1]; last.Digest != p.Digest {
		t.Error("the index is not pushed last")
	}
}

func unpack(t *testing.T, b artifact.Blobs, d artifact.Descriptor) string {
	t.Helper()
	r, err := b.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dir := t.TempDir()
	if _, err := artifact.Unpack(t.Context(), artifact.Verify(r, d), d.Size, plugintest.Root(t, dir), artifact.UnpackLimits{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			out = append(out, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPackRefuses(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(dir string) error
		want  string
	}{
		"missing entry":    {func(d string) error { return os.Remove(d + "/m.wasm") }, "m.wasm"},
		"missing schema":   {func(d string) error { return os.Remove(d + "/schema.json") }, "schema.json"},
		"link out of tree": {func(d string) error { return errors.Join(os.Remove(d+"/m.wasm"), os.Symlink(outside, d+"/m.wasm")) }, "symbolic link"},
		"link in assets":   {func(d string) error { return os.Symlink(outside, d+"/assets/l") }, "symbolic link"},
		"link to a folder": {func(d string) error { return os.Symlink(filepath.Dir(outside), d+"/assets/dir") }, "symbolic link"},
		"link as parent":   {func(d string) error { return errors.Join(os.Rename(d+"/bin", d+"/real"), os.Symlink("real", d+"/bin")) }, "symbolic link"},
		"README link": {func(d string) error {
			return errors.Join(os.Remove(d+"/README.md"), os.Symlink(outside, d+"/README.md"))
		}, "symbolic link"},
		"case collision":   {func(d string) error { return os.WriteFile(d+"/assets/A.TXT", nil, 0o644) }, "ignore case"},
		"oversized README": {func(d string) error { return os.WriteFile(d+"/README.md", make([]byte, artifact.MaxDocument+1), 0o644) }, "limit"},
		"folder collision": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/assets/B", 0o755), os.WriteFile(d+"/assets/B/x", nil, 0o644))
		}, "ignore case"},
		"name for Windows":   {func(d string) error { return os.WriteFile(d+"/assets/aux.txt", nil, 0o644) }, "reserved"},
		"colon":              {func(d string) error { return os.WriteFile(d+"/assets/a:b", nil, 0o644) }, "character"},
		"too many to unpack": {func(d string) error { return many(d+"/assets", 20_001) }, "limit of 20000"},
		"too well packed":    {func(d string) error { return os.Truncate(d+"/assets/a.txt", 100<<20) }, "nobody unpacks"},
		"entry is a folder":  {func(d string) error { return errors.Join(os.Remove(d+"/m.wasm"), os.Mkdir(d+"/m.wasm", 0o755)) }, "not a regular file"},
		"no plugin.yaml":     {func(d string) error { return os.Remove(d + "/plugin.yaml") }, "no plugin.yaml"},
		"schema is no JSON":  {func(d string) error { return os.WriteFile(d+"/schema.json", []byte("{"), 0o644) }, "JSON schema"},
	} {
		dir := twoRuntimesFolder(t)
		if err := c.spoil(dir); err != nil {
			t.Fatal(err)
		}
		p, err := publish.Pack(plugintest.Root(t, dir), publish.Options{})
		if err == nil {
			p.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// many makes n empty files.
func many(dir string, n int) error {
	for i := range n {
		if err := os.WriteFile(fmt.Sprintf("%s/%d", dir, i), nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// TestHugePayloadIsRefused changes the package manifest to promise more than a
// client would ever store.
func TestHugePayloadIsRefused(t *testing.T) {
	p := plugintest.PackFolder(t, twoRuntimesFolder(t))
	ref := p.Packages[0]
	raw, err := artifact.ReadBlob(t.Context(), p, ref.Descriptor, artifact.MaxManifest)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := artifact.ReadPackage(t.Context(), p, ref)
	if err != nil {
		t.Fatal(err)
	}
	size := fmt.Sprintf(`"size":%d`, pkg.Payload.Size)
	raw = bytes.Replace(raw, []byte(size), fmt.Appendf(nil, `"size":%d`, int64(artifact.MaxPayload)+1), 1)
	ref.Descriptor = artifact.Describe(artifact.MediaManifest, raw)
	_, err = artifact.ReadPackage(t.Context(), edited{p, map[artifact.Digest][]byte{ref.Digest: raw}}, ref)
	if err == nil || !strings.Contains(err.Error(), "payload of 4294967297 bytes") {
		t.Fatal(err)
	}
}

// edited serves the blobs of a packed artifact, some of them replaced.
type edited struct {
	artifact.Blobs
	with map[artifact.Digest][]byte
}

func (e edited) Open(ctx ctx, d artifact.Descriptor) (io.ReadCloser, error) {
	if b, ok := e.with[d.Digest]; ok {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	return e.Blobs.Open(ctx, d)
}

func TestReadRefuses(t *testing.T) {
	p := plugintest.PackFolder(t, twoRuntimesFolder(t))
	raw, err := artifact.ReadBlob(t.Context(), p, p.Descriptor, artifact.MaxManifest)
	if err != nil {
		t.Fatal(err)
	}
	change := func(from, to string) []byte {
		if !bytes.Contains(raw, []byte(from)) {
			t.Fatalf("index has no %q", from)
		}
		return bytes.Replace(raw, []byte(from), []byte(to), 1)
	}
	for name, c := range map[string]struct {
		index []byte
		is    error
		want  string
	}{
		"other type":       {change(artifact.TypePlugin, "application/vnd.other"), artifact.ErrNotPlugin, ""},
		"no metadata":      {change(artifact.TypeMeta, "application/vnd.other"), nil, "no metadata"},
		"other facts":      {change(`1.2.3\",\"provides`, `1.2.4\",\"provides`), nil, "does not equal"},
		"repeated key":     {change(`{"schemaVersion":2`, `{"schemaVersion":2,"schemaVersion":2`), nil, "twice"},
		"case variant":     {change(`{"schemaVersion":2`, `{"schemaVersion":2,"Manifests":[]`), nil, "case"},
		"unnamed platform": {change(`"os":"darwin"`, `"os":"plan9"`), nil, "does not name"},
		"package dropped":  {change(`"artifactType":"`+artifact.TypePackage, `"artifactType":"x`), nil, "no package for"},
		"package repeated": {change(`"os":"darwin","architecture":"arm64"`, `"os":"linux","architecture":"amd64"`), nil, "two packages"},
		"negative size":    {change(`"size":`, `"size":-`), nil, "negative"},
		"bad digest":       {change(`"digest":"sha256:`, `"digest":"sha999:`), nil, "sha256"},
		"not JSON":         {[]byte("{"), nil, ""},
		"wrong version":    {change(`{"schemaVersion":2`, `{"schemaVersion":1`), nil, "schema version"},
	} {
		d := artifact.Describe(artifact.MediaIndex, c.index)
		_, err := artifact.Read(t.Context(), edited{p, map[artifact.Digest][]byte{d.Digest: c.index}}, d)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := artifact.Read(t.Context(), edited{p, map[artifact.Digest][]byte{p.Digest: raw[1:]}}, p.Descriptor); !errors.Is(err, artifact.ErrDigest) {
		t.Errorf("truncated index: %v", err)
	}
	big := p.Descriptor
	big.Size = artifact.MaxManifest + 1
	if _, err := artifact.Read(t.Context(), p, big); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("oversized index: %v", err)
	}
}

func TestIsPlugin(t *testing.T) {
	if !artifact.IsPlugin([]byte(`{"artifactType":"`+artifact.TypePlugin+`"}`)) || artifact.IsPlugin([]byte(`{}`)) || artifact.IsPlugin([]byte(`x`)) {
		t.Fatal("wrong")
	}
}

func TestFactsAreCanonical(t *testing.T) {
	m := &manifest.Manifest{
		ID: "a/b", Capabilities: []manifest.Capability{"run:z", "run:a"}, AnyOf: [][]manifest.Need{{{ID: "z/z"}, {ID: "a/a"}}, {{ID: "c/c"}, {ID: "b/b"}}},
		Offers: []manifest.Offer{{ID: "z/z", Version: version.MustParse("1.0.0")}, {ID: "a/a", Version: version.MustParse("2.0.0")}},
	}
	b, err := artifact.FactsOf(m).JSON()
	if err != nil || string(b) != `{"id":"a/b","version":"0.0.0",`+
		`"any_of":[[{"id":"z/z","range":"*"},{"id":"a/a","range":"*"}],[{"id":"c/c","range":"*"},{"id":"b/b","range":"*"}]],`+
		`"offers":[{"id":"a/a","version":"2.0.0"},{"id":"z/z","version":"1.0.0"}],"capabilities":["run:a","run:z"]}` {
		t.Fatalf("%s, %v", b, err)
	}
	if m.Capabilities[0] != "run:z" || m.Offers[0].ID != "z/z" {
		t.Fatal("the manifest was changed")
	}
}

// TestClaims reads the annotation alone, and refuses what is no plugin.
func TestClaims(t *testing.T) {
	p := plugintest.Pack(t, "acme/redis", "3.0.0", "offers: { acme/kv: 1.1.0 }", "any_of: [ { acme/b: ^1, acme/a: ^2 } ]")
	raw, err := artifact.ReadBlob(t.Context(), p, p.Descriptor, artifact.MaxManifest)
	if err != nil {
		t.Fatal(err)
	}
	f, err := artifact.Claims(raw)
	if err != nil || f.ID != "acme/redis" || len(f.Offers) != 1 || f.Offers[0].ID != "acme/kv" || f.Offers[0].Version.String() != "1.1.0" || f.AnyOf[0][0].ID != "acme/b" {
		t.Fatalf("%+v, %v", f, err)
	}
	for name, bad := range map[string]string{
		"not JSON":         "hello",
		"another type":     strings.Replace(string(raw), artifact.TypePlugin, "text/x-note", 1),
		"no annotation":    strings.Replace(string(raw), artifact.AnnotationResolve, "org.example.other", 1),
		"unknown key":      strings.Replace(string(raw), `{\"id\"`, `{\"x\":1,\"id\"`, 1),
		"key twice":        strings.Replace(string(raw), `{\"id\"`, `{\"id\":\"a/b\",\"id\"`, 1),
		"not a version":    strings.Replace(string(raw), `1.1.0`, `1.1`, 1),
		"large annotation": strings.Replace(string(raw), `{\"id\"`, strings.Repeat(" ", artifact.MaxResolve)+`{\"id\"`, 1),
	} {
		if bad == string(raw) {
			t.Fatalf("%s: nothing changed in %s", name, raw)
		}
		if f, err := artifact.Claims([]byte(bad)); err == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// FuzzRead feeds index documents to the reader.
func FuzzRead(f *testing.F) {
	p := plugintest.Pack(f, "acme/hello", "1.0.0")
	raw, err := artifact.ReadBlob(f.Context(), p, p.Descriptor, artifact.MaxManifest)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := artifact.Describe(artifact.MediaIndex, b)
		im, err := artifact.Read(t.Context(), edited{p, map[artifact.Digest][]byte{d.Digest: b}}, d)
		facts, bad := artifact.Claims(b)
		if err != nil {
			return
		}
		if im.Manifest.ID != "acme/hello" {
			t.Fatalf("another plugin: %s", im.Manifest.ID)
		}
		want, err1 := artifact.FactsOf(im.Manifest).JSON()
		if got, err2 := facts.JSON(); bad != nil || err1 != nil || err2 != nil || string(got) != string(want) {
			t.Fatalf("claims %s, %v\nis %s", got, bad, want)
		}
	})
}
