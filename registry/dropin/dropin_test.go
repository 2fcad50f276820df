package dropin_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/bundle"
	"github.com/plugstead/plugstead/registry/dropin"
	"github.com/plugstead/plugstead/registry/mirror"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/version"
)

// later is a clock for which everything is at rest.
func later() time.Time { return time.Now().Add(time.Minute) }

// drop writes a plugin folder into a drop-in folder.
func drop(t *testing.T, dir, name, id, v string, more ...string) {
	t.Helper()
	write(t, filepath.Join(dir, name, "plugin.yaml"), plugintest.YAML(id, v, more...))
	write(t, filepath.Join(dir, name, "m.wasm"), "\x00asm "+id+" "+v)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string, now func() time.Time) *dropin.Folder {
	t.Helper()
	f, err := dropin.Open(dir, dropin.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func scan(t *testing.T, f *dropin.Folder) *dropin.Scan {
	t.Helper()
	s, err := f.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bundleOf writes plugins of a drop-in folder into a bundle.
func bundleOf(t *testing.T, to string, from *dropin.Folder, ids ...manifest.ID) {
	t.Helper()
	var sel mirror.Selection
	for _, id := range ids {
		sel.Wishes = append(sel.Wishes, resolve.Wish{ID: id, Range: version.Any})
	}
	set, err := mirror.Select(t.Context(), from, sel)
	if err == nil {
		_, err = bundle.Write(t.Context(), set, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestSource: plugin folders and bundles are one source, with the digests of pack.
func TestSource(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	other := t.TempDir()
	drop(t, other, "x", "acme/x", "1.0.0", "offers: { acme/name: 1.0.0 }")
	drop(t, other, "y", "acme/y", "0.9.0")
	drop(t, other, "a", "acme/a", "0.5.0")
	dir := t.TempDir()
	bundleOf(t, filepath.Join(dir, "carried"), open(t, other, later), "acme/x", "acme/y", "acme/a")
	drop(t, dir, "a1", "acme/a", "1.0.0")
	drop(t, dir, "a2", "acme/a", "2.0.0-rc.1", "summary: no") // a key twice
	drop(t, dir, "b", "acme/b", "1.0.0", "offers: { acme/name: 1.1.0 }", "keywords: [deep]")
	drop(t, dir, ".hidden", "acme/hidden", "1.0.0")
	f := open(t, dir, later)
	if f.Identity() != "dropin:"+filepath.ToSlash(dir) || f.Path() != dir {
		t.Errorf("%s, %s", f.Identity(), f.Path())
	}
	names, err := f.Names(t.Context())
	if err != nil || !slices.Equal(names, []manifest.ID{"acme/a", "acme/b", "acme/x", "acme/y"}) {
		t.Fatalf("%v, %v", names, err)
	}
	p, err := f.Plugin(t.Context(), "acme/a")
	if err != nil || len(p.Releases) != 2 || p.Releases[0].Version.String() != "0.5.0" || p.Releases[1].Version.String() != "1.0.0" {
		t.Fatalf("%+v, %v", p, err)
	}
	packed, err := publish.Pack(plugintest.Root(t, filepath.Join(dir, "a1")), publish.Options{})
	if err != nil || p.Releases[1].Digest != packed.Digest {
		t.Errorf("digest %s, pack makes %s, %v", p.Releases[1].Digest, packed.Digest, err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, id := range names {
		p, err := f.Plugin(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := p.Bytes()
		if err == nil {
			_, err = index.Parse(id, raw)
		}
		if err != nil {
			t.Errorf("document of %s: %v", id, err)
		}
		for _, r := range p.Releases {
			im, err := artifact.Read(t.Context(), f.Blobs(id), r.Image())
			if err != nil || im.Manifest.ID != id || im.Manifest.Version != r.Version {
				t.Errorf("%s: %v", id, err)
			}
			for _, k := range r.Packages {
				d := artifact.Descriptor{Digest: k.Payload.Digest, Size: k.Payload.Size}
				in, err := f.Blobs(id).Open(t.Context(), d)
				if err != nil {
					t.Fatalf("payload of %s: %v", id, err)
				}
				if _, err := io.Copy(io.Discard, artifact.Verify(in, d)); errors.Join(err, in.Close()) != nil {
					t.Errorf("payload of %s: %v", id, err)
				}
			}
		}
	}
	if p, err := f.Plugin(t.Context(), "acme/name"); err != nil || !slices.Equal(p.Providers, []manifest.ID{"acme/b", "acme/x"}) {
		t.Errorf("%+v, %v", p, err)
	}
	var hits []string
	for h, err := range f.Search(t.Context(), index.Query{Text: "deep"}) {
		if err != nil {
			t.Fatal(err)
		}
		hits = append(hits, string(h.ID))
	}
	if !slices.Equal(hits, []string{"acme/b"}) {
		t.Errorf("found %v", hits)
	}
	for _, id := range []manifest.ID{"acme/none", "acme/hidden"} {
		if _, err := f.Plugin(t.Context(), id); !errors.Is(err, index.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	none := artifact.Describe("", []byte("none"))
	if _, err := f.Blobs("acme/a").Open(t.Context(), none); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("left behind %v, %v", left, err)
	}
}

// TestBadEntries: each says why it does not count, and hides nothing else.
func TestBadEntries(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, "secret")
	syntax := func(err error) bool { return is[manifest.Errors](err) }
	class := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	for name, c := range map[string]struct {
		make func(dir string) // makes the entry "bad"
		want func(error) bool
		says string
		ids  []manifest.ID
	}{
		"empty folder": {func(dir string) { write(t, filepath.Join(dir, "bad", "readme"), "") }, class(dropin.ErrNoEntry), "plugin.yaml", nil},
		"text":         {func(dir string) { write(t, filepath.Join(dir, "bad"), "hello") }, class(dropin.ErrNoEntry), "nor a bundle", nil},
		"empty file":   {func(dir string) { write(t, filepath.Join(dir, "bad"), "") }, class(dropin.ErrNoEntry), "nor a bundle", nil},
		"manifest":     {func(dir string) { write(t, filepath.Join(dir, "bad", "plugin.yaml"), "id: Bad\n") }, syntax, "plugin.yaml", nil},
		"large": {func(dir string) {
			write(t, filepath.Join(dir, "bad", "plugin.yaml"), "# "+strings.Repeat("x", manifest.MaxYAML))
		}, syntax, "limit", nil},
		"no module": {func(dir string) {
			write(t, filepath.Join(dir, "bad", "plugin.yaml"), plugintest.YAML("acme/bad", "1.0.0"))
		}, class(fs.ErrNotExist), "m.wasm", []manifest.ID{"acme/bad"}},
		"link out": {func(dir string) {
			write(t, filepath.Join(dir, "bad", "plugin.yaml"), plugintest.YAML("acme/bad", "1.0.0"))
			link(t, outside, filepath.Join(dir, "bad", "m.wasm"))
		}, is[*dropin.EntryError], "m.wasm", []manifest.ID{"acme/bad"}},
		"link in files": {func(dir string) {
			drop(t, dir, "bad", "acme/bad", "1.0.0", "files: [assets]")
			write(t, filepath.Join(dir, "bad", "assets", "a"), "a")
			link(t, filepath.Dir(outside), filepath.Join(dir, "bad", "assets", "out"))
		}, is[*dropin.EntryError], "assets/out", []manifest.ID{"acme/bad"}},
		"link as manifest": {func(dir string) {
			write(t, filepath.Join(dir, "bad", "m.wasm"), "")
			link(t, outside, filepath.Join(dir, "bad", "plugin.yaml"))
		}, is[*dropin.EntryError], "plugin.yaml", nil},
		"link as entry": {func(dir string) {
			link(t, filepath.Join(dir, "good"), filepath.Join(dir, "bad"))
		}, class(dropin.ErrNoEntry), "symbolic link", nil},
		"too large": {func(dir string) {
			drop(t, dir, "bad", "acme/bad", "1.0.0")
			if err := os.Truncate(filepath.Join(dir, "bad", "m.wasm"), dropin.MaxBytes+1); err != nil {
				t.Fatal(err)
			}
		}, class(dropin.ErrTooLarge), "limit", []manifest.ID{"acme/bad"}},
		"schema": {func(dir string) {
			drop(t, dir, "bad", "acme/bad", "1.0.0", "config: schema.json")
			write(t, filepath.Join(dir, "bad", "schema.json"), "[")
		}, is[*dropin.EntryError], "not a JSON schema", []manifest.ID{"acme/bad"}},
		"cut bundle": {func(dir string) {
			from := t.TempDir()
			drop(t, from, "x", "acme/x", "1.0.0")
			path := filepath.Join(dir, "bad")
			bundleOf(t, path, open(t, from, later), "acme/x")
			if err := os.Truncate(path, 2048); err != nil {
				t.Fatal(err)
			}
		}, class(bundle.ErrBundle), "cut off", nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			drop(t, dir, "good", "acme/good", "1.0.0")
			c.make(dir)
			f := open(t, dir, later)
			s := scan(t, f)
			if len(s.Entries) != 2 || s.Entries[0].Name != "bad" || s.Entries[1].Err != nil || s.Entries[1].Kind != dropin.PluginFolder {
				t.Fatalf("%+v", s.Entries)
			}
			bad := s.Entries[0]
			e, ok := errors.AsType[*dropin.EntryError](bad.Err)
			if !ok || e.Name != "bad" || e.Dir != dir || !c.want(bad.Err) || !strings.Contains(bad.Err.Error(), c.says) || strings.Contains(bad.Err.Error(), "secret\n") {
				t.Errorf("got %v", bad.Err)
			}
			if !slices.Equal(bad.IDs, c.ids) || s.Has("acme/bad") != (c.ids != nil) {
				t.Errorf("of %v", bad.IDs)
			}
			if unclear := c.ids == nil && !errors.Is(bad.Err, dropin.ErrNoEntry); s.Unclear() != unclear {
				t.Errorf("unclear: %v", s.Unclear())
			}
			if names, err := f.Names(t.Context()); err != nil || !slices.Equal(names, []manifest.ID{"acme/good"}) {
				t.Errorf("%v, %v", names, err)
			}
			if c.ids != nil {
				if _, err := f.Plugin(t.Context(), c.ids[0]); !is[*dropin.EntryError](err) {
					t.Errorf("asked for it: %v", err)
				}
			}
			if again := scan(t, f); again.State != s.State {
				t.Error("nothing changed, and the state did")
			}
		})
	}
}

// TestTwice: one version with different bytes is refused with both names; the same bytes
// are no matter.
func TestTwice(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "one", "acme/a", "1.0.0")
	drop(t, dir, "two", "acme/a", "1.0.0")
	drop(t, dir, "three", "acme/a", "1.1.0")
	drop(t, dir, "b", "acme/b", "1.0.0")
	now := later()
	f := open(t, dir, func() time.Time { return now })
	if p, err := f.Plugin(t.Context(), "acme/a"); err != nil || len(p.Releases) != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	write(t, filepath.Join(dir, "two", "m.wasm"), "\x00asm other")
	now = now.Add(time.Minute)
	for range 2 { // before a scan and after it
		_, err := f.Plugin(t.Context(), "acme/a")
		e, ok := errors.AsType[*dropin.TwiceError](err)
		if !ok || e.First != "one" || e.Other != "two" || e.ID != "acme/a" || e.Version.String() != "1.0.0" || !strings.Contains(err.Error(), `"one"`) || !strings.Contains(err.Error(), `"two"`) {
			t.Fatalf("got %v", err)
		}
		var bad []string
		for _, x := range scan(t, f).Entries {
			if x.Err != nil {
				bad = append(bad, x.Name)
			}
		}
		if !slices.Equal(bad, []string{"one", "two"}) {
			t.Errorf("bad are %v", bad)
		}
	}
	if names, err := f.Names(t.Context()); err != nil || !slices.Equal(names, []manifest.ID{"acme/b"}) {
		t.Errorf("%v, %v", names, err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "two")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if p, err := f.Plugin(t.Context(), "acme/a"); err != nil || len(p.Releases) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestSettling: what has just changed is left for later, and what was there before counts
// as there.
func TestSettling(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "a", "acme/a", "1.0.0")
	from := t.TempDir()
	drop(t, from, "x", "acme/x", "1.0.0")
	bundleOf(t, filepath.Join(dir, "x"), open(t, from, later), "acme/x")
	now := time.Now()
	f := open(t, dir, func() time.Time { return now })
	s := scan(t, f)
	for _, e := range s.Entries {
		if !errors.Is(e.Err, dropin.ErrSettling) {
			t.Errorf("%s: %v", e.Name, e.Err)
		}
	}
	if !s.Has("acme/a") || s.Has("acme/x") || !s.Unclear() {
		t.Errorf("%+v", s)
	}
	now = now.Add(time.Minute)
	if s = scan(t, f); s.Entries[0].Err != nil || s.Entries[1].Err != nil || s.Unclear() {
		t.Errorf("%+v", s)
	}
	now = time.Now()
	write(t, filepath.Join(dir, "a", "m.wasm"), "\x00asm again")
	if err := os.Chtimes(filepath.Join(dir, "x"), time.Time{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	s = scan(t, f)
	if !errors.Is(s.Entries[0].Err, dropin.ErrSettling) || !errors.Is(s.Entries[1].Err, dropin.ErrSettling) || !s.Has("acme/a") || !s.Has("acme/x") || s.Unclear() {
		t.Errorf("%+v", s)
	}
	now = now.Add(dropin.DefaultSettle + time.Second)
	if s = scan(t, f); s.Entries[0].Err != nil || s.Entries[1].Err != nil {
		t.Errorf("%+v", s)
	}
	write(t, filepath.Join(dir, "a", "m.wasm"), "\x00asm set to the future")
	if err := os.Chtimes(filepath.Join(dir, "a", "m.wasm"), time.Time{}, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if s = scan(t, f); s.Entries[0].Err != nil {
		t.Errorf("a time in the future never ends: %+v", s)
	}
}

// TestChangedPayload: bytes that are not there any more are missing, never others.
func TestChangedPayload(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "a", "acme/a", "1.0.0")
	now := later()
	f := open(t, dir, func() time.Time { return now })
	p, err := f.Plugin(t.Context(), "acme/a")
	if err != nil {
		t.Fatal(err)
	}
	k := p.Releases[0].Packages[0].Payload
	write(t, filepath.Join(dir, "a", "m.wasm"), "\x00asm other")
	for range 2 { // the look is old, then new
		if r, err := f.Blobs("acme/a").Open(t.Context(), artifact.Descriptor{Digest: k.Digest, Size: k.Size}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v, %v", r, err)
		}
		now = now.Add(time.Minute)
	}
}

// TestIs tells drop-in folders from others.
func TestIs(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []struct {
		do   func()
		want bool
	}{
		{func() {}, false},
		{func() { write(t, filepath.Join(dir, "readme"), "hello") }, false},
		{func() { write(t, filepath.Join(dir, "plugin.yaml"), "id: x") }, false},
		{func() { drop(t, dir, ".hidden", "acme/a", "1.0.0") }, false},
		{func() { write(t, filepath.Join(dir, "x", "plugin.yaml"), "broken") }, true},
	} {
		if step.do(); dropin.Is(dir) != step.want {
			t.Errorf("%v", dropin.Is(dir))
		}
	}
	if dropin.Is(filepath.Join(dir, "none")) || dropin.Is(filepath.Join(dir, "readme")) {
		t.Error("what is no folder")
	}
}

// TestFolderGone: it is an error, not an empty folder.
func TestFolderGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	if _, err := dropin.Open(dir, dropin.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	now := later()
	f, err := dropin.At(dir, dropin.Options{Now: func() time.Time { return now }})
	if err != nil || f.Has("acme/a") {
		t.Fatal(err)
	}
	if _, err := f.Plugin(t.Context(), "acme/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	drop(t, dir, "a", "acme/a", "1.0.0")
	if scan(t, f); !f.Has("acme/a") || f.Has("acme/b") {
		t.Error("it came and is not there")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if s, err := f.Scan(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := f.Plugin(t.Context(), "acme/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := f.Names(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := dropin.Open(os.DevNull, dropin.Options{}); !errors.Is(err, dropin.ErrFolder) {
		t.Errorf("a device: %v", err)
	}
}

// TestTooManyEntries: a folder beyond the limit is refused as a whole.
func TestTooManyEntries(t *testing.T) {
	dir := t.TempDir()
	for i := range dropin.MaxEntries + 1 {
		if err := os.Mkdir(filepath.Join(dir, fmt.Sprintf(".%d", i)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := open(t, dir, later).Scan(t.Context()); !errors.Is(err, dropin.ErrTooLarge) {
		t.Errorf("%+v, %v", s, err)
	}
}

func link(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Symlink(from, to); err != nil {
		t.Fatal(err)
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
