package loadtest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/manifest"
)

const nodePlugin = "../../examples/node/plugin.mjs"

// TestNode runs the whole suite with plugins in another language, which speak JSON.
func TestNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no node that could run a script")
	}
	source, err := os.ReadFile(nodePlugin)
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := bytes.Cut(source, []byte("\n"))
	if string(first) != "#!/usr/bin/env node" {
		t.Fatalf("begins with %q", first)
	}
	tree := t.TempDir() // plugins have no PATH in which env could find node
	if err := os.WriteFile(filepath.Join(tree, "plugin.mjs"), append([]byte("#!"+node+"\n"), rest...), 0o700); err != nil {
		t.Fatal(err)
	}
	loadtest.Run(t, loadtest.Target{Driver: process.Driver{}, Apart: true, Folder: true, Ends: true, Image: func(t testing.TB, id manifest.ID) load.Image {
		im := loadtest.Image(t, manifest.RuntimeProcess, id)
		im.Tree = tree
		im.Manifest.Runtimes.Process.Platforms[manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}.String()] = "plugin.mjs"
		return im
	}})
}

// TestNodeIsSmall: one page is enough to speak the protocol.
func TestNodeIsSmall(t *testing.T) {
	b, err := os.ReadFile(nodePlugin)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n > 150 {
		t.Errorf("%d lines", n)
	}
}
