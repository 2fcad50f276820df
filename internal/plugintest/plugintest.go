// Package plugintest makes plugin artifacts for tests: real ones, packed from a
// folder, whose programs are a few bytes that nobody starts.
package plugintest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/publish"
)

// Folder writes files below a temporary folder and returns it.
func Folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Root opens a folder until the test ends.
func Root(t testing.TB, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// YAML returns a plugin.yaml for a wasm plugin that provides acme.dev/greeter 1.0,
// with more lines at the end.
func YAML(id, version string, more ...string) string {
	return fmt.Sprintf("id: %s\nversion: %s\nsummary: The %s plugin\nprovides: { acme.dev/greeter: \"1.0\" }\nruntimes: { wasm: { module: m.wasm } }\n%s\n",
		id, version, id, strings.Join(more, "\n"))
}

// Pack packs a plugin that [YAML] describes until the test ends.
func Pack(t testing.TB, id, version string, more ...string) *artifact.Packed {
	t.Helper()
	return PackFolder(t, Folder(t, map[string]string{
		"plugin.yaml": YAML(id, version, more...), "m.wasm": "\x00asm " + id + " " + version, "README.md": "# " + id + "\n",
	}))
}

// PackFolder packs a plugin folder until the test ends.
func PackFolder(t testing.TB, dir string) *artifact.Packed {
	t.Helper()
	p, err := publish.Pack(Root(t, dir), publish.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// Push publishes packed plugins to a target.
func Push(t testing.TB, to publish.Target, list ...*artifact.Packed) {
	t.Helper()
	for _, p := range list {
		if err := publish.Push(t.Context(), to, p, publish.Options{}); err != nil {
			t.Fatal(err)
		}
	}
}

// Replace shows b with other bytes under one digest.
func Replace(b artifact.Blobs, d artifact.Digest, with string) artifact.Blobs {
	return replaced{b, d, with}
}

type replaced struct {
	artifact.Blobs
	d    artifact.Digest
	with string
}

func (r replaced) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if d.Digest == r.d {
		return io.NopCloser(strings.NewReader(r.with)), nil
	}
	return r.Blobs.Open(ctx, d)
}
