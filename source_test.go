package plugstead_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/bundle"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/dropin"
	"github.com/plugstead/plugstead/registry/mirror"
	"github.com/plugstead/plugstead/registry/oci"
	"github.com/plugstead/plugstead/registry/static"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/version"
)

// TestOpenDropin tells drop-in folders from others.
func TestOpenDropin(t *testing.T) {
	dir, empty := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"a/plugin.yaml": plugintest.YAML("acme/a", "1.0.0"), "a/m.wasm": "\x00asm"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want := "dropin:" + filepath.ToSlash(dir)
	for _, name := range []string{dir, "file://" + filepath.ToSlash(dir), "dropin:" + dir} {
		if s, err := plugstead.OpenSource(name); err != nil || s.Identity() != want {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if s, err := plugstead.OpenSource(empty); !errors.Is(err, disk.ErrNotLayout) || s != nil {
		t.Errorf("an empty folder: %v, %v", s, err)
	}
	if s, err := plugstead.OpenSource("dropin:" + empty); err != nil || s.Identity() != "dropin:"+filepath.ToSlash(empty) {
		t.Errorf("an empty folder by its name: %v, %v", s, err)
	}
	if s, err := plugstead.OpenSource("dropin:" + filepath.Join(empty, "none")); !errors.Is(err, dropin.ErrFolder) || s != nil {
		t.Errorf("none: %v, %v", s, err)
	}
	if _, err := disk.Open(empty); err != nil {
		t.Fatal(err)
	}
	if s, err := plugstead.OpenSource(empty); err != nil || s.Identity() != "folder:"+filepath.ToSlash(empty) {
		t.Errorf("packed plugins: %v, %v", s, err)
	}
}

func TestOpenSource(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	packed, err := disk.Open(at("packed"))
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Push(t, packed, plugintest.Pack(t, "acme/a", "1.0.0"))
	from, err := plugstead.OpenSource(at("packed"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := mirror.Select(t.Context(), from, mirror.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Write(t.Context(), set, at("one file")); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{"packed": "folder", "one file": "bundle"}
	if runtime.GOOS != "windows" {
		if _, err := static.Copy(t.Context(), set, at("tree")); err != nil {
			t.Fatal(err)
		}
		kinds["tree"] = "static"
	}
	for name, kind := range kinds {
		path := filepath.ToSlash(at(name))
		address := "file:///" + strings.TrimPrefix(strings.ReplaceAll(path, " ", "%20"), "/")
		for _, s := range []string{at(name), address, strings.Replace(address, "file:///", "FILE://localhost/", 1)} {
			src, err := plugstead.OpenSource(s)
			if err != nil {
				t.Errorf("%s: %v", s, err)
				continue
			}
			if src.Identity() != kind+":"+path {
				t.Errorf("%s is %s", s, src.Identity())
			}
			if p, err := src.Plugin(t.Context(), "acme/a"); err != nil || len(p.Releases) != 1 {
				t.Errorf("%s: %v", s, err)
			}
		}
	}
}

// TestOpenPlain opens plain registries, of which nothing is asked.
func TestOpenPlain(t *testing.T) {
	for s, want := range map[string]string{
		"oci://ghcr.io/acme": "oci://ghcr.io/acme", "OCI://Ghcr.io:443/acme/": "oci://ghcr.io/acme", "oci+http://127.0.0.1:5000": "oci://127.0.0.1:5000",
	} {
		src, err := plugstead.OpenSource(s)
		if err != nil || src.Identity() != want {
			t.Errorf("%s is %v, %v", s, src, err)
		}
	}
	for _, s := range []string{"oci://", "oci:host/p", "oci://host/Upper", "oci+ftp://host", "oci://u:p@host"} {
		if src, err := plugstead.OpenSource(s); !errors.Is(err, oci.ErrName) {
			t.Errorf("%s is %v, %v", s, src, err)
		}
	}
}

// TestMirrors installs from a mirror when the registry is away, whichever way it is named.
func TestMirrors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "packed")
	packed, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Push(t, packed, plugintest.Pack(t, "acme/a", "1.0.0"))
	away := "http://127.0.0.1:1"
	facts := plugstead.Facts{App: "acme", Version: version.MustParse("1.0.0"), Points: []manifest.PointRef{{ID: "acme.dev/greeter", Major: 1}}, Runtimes: []string{manifest.RuntimeWasm}}
	t.Setenv(plugstead.EnvMirrors, " "+dir+"  ")
	for _, o := range []plugstead.Options{{Registry: away}, {Registry: away, Mirrors: []string{dir}}} {
		o.Dir = t.TempDir()
		h, err := plugstead.OpenFor(t.Context(), nil, facts, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Install(t.Context(), "acme/a"); err != nil {
			t.Errorf("%v: %v", o.Mirrors, err)
		}
		list, err := h.Installed()
		if err != nil || len(list.Records) != 1 {
			t.Errorf("%v: %v, %v", o.Mirrors, list, err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		t.Setenv(plugstead.EnvMirrors, "")
	}
	if s, err := plugstead.OpenMirrored(away); err != nil || s.Identity() != away {
		t.Errorf("no mirrors: %v, %v", s, err)
	}
	if _, err := plugstead.OpenMirrored("", dir); !errors.Is(err, fetch.ErrNoSource) {
		t.Errorf("a mirror of nothing: %v", err)
	}
	for _, bad := range []string{"", "ftp://x", filepath.Join(dir, "missing")} {
		if _, err := plugstead.OpenMirrored(away, dir, bad); err == nil || !strings.Contains(err.Error(), "mirror") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestOpenSourceRefuses(t *testing.T) {
	for _, s := range []string{"file://elsewhere/x", "file://", "file:///x?y", "file:///x#y", "file://user@localhost/x", "file:///%zz", "ftp://x", "https://"} {
		if _, err := plugstead.OpenSource(s); !errors.Is(err, client.ErrAddress) {
			t.Errorf("%s: %v", s, err)
		}
	}
	if _, err := plugstead.OpenSource(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, disk.ErrNotLayout) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if src, err := plugstead.OpenSource(""); src != nil || err != nil {
		t.Errorf("no text: %v, %v", src, err)
	}
	src, err := plugstead.OpenSource("https://plugins.example.org/")
	if err != nil || src.Identity() != "https://plugins.example.org" {
		t.Errorf("an address: %v, %v", src, err)
	}
}
