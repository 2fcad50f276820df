package wasm

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/private"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/manifest"
)

func TestMain(m *testing.M) { loadtest.Main(m) }

type empty struct{}

var (
	point = contract.Define("acme.dev/p", 1, 0)
	nudge = contract.Unary[empty, empty](point, "Nudge")
)

func image(t *testing.T, code []byte) load.Image {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.wasm"), code, 0o600); err != nil {
		t.Fatal(err)
	}
	return load.Image{
		Tree: dir, Runtime: manifest.RuntimeWasm,
		Manifest: &manifest.Manifest{ID: "acme/p", Runtimes: manifest.Runtimes{Wasm: &manifest.WasmRuntime{Module: "p.wasm"}}},
	}
}

func quiet() load.Spec { return load.Spec{Log: slog.New(slog.DiscardHandler)} }

func start(t *testing.T, d Driver, m testModule) *instance {
	t.Helper()
	in, err := d.Start(t.Context(), image(t, m.encode(t)), quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	return in.(*instance)
}

func TestGoodModule(t *testing.T) {
	in := start(t, Driver{}, testModule{})
	if _, err := nudge.Call(t.Context(), in, empty{}); err != nil {
		t.Error(err)
	}
	if err := errors.Join(in.Stop(t.Context()), in.Err()); err != nil {
		t.Error(err)
	}
}

func TestModuleErrors(t *testing.T) {
	good := testModule{}.encode(t)
	for want, c := range map[string][]byte{
		"invalid magic number":           []byte("#!/bin/sh"),
		"module: ":                       good[:len(good)-20],
		"does not export plugstead_call": testModule{noCall: true}.encode(t),
		"other parameters":               testModule{wrongABI: true}.encode(t),
		"version 2 of the ABI":           testModule{version: 2}.encode(t),
		"env":                            testModule{imports: "open_door"}.encode(t),
		"unreachable":                    testModule{initial: []byte{opUnreachable}}.encode(t),
		"outside of its memory":          testModule{buffer: constI32(-16)}.encode(t),
	} {
		im := image(t, c)
		im.Cache = filepath.Join(t.TempDir(), "cache")
		for name, f := range map[string]func() error{
			"prepare": func() error { return Driver{}.Prepare(t.Context(), im) },
			"start": func() error {
				in, err := Driver{}.Start(t.Context(), im, quiet())
				if err == nil {
					in.Close()
				}
				return err
			},
		} {
			if err := f(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
}

// TestHostile: whatever a guest gives, the call fails, the instance is thrown away, and
// the next call gets a good one.
func TestHostile(t *testing.T) {
	hostCall := func(address, n int32) []byte { return cat(constI32(address), constI32(n), []byte{opCall, 0}) }
	for name, c := range map[string]struct {
		m    testModule
		want contract.Code
		text string
	}{
		"answer outside":         {testModule{call: at(65536, 1)}, contract.Internal, "its answer"},
		"answer across the end":  {testModule{call: at(65530, 100)}, contract.Internal, "its answer"},
		"answer that overflows":  {testModule{call: at(0xffffffff, 0xffffffff)}, contract.Internal, "its answer"},
		"empty answer":           {testModule{call: at(okAt, 0)}, contract.Internal, "its answer"},
		"answer of no kind":      {testModule{call: at(badAt, 1)}, contract.Internal, "its answer"},
		"answer that is no CBOR": {testModule{call: at(okAt, 1)}, contract.Internal, "answer: "},
		"trap":                   {testModule{call: cat([]byte{opUnreachable}, at(okAt, 2))}, contract.Unavailable, "unreachable"},
		"host call outside":      {testModule{call: hostCall(65530, 100)}, contract.Internal, "calls the host with 100 bytes"},
		"host call of nothing":   {testModule{call: hostCall(0, 0)}, contract.Internal, "bad call header"},
		"log outside":            {testModule{call: cat(constI32(-1), constI32(5), []byte{opCall, 1}, at(okAt, 2))}, contract.Internal, "calls the host with 5 bytes"},
	} {
		in := start(t, Driver{}, c.m)
		for range 2 {
			_, err := nudge.Call(t.Context(), in, empty{})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v, want %v with %q", name, err, c.want, c.text)
			}
		}
		if err := in.Stop(t.Context()); err != nil {
			t.Errorf("%s: stop: %v", name, err)
		}
	}
}

// TestHostileAlloc: the memory that a guest gives for an answer of the host.
func TestHostileAlloc(t *testing.T) {
	for name, c := range map[string]struct {
		alloc []byte
		want  string
	}{
		"outside": {constI32(-5), "outside of its memory"},
		"trap":    {cat([]byte{opUnreachable}, constI32(0)), "unreachable"},
	} {
		// Nineteen zeros are a call of a service without a name: the host answers with an
		// error, which needs memory.
		m := testModule{alloc: c.alloc, call: cat(constI32(40000), constI32(19), []byte{opCall, 0})}
		in := start(t, Driver{}, m)
		if _, err := nudge.Call(t.Context(), in, empty{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// FuzzGuest: addresses and sizes of a guest can be anything.
func FuzzGuest(f *testing.F) {
	f.Add(uint32(okAt), uint32(2), int32(bufferAt), int32(allocAt), int32(0), int32(19))
	f.Add(uint32(1<<32-1), uint32(1<<32-1), int32(-1), int32(-1), int32(-1), int32(-1))
	f.Fuzz(func(t *testing.T, answer, size uint32, buffer, alloc, ask, asked int32) {
		m := testModule{
			buffer: constI32(buffer), alloc: constI32(alloc),
			call: cat(constI32(ask), constI32(asked), []byte{opCall, 0, opDrop}, at(int64(answer), int64(size))),
		}
		in, err := Driver{}.Start(t.Context(), image(t, m.encode(t)), quiet())
		if err != nil {
			if contract.AsError(err).Reason != contract.ReasonProtocol {
				t.Error(err)
			}
			return
		}
		if _, err := nudge.Call(t.Context(), in, empty{}); err != nil && contract.AsError(err).Reason != contract.ReasonProtocol {
			t.Error(err)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestRunaway: a guest without end stops at its deadline, wherever it runs, and does not
// hold up the garbage collector of its host.
func TestRunaway(t *testing.T) {
	in := start(t, Driver{}, testModule{call: cat(spin, at(okAt, 2))})
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		collected := make(chan struct{})
		go func() { runtime.GC(); close(collected) }()
		if _, err := nudge.Call(ctx, in, empty{}); !errors.Is(err, contract.DeadlineExceeded) {
			t.Error(err)
		}
		<-collected
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := nudge.Call(ctx, in, empty{}); !errors.Is(err, contract.Canceled) {
		t.Error(err)
	}
	for name, m := range map[string]testModule{"_initialize": {initial: spin}, "buffer": {buffer: cat(spin, constI32(0))}} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if _, err := (Driver{}).Start(ctx, image(t, m.encode(t)), quiet()); !errors.Is(err, contract.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

func TestDefaultDeadline(t *testing.T) {
	in := start(t, Driver{CallTimeout: 100 * time.Millisecond}, testModule{call: cat(spin, at(okAt, 2))})
	if _, err := nudge.Call(t.Context(), in, empty{}); !errors.Is(err, contract.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestCloseEndsRunaway: Close does not wait for a deadline that is far away.
func TestCloseEndsRunaway(t *testing.T) {
	in := start(t, Driver{CallTimeout: time.Hour}, testModule{call: cat(spin, at(okAt, 2))})
	result := make(chan error, 1)
	go func() { _, err := nudge.Call(t.Context(), in, empty{}); result <- err }()
	for in.busy() == 0 {
		runtime.Gosched()
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, contract.Unavailable) {
		t.Error(err)
	}
	if _, err := nudge.Call(t.Context(), in, empty{}); contract.AsError(err).Reason != contract.ReasonStopped {
		t.Error(err)
	}
}

func (i *instance) busy() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.running)
}

// TestMemoryLimit: memory that is not granted is refused to the guest.
func TestMemoryLimit(t *testing.T) {
	grow := func(pages int32) []byte { // traps if it got the pages
		return cat(constI32(pages), []byte{opGrow, 0}, constI32(-1), []byte{opEq, opIf, void, opElse, opUnreachable, opEnd}, at(okAt, 2))
	}
	in := start(t, Driver{MemoryLimit: 1 << 20}, testModule{call: grow(16)})
	if _, err := nudge.Call(t.Context(), in, empty{}); err != nil {
		t.Errorf("17 pages of 16: %v", err)
	}
	in = start(t, Driver{MemoryLimit: 1 << 20}, testModule{call: grow(15)})
	if _, err := nudge.Call(t.Context(), in, empty{}); !errors.Is(err, contract.Unavailable) {
		t.Errorf("16 pages of 16: %v", err)
	}
}

func TestPages(t *testing.T) {
	for limit, want := range map[int64]uint32{0: 4096, 1: 1, 65536: 1, 65537: 2, -5: 1, 1 << 50: 65536} {
		if got := (Driver{MemoryLimit: limit}).withDefaults().pages(); got != want {
			t.Errorf("%d: %d, want %d", limit, got, want)
		}
	}
}

// probeImage is the Go plugin, with a cache that the tests of this package share.
func probeImage(t *testing.T) load.Image {
	return loadtest.Image(t, manifest.RuntimeWasm, testplugin.ID)
}

// TestCycle: a plugin that is called by what it called fails at once when it has no
// instance to spare, and works when it has.
func TestCycle(t *testing.T) {
	for instances, want := range map[int]error{1: contract.FailedPrecondition, 2: nil} {
		var in load.Instance
		s := quiet()
		s.Host = []contract.Handler{probe.Lookup.Handle(func(ctx context.Context, x probe.Text) (probe.Text, error) {
			got, err := probe.Tick.Call(ctx, in, probe.Tock{Text: x.Text})
			return probe.Text{Text: got.Text}, err
		})}
		in, err := Driver{Instances: instances}.Start(t.Context(), probeImage(t), s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := probe.Call.Call(t.Context(), in, probe.Text{Text: "round"})
		if want == nil && (err != nil || got.Text != "round") || want != nil && (!errors.Is(err, want) || contract.AsError(err).Reason != contract.ReasonCycle) {
			t.Errorf("%d instances: %v, %v", instances, got, err)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestInstances: as many calls run at once as there are instances, and no more.
func TestInstances(t *testing.T) {
	var inside, most atomic.Int64
	meet := make(chan struct{})
	s := quiet()
	s.Host = []contract.Handler{probe.Lookup.Handle(func(ctx context.Context, x probe.Text) (probe.Text, error) {
		if n := inside.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer inside.Add(-1)
		select {
		case meet <- struct{}{}:
		case <-meet:
		case <-ctx.Done():
		}
		return x, nil
	})}
	in, err := Driver{Instances: 2}.Start(t.Context(), probeImage(t), s)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if _, err := probe.Call.Call(t.Context(), in, probe.Text{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 2 {
		t.Errorf("%d calls at once", most.Load())
	}
}

// TestGuestSleeps: a guest that sleeps ends with its call, and time passes for it.
func TestGuestSleeps(t *testing.T) {
	in, err := Driver{}.Start(t.Context(), probeImage(t), quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	begin := time.Now()
	if _, err := probe.Wait.Call(t.Context(), in, probe.Waiting{For: 50 * time.Millisecond}); err != nil || time.Since(begin) < 50*time.Millisecond {
		t.Error(err, time.Since(begin))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := probe.Wait.Call(ctx, in, probe.Waiting{For: time.Hour, Spin: true}); !errors.Is(err, contract.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestCache(t *testing.T) {
	im := image(t, testModule{}.encode(t))
	im.Cache = filepath.Join(t.TempDir(), "cache")
	run := func() error {
		in, err := Driver{}.Start(t.Context(), im, quiet())
		if err != nil {
			return err
		}
		_, err = nudge.Call(t.Context(), in, empty{})
		return errors.Join(err, in.Close())
	}
	if err := (Driver{}).Prepare(t.Context(), im); err != nil {
		t.Fatal(err)
	}
	files := cached(t, im.Cache)
	if len(files) == 0 {
		t.Fatal("Prepare cached nothing")
	}
	if info, err := os.Stat(filepath.Join(im.Cache, cacheFolder)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	if err := run(); err != nil {
		t.Error(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for name, damaged := range map[string][]byte{"empty": nil, "cut": b[:len(b)/2], "garbage": bytes.Repeat([]byte{0xcc}, len(b))} {
			if err := os.WriteFile(f, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := run(); err != nil {
					t.Errorf("%s cache: %v", name, err)
				}
			}
			if err := (Driver{}).Prepare(t.Context(), im); err != nil {
				t.Errorf("%s cache: %v", name, err)
			}
		}
	}
	if err := os.Chmod(filepath.Join(im.Cache, cacheFolder), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := run(); runtime.GOOS != "windows" && !errors.Is(err, private.ErrNotPrivate) {
		t.Errorf("a cache that others can write: %v", err)
	}
	im.Cache = "relative"
	if err := run(); err == nil {
		t.Error("a relative cache folder is accepted")
	}
}

func cached(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestNothingLeft: starting and ending leaves no goroutine.
func TestNothingLeft(t *testing.T) {
	code := testModule{call: cat(spin, at(okAt, 2))}.encode(t)
	once := func() {
		in, err := Driver{}.Start(t.Context(), image(t, code), quiet())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := nudge.Call(ctx, in, empty{}); !errors.Is(err, contract.DeadlineExceeded) {
			t.Error(err)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
	once()
	before := runtime.NumGoroutine()
	for range 5 {
		once()
	}
	for runtime.NumGoroutine() > before {
		runtime.Gosched()
	}
}
