package artifact_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
)

// bundleFolder is a plugin that is a script, and files besides.
func bundleFolder(t *testing.T) string {
	t.Helper()
	return plugintest.Folder(t, map[string]string{
		"plugin.yaml": "id: acme/dark\nversion: 1.0.0\nfiles: [ shared ]\nruntimes: { command: { script: bin/run.sh }, files: { folder: theme } }\n",
		"bin/run.sh":  "#!/bin/sh", "theme/a.html": "a", "theme/deep/b.css": "b", "shared/x": "x", "other/y": "y", "theme.txt": "t",
	})
}

// TestPackBundle: the payload of files has the whole folder, that of a script the script.
func TestPackBundle(t *testing.T) {
	p := plugintest.PackFolder(t, bundleFolder(t))
	if again := plugintest.PackFolder(t, bundleFolder(t)); again.Digest != p.Digest {
		t.Error("it is not reproducible")
	}
	want := map[string][]string{
		manifest.RuntimeCommand: {"bin/run.sh", "shared/x"},
		manifest.RuntimeFiles:   {"shared/x", "theme/a.html", "theme/deep/b.css"},
	}
	if len(p.Packages) != len(want) {
		t.Fatalf("%+v", p.Packages)
	}
	for _, ref := range p.Packages {
		pkg, err := artifact.ReadPackage(t.Context(), p, ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := list(t, unpack(t, p, pkg.Payload)); !slices.Equal(got, want[ref.Runtime]) || ref.Platform != manifest.AnyPlatform {
			t.Errorf("%s on %s: %v", ref.Runtime, ref.Platform, got)
		}
	}
}

func TestPackBundleRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(dir string) error
		want  string
	}{
		"missing": {func(d string) error { return os.RemoveAll(d + "/theme") }, "theme"},
		"a file": {func(d string) error {
			return errors.Join(os.RemoveAll(d+"/theme"), os.Rename(d+"/theme.txt", d+"/theme"))
		}, "not a folder"},
		"a link": {func(d string) error { return errors.Join(os.RemoveAll(d+"/theme"), os.Symlink("other", d+"/theme")) }, "not a folder"},
		"empty": {func(d string) error {
			return errors.Join(os.RemoveAll(d+"/theme"), os.MkdirAll(d+"/theme/deep", 0o755))
		}, "has no files"},
		"a link inside": {func(d string) error { return os.Symlink("/etc/passwd", d+"/theme/p") }, "symbolic link"},
		"too many":      {func(d string) error { return many(d+"/theme", 20_001) }, "limit of 20000"},
	} {
		dir := bundleFolder(t)
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
