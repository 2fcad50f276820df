package wasm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// TestNoModule has images whose module is missing, elsewhere or something else.
func TestNoModule(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "folder.wasm"), 0o700), os.WriteFile(filepath.Join(dir, "huge.wasm"), nil, 0o600), os.Truncate(filepath.Join(dir, "huge.wasm"), maxModule+1)); err != nil {
		t.Fatal(err)
	}
	for entry, c := range map[string]struct {
		tree string
		code contract.Code
		want string
	}{
		"none.wasm":        {dir, contract.FailedPrecondition, "none.wasm"},
		"folder.wasm":      {dir, contract.FailedPrecondition, "is no file of at most"},
		"huge.wasm":        {dir, contract.FailedPrecondition, "is no file of at most"},
		"../p.wasm":        {dir, contract.InvalidArgument, "want a path below"},
		"p.wasm":           {"relative", contract.InvalidArgument, "want a path below"},
		"folder.wasm/deep": {dir, contract.FailedPrecondition, "deep"},
	} {
		im := load.Image{Tree: c.tree, Runtime: manifest.RuntimeWasm, Manifest: &manifest.Manifest{ID: "acme/p", Runtimes: manifest.Runtimes{Wasm: &manifest.WasmRuntime{Module: entry}}}}
		in, err := Driver{}.Start(t.Context(), im, quiet())
		if err == nil {
			in.Close()
		}
		for name, err := range map[string]error{"start": err, "prepare": Driver{}.Prepare(t.Context(), im)} {
			if !errors.Is(err, c.code) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "acme/p") {
				t.Errorf("%s: %s: %v, want %v with %q", entry, name, err, c.code, c.want)
			}
		}
	}
	im := load.Image{Tree: dir, Runtime: manifest.RuntimeWasm, Manifest: &manifest.Manifest{ID: "acme/p"}}
	if err := (Driver{}).Prepare(t.Context(), im); !errors.Is(err, contract.FailedPrecondition) || !strings.Contains(err.Error(), "no WebAssembly module") {
		t.Errorf("a plugin of another runtime: %v", err)
	}
}

// TestControlRequests are Health, Quiesce and Reconfigure of a module that answers
// them, and of modules that do not.
func TestControlRequests(t *testing.T) {
	for name, c := range map[string]struct {
		m    testModule
		want error // of every request
	}{
		"good":    {testModule{}, nil},
		"traps":   {testModule{call: cat([]byte{opUnreachable}, at(okAt, 2))}, contract.Unavailable},
		"outside": {testModule{call: at(1<<31, 5)}, contract.Internal},
	} {
		in := start(t, Driver{}, c.m)
		for range 2 { // the second one meets a fresh instance
			for what, err := range map[string]error{
				"health": in.Health(t.Context()), "quiesce": in.Quiesce(t.Context()), "reconfigure": in.Reconfigure(t.Context(), []byte(`{"a":1}`)),
			} {
				if what != "health" && in.busy() != 0 {
					t.Errorf("%s: %s left a guest running", name, what)
				}
				if what == "health" && !errors.Is(err, c.want) || c.want == nil && err != nil {
					t.Errorf("%s: %s: %v, want %v", name, what, err, c.want)
				}
			}
		}
		if err := in.Reconfigure(t.Context(), []byte(`{`)); err == nil {
			t.Errorf("%s: a configuration that is no JSON is taken", name)
		}
	}
}

// TestAfterTheEnd: a plugin that was stopped refuses everything in the same words, and
// ending it again is no error.
func TestAfterTheEnd(t *testing.T) {
	for name, end := range map[string]func(*instance) error{
		"stop":  func(i *instance) error { return i.Stop(t.Context()) },
		"close": (*instance).Close,
	} {
		in := start(t, Driver{}, testModule{})
		if err := end(in); err != nil {
			t.Fatal(err)
		}
		<-in.Done()
		_, called := nudge.Call(t.Context(), in, empty{})
		for what, err := range map[string]error{
			"call": called, "health": in.Health(t.Context()), "quiesce": in.Quiesce(t.Context()), "reconfigure": in.Reconfigure(t.Context(), nil),
		} {
			if e := contract.AsError(err); e == nil || e.Code != contract.Unavailable || e.Reason != contract.ReasonStopped {
				t.Errorf("%s after %s: %v", what, name, err)
			}
		}
		if err := errors.Join(in.Stop(t.Context()), in.Close(), in.Err()); err != nil {
			t.Errorf("the end again after %s: %v", name, err)
		}
	}
}

// TestStreamsAreNotThere yet: the error says so, and methods that the module did not
// name are not offered.
func TestStreamsAreNotThere(t *testing.T) {
	in := start(t, Driver{}, testModule{})
	if s, err := in.Stream(t.Context(), nudge.Method); err == nil {
		t.Errorf("got %v", s)
	}
	other := contract.Unary[empty, empty](contract.Define("acme.dev/other", 1, 0), "Other")
	if !in.Offers(nudge.Method) || in.Offers(other.Method) {
		t.Error("offers")
	}
	if _, err := other.Call(t.Context(), in, empty{}); !errors.Is(err, contract.Unimplemented) {
		t.Errorf("a method it does not have: %v", err)
	}
}

// TestCancelledStart leaves nothing behind, whenever the caller gives up.
func TestCancelledStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in, err := Driver{}.Start(ctx, image(t, testModule{}.encode(t)), quiet())
	if err == nil {
		in.Close()
	}
	if !errors.Is(err, contract.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestTrapsUnderLoad: guests that trap are replaced while others are called.
func TestTrapsUnderLoad(t *testing.T) {
	in := start(t, Driver{Instances: 3}, testModule{call: cat([]byte{opUnreachable}, at(okAt, 2))})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if _, err := nudge.Call(t.Context(), in, empty{}); !errors.Is(err, contract.Unavailable) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(in.idle) + len(in.empty); n != 3 || in.busy() != 0 {
		t.Errorf("%d of 3 places are free, %d guests run", n, in.busy())
	}
	if err := in.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCacheFolders that belong to others, or are none, are refused.
func TestCacheFolders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"file": file, "below a file": filepath.Join(file, "x"), "relative": "cache"} {
		im := image(t, testModule{}.encode(t))
		im.Cache = dir
		if err := (Driver{}).Prepare(t.Context(), im); err == nil || !strings.Contains(err.Error(), "cache") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat("cache"); err == nil {
		t.Error("a refused cache was made")
	}
	elsewhere, dir := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, cacheFolder)); err != nil {
		return // no links here
	}
	im := image(t, testModule{}.encode(t))
	im.Cache = dir
	if err := (Driver{}).Prepare(t.Context(), im); err == nil {
		t.Error("a link in place of the cache is followed")
	}
}
