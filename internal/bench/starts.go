package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/bench/fixture"
	"github.com/plugstead/plugstead/internal/figures"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

const installedPlugins = 100

// idle is a driver whose plugins do nothing: what is left is the host itself.
type idle struct{}

func (idle) Runtime() string                           { return manifest.RuntimeWasm }
func (idle) Prepare(context.Context, load.Image) error { return nil }
func (idle) Start(context.Context, load.Image, load.Spec) (load.Instance, error) {
	return instance{done: make(chan struct{})}, nil
}

type instance struct{ done chan struct{} }

func (instance) Invoke(context.Context, *contract.Method, any, any) error { return nil }
func (instance) Offers(*contract.Method) bool                             { return true }
func (instance) Health(context.Context) error                             { return nil }
func (instance) Quiesce(context.Context) error                            { return nil }
func (instance) Stop(context.Context) error                               { return nil }
func (i instance) Close() error                                           { return nil }
func (i instance) Done() <-chan struct{}                                  { return i.done }
func (instance) Err() error                                               { return nil }
func (instance) Stream(context.Context, *contract.Method) (contract.Stream, error) {
	return nil, contract.Errorf(contract.Unimplemented, "no streams")
}

// starts measures a host with 100 installed plugins that has nothing to do: opening it,
// finding out that nothing is to be done, and starting plugins that do nothing.
func starts(ctx context.Context, work string, rounds int) ([]figures.Target, error) {
	reg, err := fixture.OpenRegistry()
	if err != nil {
		return nil, err
	}
	defer reg.Close()
	wishes, err := reg.Publish(ctx, work, installedPlugins, 64<<10, "1.0.0")
	if err != nil {
		return nil, err
	}
	facts := resolve.Host{
		App: "bench", Version: version.MustParse("1.0.0"), Runtimes: []string{manifest.RuntimeWasm},
		Points: []manifest.PointRef{{ID: "bench.plugstead.dev/echo", Major: 1}},
	}
	o := plugstead.Options{Dir: filepath.Join(work, "starts"), Registry: reg.URL, Cache: filepath.Join(work, "starts-cache")}
	var open, noop, start []time.Duration
	for i := range rounds + 1 {
		begin := time.Now()
		host, err := plugstead.OpenFor(ctx, []load.Driver{idle{}}, facts, o)
		if err != nil {
			return nil, err
		}
		if i == 0 { // install, and wait until the files are old enough to be trusted
			if err := host.Install(ctx, wishes...); err != nil {
				return nil, err
			}
			time.Sleep(2100 * time.Millisecond)
			if err := host.Start(ctx); err != nil {
				return nil, err
			}
			reg.Requests.Store(0)
		} else {
			g, err := host.Installed()
			if err != nil || len(g.Records) != installedPlugins {
				return nil, fmt.Errorf("%d plugins are installed, %w", len(g.Records), err)
			}
			open = append(open, time.Since(begin))
			begin = time.Now()
			p, err := host.Plan(ctx, plugstead.Change{Frozen: true})
			if err != nil || !p.Empty() {
				return nil, fmt.Errorf("something is to be done: %w", err)
			}
			noop = append(noop, time.Since(begin))
			begin = time.Now()
			if err := host.Start(ctx); err != nil {
				return nil, err
			}
			start = append(start, time.Since(begin))
		}
		if err := host.Close(); err != nil {
			return nil, err
		}
	}
	fmt.Printf("100 plugins: open p10 %v, nothing to do p10 %v, start p10 %v, %d requests\n\n", figures.P10(open), figures.P10(noop), figures.P10(start), reg.Requests.Load())
	return []figures.Target{
		{Name: "open-100-milliseconds", Value: figures.P10(open).Seconds() * 1e3, Bound: 10},
		{Name: "noop-100-milliseconds", Value: figures.P10(noop).Seconds() * 1e3, Bound: 10},
		{Name: "noop-100-requests", Value: float64(reg.Requests.Load()), Bound: 0},
	}, nil
}
