package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/plugstead/plugstead/internal/bench/fixture"
)

// ours is our command-line program. There are two registries, so that the second version
// is new when it updates.
type ours struct {
	program    string
	old, next  *fixture.Registry
	names      []string
	front      *fixture.Counted
	useUpdated *switched
}

func newPlugstead(ctx context.Context, program, work string) (*ours, error) {
	o := &ours{program: program}
	var err error
	if o.old, err = fixture.OpenRegistry(); err != nil {
		return nil, err
	}
	if o.next, err = fixture.OpenRegistry(); err != nil {
		o.old.Close()
		return nil, err
	}
	for _, r := range []*fixture.Registry{o.old, o.next} {
		if o.names, err = r.Publish(ctx, work, plugins, payload, oldV); err != nil {
			o.Close()
			return nil, err
		}
	}
	if _, err = o.next.Publish(ctx, work, plugins, payload, nextV); err != nil {
		o.Close()
		return nil, err
	}
	o.useUpdated = &switched{before: o.old.Config.Handler, after: o.next.Config.Handler}
	o.front = fixture.Serve(o.useUpdated)
	return o, nil
}

func (o *ours) Close() {
	o.old.Close()
	o.next.Close()
	if o.front != nil {
		o.front.Close()
	}
}

func (o *ours) Name() string { return "plugstead" }

func (o *ours) Requests() int64 { return o.front.Requests.Load() }

func (o *ours) Installed(dir string) string { return filepath.Join(dir, "installed") }

func (o *ours) Cold(dir string) ([]command, error) {
	o.useUpdated.set(false)
	return o.run(dir, "install", o.names...), nil
}

func (o *ours) Update(dir string) ([]command, error) {
	o.useUpdated.set(true)
	return o.run(dir, "update"), nil
}

func (o *ours) Again(dir string) ([]command, error) { return o.run(dir, "install", o.names...), nil }

func (o *ours) run(dir, verb string, more ...string) []command {
	args := []string{o.program, verb, "--host", "bench@1.0.0", "--point", "bench.plugstead.dev/echo@1.0", "--dir", o.Installed(dir)}
	return []command{{
		args: append(args, more...),
		env:  []string{"HOME=" + dir, "PLUGSTEAD_REGISTRY=" + o.front.URL, fmt.Sprintf("PLUGSTEAD_CACHE=%s", filepath.Join(dir, "cache"))},
	}}
}
