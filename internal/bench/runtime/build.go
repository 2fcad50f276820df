package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/plugstead/plugstead/internal/bench/echo"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

func goBuild(dir, out, pkg string, env ...string) error {
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", out}
	if filepath.Ext(out) == ".wasm" {
		args = append(args, "-buildmode=c-shared")
	}
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, b)
	}
	return nil
}

// programs are what is compared.
type programs struct{ inproc, process, wasm load.Image }

// buildPlugins builds the plugin for each runtime, and the peer's.
func buildPlugins(repo, work string) (programs, error) {
	here := filepath.Join(repo, "internal", "bench")
	if err := errors.Join(
		goBuild(here, filepath.Join(work, "echo"), "./plugin/main"),
		goBuild(here, filepath.Join(work, "echo.wasm"), "./plugin/main", "GOOS=wasip1", "GOARCH=wasm"),
		goBuild(here, filepath.Join(work, "peer"), "./peer/main"),
	); err != nil {
		return programs{}, err
	}
	return programs{
		inproc:  load.Image{Manifest: echoManifest(), Runtime: manifest.RuntimeInproc},
		process: processImage(work),
		wasm:    wasmImage(work),
	}, nil
}

func echoManifest() *manifest.Manifest {
	return &manifest.Manifest{ID: "bench/echo", Provides: []manifest.PointRef{{ID: echo.Point.ID(), Major: 1}}}
}

func processImage(work string) load.Image {
	m := echoManifest()
	m.Runtimes.Process = &manifest.ProcessRuntime{Platforms: map[string]string{runtime.GOOS + "/" + runtime.GOARCH: "echo"}}
	return load.Image{Manifest: m, Runtime: manifest.RuntimeProcess, Tree: work}
}

func wasmImage(work string) load.Image {
	m := echoManifest()
	m.Runtimes.Wasm = &manifest.WasmRuntime{Module: "echo.wasm"}
	return load.Image{Manifest: m, Runtime: manifest.RuntimeWasm, Tree: work}
}
