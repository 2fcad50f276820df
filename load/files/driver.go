package files

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/remote"
	"github.com/plugstead/plugstead/manifest"
)

// Driver is the runtime of plugins that are files. The zero value is ready.
type Driver struct{}

var _ load.Driver = Driver{}

// Runtime returns manifest.RuntimeFiles.
func (Driver) Runtime() string { return manifest.RuntimeFiles }

// Prepare checks that the folder is there. A missing one is a FailedPrecondition error.
func (Driver) Prepare(_ context.Context, im load.Image) error {
	root, err := open(im)
	if err != nil {
		return err
	}
	return root.Close()
}

// Start opens the folder. A configuration is not looked at: it is for the application.
func (Driver) Start(ctx context.Context, im load.Image, _ load.Spec) (load.Instance, error) {
	if err := ctx.Err(); err != nil {
		return nil, contract.AsError(err)
	}
	root, err := open(im)
	if err != nil {
		return nil, err
	}
	return &instance{id: im.Manifest.ID, tree: tree{root}, done: make(chan struct{})}, nil
}

// open opens the folder that the manifest names, which no link leads out of that of the
// package.
func open(im load.Image) (*os.Root, error) {
	entry, ok := im.Manifest.Runtimes.Entry(manifest.RuntimeFiles, manifest.AnyPlatform)
	if !ok {
		return nil, contract.Errorf(contract.FailedPrecondition, "plugin %s has no files", im.Manifest.ID)
	}
	if _, err := remote.Inside(im, entry); err != nil {
		return nil, err
	}
	whole, err := os.OpenRoot(im.Tree)
	if err == nil {
		defer whole.Close()
		var root *os.Root
		if root, err = whole.OpenRoot(filepath.FromSlash(entry)); err == nil {
			return root, nil
		}
	}
	return nil, contract.Errorf(contract.FailedPrecondition, "plugin %s: files: %w", im.Manifest.ID, err)
}

// Of returns the files of what implements an extension point: an instance of this runtime, or
// a supervise.Plugin, whose files are those of the version that runs at the time. Anything
// else is an Unimplemented error.
func Of(c contract.Caller) (fs.FS, error) {
	if f, ok := c.(load.Files); ok {
		return f.Files(), nil
	}
	return nil, contract.Errorf(contract.Unimplemented, "%T has no files", c)
}

// instance implements load.Instance. It owns an open folder.
type instance struct {
	id    manifest.ID
	tree  tree
	done  chan struct{}
	ended sync.Once
}

var (
	_ load.Instance = (*instance)(nil)
	_ load.Files    = (*instance)(nil)
)

// Files implements load.Files.
func (i *instance) Files() fs.FS { return i.tree }

// Invoke implements contract.Caller: there is nothing to call.
func (i *instance) Invoke(_ context.Context, m *contract.Method, _, _ any) error { return i.none(m) }

// Stream implements contract.Caller: there are none.
func (i *instance) Stream(_ context.Context, m *contract.Method) (contract.Stream, error) {
	return nil, i.none(m)
}

// Offers implements contract.Caller.
func (i *instance) Offers(*contract.Method) bool { return false }

func (i *instance) none(m *contract.Method) error {
	if err := i.running(); err != nil {
		return err
	}
	return contract.Errorf(contract.Unimplemented, "plugin %s does not implement %s: it has files and runs nothing", i.id, m.Path())
}

// running returns an Unavailable error once the plugin is stopped.
func (i *instance) running() error {
	select {
	case <-i.done:
		return contract.Errorf(contract.Unavailable, "plugin %s is not running", i.id).Because(contract.ReasonStopped).NotDelivered()
	default:
		return nil
	}
}

// Health implements load.Instance: the folder can be read.
func (i *instance) Health(ctx context.Context) error {
	if err := i.running(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return contract.AsError(err)
	}
	if _, err := i.tree.root.Stat("."); err != nil {
		return contract.Errorf(contract.Unavailable, "plugin %s: files: %w", i.id, err)
	}
	return nil
}

// Quiesce implements load.Instance: nothing is held that only one instance can hold.
func (i *instance) Quiesce(context.Context) error { return i.running() }

// Stop implements load.Instance.
func (i *instance) Stop(context.Context) error { return i.Close() }

// Close implements contract.Conn.
func (i *instance) Close() (err error) {
	i.ended.Do(func() {
		err = i.tree.root.Close()
		close(i.done)
	})
	return err
}

// Done implements load.Instance.
func (i *instance) Done() <-chan struct{} { return i.done }

// Err implements load.Instance: only Stop and Close end a plugin that is files.
func (i *instance) Err() error { return nil }
