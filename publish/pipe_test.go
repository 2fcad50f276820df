//go:build unix

package publish_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/publish"
)

// TestPipes has named pipes where files are wanted. Nobody writes to them.
func TestPipes(t *testing.T) {
	for name, yaml := range map[string]string{
		"plugin.yaml": "", "m.wasm": plugintest.YAML("acme/hello", "1.0.0"), "README.md": plugintest.YAML("acme/hello", "1.0.0"),
		"config.json": plugintest.YAML("acme/hello", "1.0.0", "config: config.json"),
	} {
		files := map[string]string{"plugin.yaml": yaml, "m.wasm": "x"}
		delete(files, name)
		dir := plugintest.Folder(t, files)
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := publish.Pack(plugintest.Root(t, dir), publish.Options{})
		if err == nil || !strings.Contains(err.Error(), name+": not a regular file") {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}
