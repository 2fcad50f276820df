package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/bench/echo"
	"github.com/plugstead/plugstead/internal/bench/figures"
	"github.com/plugstead/plugstead/internal/bench/peer"
	_ "github.com/plugstead/plugstead/internal/bench/plugin" // linked in
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/load/wasm"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
)

// batch is how many calls one repetition times.
const batch = 300

// row is one thing that is called.
type row struct {
	name  string
	tiny  func() error
	large func() error
	t, l  []time.Duration
}

var (
	small   = echo.Message{Name: "Ada", N: 1}
	payload = make([]byte, 64<<10)
)

// calls measures a call with a tiny message and with 64 KiB in every runtime.
func calls(ctx context.Context, repo, work string, rounds int) ([]figures.Target, error) {
	images, err := buildPlugins(repo, work)
	if err != nil {
		return nil, err
	}
	var rows []*row
	for _, im := range images {
		// All have one id, so each runs in a set of its own.
		set := supervise.New([]load.Driver{inproc.Driver{}, process.Driver{}, wasm.Driver{}},
			func(load.Image) (load.Spec, error) { return load.Spec{}, nil }, supervise.Policy{}, supervise.Events{})
		defer set.Close()
		p, err := set.Put(ctx, im)
		if err != nil {
			return nil, err
		}
		rows = append(rows, ours(ctx, im.Runtime, p))
	}
	theirs, stop, err := goPlugin(ctx, work)
	if err != nil {
		fmt.Println("hashicorp/go-plugin is absent:", err)
	} else {
		defer stop()
		rows = append(rows, theirs)
	}
	for range rounds {
		for _, r := range rows {
			if err := r.measure(); err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
		}
	}
	return report(rows), nil
}

func ours(ctx context.Context, name string, c contract.Caller) *row {
	big := echo.Message{Name: "Ada", N: 1, Data: payload}
	call := func(m echo.Message) func() error {
		return func() error {
			out, err := echo.Echo.Call(ctx, c, m)
			if err == nil && len(out.Data) != len(m.Data) {
				err = errors.New("wrong answer")
			}
			return err
		}
	}
	return &row{name: name, tiny: call(small), large: call(big)}
}

// measure times a batch of calls of each size; the result is for one call.
func (r *row) measure() error {
	for _, m := range []struct {
		call func() error
		to   *[]time.Duration
		n    int
	}{{r.tiny, &r.t, batch}, {r.large, &r.l, batch / 10}} {
		begin := time.Now()
		for range m.n {
			if err := m.call(); err != nil {
				return err
			}
		}
		*m.to = append(*m.to, time.Since(begin)/time.Duration(m.n))
	}
	return nil
}

func report(rows []*row) []figures.Target {
	fmt.Printf("%-28s %12s %12s %12s %12s\n", "one call, supervised", "tiny p10", "tiny p50", "64K p10", "64K p50")
	by := map[string]*row{}
	for _, r := range rows {
		by[r.name] = r
		fmt.Printf("%-28s %12v %12v %12v %12v\n", r.name, figures.P10(r.t), figures.Median(r.t), figures.P10(r.l), figures.Median(r.l))
	}
	fmt.Println()
	ratio := func(f func(*row) []time.Duration) float64 {
		if by[peerName] == nil {
			return math.NaN()
		}
		return float64(figures.P10(f(by["process"]))) / float64(figures.P10(f(by[peerName])))
	}
	return []figures.Target{
		{Name: "process/go-plugin-grpc-tiny", Value: ratio(func(r *row) []time.Duration { return r.t }), Bound: 0.4},
		{Name: "process/go-plugin-grpc-64KiB", Value: ratio(func(r *row) []time.Duration { return r.l }), Bound: 0.4},
		{Name: "inproc-tiny-microseconds", Value: float64(figures.P10(by["inproc"].t).Nanoseconds()) / 1e3, Bound: 0.1},
		{Name: "wasm-tiny-microseconds", Value: float64(figures.P10(by["wasm"].t).Nanoseconds()) / 1e3, Bound: 12},
	}
}

const peerName = "go-plugin gRPC"

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

// buildPlugins builds the plugin for each runtime.
func buildPlugins(repo, work string) ([]load.Image, error) {
	here := filepath.Join(repo, "internal", "bench")
	if err := errors.Join(
		goBuild(here, filepath.Join(work, "echo"), "./plugin/main"),
		goBuild(here, filepath.Join(work, "echo.wasm"), "./plugin/main", "GOOS=wasip1", "GOARCH=wasm"),
		goBuild(here, filepath.Join(work, "peer"), "./peer/main"),
	); err != nil {
		return nil, err
	}
	provides := []manifest.PointRef{{ID: echo.Point.ID(), Major: 1}}
	base := manifest.Manifest{ID: "bench/echo", Provides: provides}
	native, guest := base, base
	native.Runtimes.Process = &manifest.ProcessRuntime{Platforms: map[string]string{runtime.GOOS + "/" + runtime.GOARCH: "echo"}}
	guest.Runtimes.Wasm = &manifest.WasmRuntime{Module: "echo.wasm"}
	return []load.Image{
		{Manifest: &base, Runtime: manifest.RuntimeInproc},
		{Manifest: &native, Runtime: manifest.RuntimeProcess, Tree: work},
		{Manifest: &guest, Runtime: manifest.RuntimeWasm, Tree: work},
	}, nil
}

// goPlugin starts the peer.
func goPlugin(ctx context.Context, work string) (*row, func(), error) {
	c := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: peer.Handshake, Plugins: plugin.PluginSet{peer.Name: peer.Plugin{}}, Cmd: exec.Command(filepath.Join(work, "peer")),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(),
	})
	conn, err := c.Client()
	if err != nil {
		return nil, nil, err
	}
	x, err := conn.Dispense(peer.Name)
	if err != nil {
		c.Kill()
		return nil, nil, err
	}
	e := x.(*peer.Client)
	return &row{
		name: peerName,
		tiny: func() error { _, err := e.Tiny(ctx, small.Name); return err },
		large: func() error {
			b, err := e.Large(ctx, payload)
			if err == nil && len(b) != len(payload) {
				err = errors.New("wrong answer")
			}
			return err
		},
	}, c.Kill, nil
}
