package command

import (
	"context"
	"runtime"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/remote"
	"github.com/plugstead/plugstead/manifest"
)

// Driver is the runtime of plugins that run once for each call. The zero value is ready.
type Driver struct {
	Concurrency int           // runs of one instance at the same time, further calls wait; default 8
	StopTimeout time.Duration // of Stop with a context without deadline; default 10 s
}

var _ load.Driver = Driver{}

// Runtime returns manifest.RuntimeCommand.
func (Driver) Runtime() string { return manifest.RuntimeCommand }

func (d Driver) withDefaults() Driver {
	if d.Concurrency <= 0 {
		d.Concurrency = 8
	}
	if d.StopTimeout == 0 {
		d.StopTimeout = 10 * time.Second
	}
	return d
}

// Prepare checks that the image has a program or a script for this platform. A missing one
// is a FailedPrecondition error.
func (Driver) Prepare(_ context.Context, im load.Image) error {
	_, err := program(im)
	return err
}

// program returns the path of what is run.
func program(im load.Image) (string, error) {
	here := manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}
	if entry, ok := im.Manifest.Runtimes.Entry(manifest.RuntimeCommand, here); ok {
		return remote.Executable(im, entry)
	}
	entry, ok := im.Manifest.Runtimes.Entry(manifest.RuntimeCommand, manifest.AnyPlatform)
	switch {
	case !ok:
		return "", contract.Errorf(contract.FailedPrecondition, "plugin %s has no command for %s", im.Manifest.ID, here)
	case runtime.GOOS == "windows":
		return "", contract.Errorf(contract.FailedPrecondition, "plugin %s: %s is a script, and Windows starts programs only", im.Manifest.ID, entry)
	}
	return remote.Executable(im, entry)
}

// Start checks the program and the configuration. It runs nothing: only calls do.
func (d Driver) Start(ctx context.Context, im load.Image, s load.Spec) (load.Instance, error) {
	path, err := program(im)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, contract.AsError(err)
	}
	config, err := configOf(s.Config)
	if err != nil {
		return nil, err
	}
	return newInstance(d.withDefaults(), path, config, im, s), nil
}
