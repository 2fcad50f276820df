// Package runtimetest runs plugins in tests the way a host runs them: as processes, as
// WebAssembly, as commands and as files. It gives the implementations that a suite of package sdk/sdktest runs over.
//
//	func TestSuite(t *testing.T) {
//		greetertest.Suite.Run(t, append(runtimetest.Build(t, "acme/hello", "./plugin"), sdktest.Linked("acme/hello"))...)
//	}
package runtimetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/command"
	"github.com/plugstead/plugstead/load/files"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/load/wasm"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/sdk/sdktest"
	"github.com/plugstead/plugstead/version"
)

// Build builds the main package pkg, a path such as ./plugin or an import path, with the go
// command into a folder of the test, and returns the plugin id as a process and as
// WebAssembly. Whatever is wrong ends the test.
func Build(t testing.TB, id, pkg string) []sdktest.Implementation {
	t.Helper()
	tree := t.TempDir()
	here := manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}
	goBuild(t, nil, "-o", filepath.Join(tree, "plugin.exe"), pkg)
	goBuild(t, []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}, "-buildmode=c-shared", "-o", filepath.Join(tree, "plugin.wasm"), pkg)
	return implementations(tree, t.TempDir(), &manifest.Manifest{
		ID: manifest.ID(id), Version: version.MustParse("0.0.1-test"),
		Runtimes: manifest.Runtimes{
			Process: &manifest.ProcessRuntime{Platforms: map[string]string{here.String(): "plugin.exe"}},
			Wasm:    &manifest.WasmRuntime{Module: "plugin.wasm"},
		},
	})
}

func goBuild(t testing.TB, env []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

// Folder returns the plugin whose plugin.yaml is in dir, which has been built, in each
// runtime that it names and that can be had here. What starts as files is a load.Files. Whatever is wrong ends the test, also if
// there is none.
func Folder(t testing.TB, dir string) []sdktest.Implementation {
	t.Helper()
	path, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(path, "plugin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.ParseYAML("plugin.yaml", b)
	if err != nil {
		t.Fatal(err)
	}
	list := implementations(path, t.TempDir(), m)
	if len(list) == 0 {
		t.Fatalf("%s has no runtime for %s/%s", m.ID, runtime.GOOS, runtime.GOARCH)
	}
	return list
}

// implementations lists what can be started here; cache is where modules are compiled to.
func implementations(tree, cache string, m *manifest.Manifest) []sdktest.Implementation {
	here := manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}
	var out []sdktest.Implementation
	for _, d := range []struct {
		load.Driver
		manifest.Platform
	}{
		{process.Driver{}, here},
		{wasm.Driver{}, manifest.WasmPlatform},
		{command.Driver{}, here},
		{command.Driver{}, manifest.AnyPlatform},
		{files.Driver{}, manifest.AnyPlatform},
	} {
		if _, ok := m.Runtimes.Entry(d.Runtime(), d.Platform); ok {
			out = append(out, of(d.Driver, load.Image{Manifest: m, Runtime: d.Runtime(), Tree: tree, Cache: cache}))
		}
	}
	return out
}

func of(d load.Driver, im load.Image) sdktest.Implementation {
	return sdktest.Implementation{Name: fmt.Sprintf("%s as %s", im.Manifest.ID, im.Runtime), Start: func(t testing.TB, o sdktest.Options) contract.Caller {
		t.Helper()
		s, im, err := prepare(im, o.WithDefaults(t))
		if err != nil {
			t.Fatalf("start %s: %v", im.Manifest.ID, err)
		}
		in, err := d.Start(t.Context(), im, s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := in.Stop(context.Background()); err != nil {
				t.Errorf("stop %s: %v", im.Manifest.ID, err)
			}
			if err := in.Close(); err != nil {
				t.Error(err)
			}
			<-in.Done()
			if err := in.Err(); err != nil {
				t.Errorf("%s ended by itself: %v", im.Manifest.ID, err)
			}
		})
		return in
	}}
}

// prepare says in the words of load what a test gives the plugin. Peers of the test count
// as required.
func prepare(im load.Image, o sdktest.Options) (s load.Spec, _ load.Image, err error) {
	m := *im.Manifest
	m.Requires = nil
	for id := range o.Peers {
		m.Requires = append(m.Requires, manifest.Need{ID: manifest.ID(id)})
	}
	im.Manifest = &m
	s = load.Spec{Host: o.Host, Log: o.Log, DataDir: o.DataDir, Peer: func(id manifest.ID) contract.Caller {
		if c, ok := o.Peers[string(id)]; ok {
			return c
		}
		return nil
	}}
	for _, g := range o.Grants {
		c, err := manifest.ParseCapability(g)
		if err != nil {
			return s, im, err
		}
		s.Grants = append(s.Grants, c)
	}
	if o.Config != nil {
		s.Config, err = json.Marshal(o.Config)
	}
	return s, im, err
}
