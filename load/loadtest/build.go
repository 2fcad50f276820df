package loadtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

const (
	programPackage = "github.com/plugstead/plugstead/load/loadtest/testplugin/plugin"
	commandPackage = "github.com/plugstead/plugstead/load/loadtest/testplugin/command"
)

// built is a folder with the test plugin as a program and as a module, made on demand
// and once for each test binary.
var built struct {
	mu   sync.Mutex
	tree string
	done map[string]error
}

// Main runs the tests of m and removes what [Image] has built. Use it in TestMain of
// every package that calls Image.
func Main(m *testing.M) {
	code := m.Run()
	if built.tree != "" {
		if err := os.RemoveAll(built.tree); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// Image returns the test plugin id for a runtime, built by the go command.
func Image(t testing.TB, runtimeName string, id manifest.ID) load.Image {
	t.Helper()
	im := load.Image{Runtime: runtimeName, Manifest: describe(id)}
	if runtimeName == manifest.RuntimeInproc {
		return im
	}
	tree, err := build(runtimeName)
	if err != nil {
		t.Fatal(err)
	}
	im.Tree = tree
	if runtimeName == manifest.RuntimeWasm {
		im.Cache = filepath.Join(tree, "cache")
	}
	return im
}

func describe(id manifest.ID) *manifest.Manifest {
	here := manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}
	m := &manifest.Manifest{
		ID: id, Version: version.MustParse("1.0.0"),
		Runtimes: manifest.Runtimes{
			Process: &manifest.ProcessRuntime{Platforms: map[string]string{here.String(): "plugin.exe"}},
			Wasm:    &manifest.WasmRuntime{Module: "plugin.wasm"},
			Command: &manifest.CommandRuntime{Platforms: map[string]string{here.String(): "command.exe"}},
		},
	}
	m.Provides = []manifest.PointRef{{ID: "plugstead.test/peer", Major: 1}, {ID: "plugstead.test/peer", Major: 2}}
	if id == testplugin.ID {
		m.Provides = []manifest.PointRef{{ID: "plugstead.test/probe", Major: 1, Minor: 1}}
		m.Requires = []manifest.Need{{ID: testplugin.PeerID}}
	}
	return m
}

func build(runtimeName string) (tree string, err error) {
	built.mu.Lock()
	defer built.mu.Unlock()
	if built.tree == "" {
		if built.tree, err = os.MkdirTemp("", "plugstead-loadtest-"); err != nil {
			return "", err
		}
		built.done = map[string]error{}
	}
	if err, ok := built.done[runtimeName]; ok {
		return built.tree, err
	}
	err = goBuild(runtimeName, built.tree)
	built.done[runtimeName] = err
	return built.tree, err
}

func goBuild(runtimeName, tree string) error {
	var cmd *exec.Cmd
	switch runtimeName {
	case manifest.RuntimeProcess:
		cmd = exec.Command("go", "build", "-o", filepath.Join(tree, "plugin.exe"), programPackage)
	case manifest.RuntimeCommand:
		cmd = exec.Command("go", "build", "-o", filepath.Join(tree, "command.exe"), commandPackage)
	case manifest.RuntimeWasm:
		cmd = exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", filepath.Join(tree, "plugin.wasm"), programPackage)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	default:
		return errors.New("no way to build for runtime " + runtimeName)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the test plugin: %w\n%s", err, out)
	}
	return nil
}
