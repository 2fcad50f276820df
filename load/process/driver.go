package process

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/remote"
	"github.com/plugstead/plugstead/manifest"
)

// Driver is the runtime of plugins that are programs. The zero value is ready.
type Driver struct {
	StartTimeout time.Duration // from the start of the program until the plugin is open; default 30 s
	StopTimeout  time.Duration // of Stop, Health, Quiesce and Reconfigure with a context without deadline; default 10 s
	KillAfter    time.Duration // that Close waits for the program to end by itself; default 2 s

	Sandbox Sandbox // whether programs are confined
	Files   string  // absolute folder of the application: fs: grants name what is below; "": nothing
	Limits  Limits  // of each process

	// Attach names plugins that somebody has started, in a debugger for example, and the
	// Unix sockets where they listen: ID=/PATH, several with commas between; see sdk.Main.
	// They are not started, and nothing of them is checked. Their start may take as long as
	// it wants, and they are well as long as they are connected.
	Attach string
}

var _ load.Driver = Driver{}

// Runtime returns manifest.RuntimeProcess.
func (Driver) Runtime() string { return manifest.RuntimeProcess }

func (d Driver) withDefaults() Driver {
	if d.StartTimeout == 0 {
		d.StartTimeout = 30 * time.Second
	}
	if d.StopTimeout == 0 {
		d.StopTimeout = 10 * time.Second
	}
	if d.KillAfter == 0 {
		d.KillAfter = 2 * time.Second
	}
	return d
}

// Prepare checks that the image has a program for this platform. A missing one is a
// FailedPrecondition error.
func (d Driver) Prepare(_ context.Context, im load.Image) error {
	if socket, err := attachPath(d.Attach, im.Manifest.ID); err != nil || socket != "" {
		return err
	}
	_, err := program(im)
	return err
}

// program returns the path of the program.
func program(im load.Image) (string, error) {
	here := manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}
	entry, ok := im.Manifest.Runtimes.Entry(manifest.RuntimeProcess, here)
	if !ok {
		return "", contract.Errorf(contract.FailedPrecondition, "plugin %s has no program for %s", im.Manifest.ID, here)
	}
	return remote.Executable(im, entry)
}

// Start starts the program, checks what it says of itself and opens the plugin. When
// that fails the error holds what the program printed last.
func (d Driver) Start(ctx context.Context, im load.Image, s load.Spec) (load.Instance, error) {
	d = d.withDefaults()
	socket, err := attachPath(d.Attach, im.Manifest.ID)
	if err != nil {
		return nil, err
	}
	if socket != "" {
		return d.attach(ctx, socket, im, s)
	}
	path, err := program(im)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, contract.AsError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, d.StartTimeout)
	defer cancel()
	box, err := d.sandbox(im, s)
	if err != nil {
		return nil, err
	}
	p, err := launch(ctx, path, im, s, box)
	if err != nil {
		return nil, contract.Errorf(contract.FailedPrecondition, "start %s: %w", im.Manifest.ID, err)
	}
	i := newInstance(d, p, im, s)
	if err := i.handshake(ctx, s); err != nil {
		i.asked.Store(true)
		if ctx.Err() != nil {
			p.kill()
		}
		i.end(d.KillAfter)
		<-i.done
		e := contract.AsError(fmt.Errorf("start %s: %w", im.Manifest.ID, err))
		if e.Code != contract.Unknown {
			return nil, e
		}
		return nil, contract.Errorf(contract.FailedPrecondition, "%w (the program %s)", e, p.ending())
	}
	return i, nil
}
