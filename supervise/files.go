package supervise

import (
	"context"
	"io/fs"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
)

var _ load.Files = (*Plugin)(nil)

// Files returns the files of a plugin of the runtime files, or of another that has some. Each
// Open goes to the version that runs then: after an update it finds the new files, and what
// was opened before can be read on. Errors are [fs.PathError]; they wrap
// contract.Unimplemented if the plugin has no files, and contract.Unavailable if it does not
// run. Who reads several files that belong together uses [Plugin.UseFiles].
func (p *Plugin) Files() fs.FS { return live{p} }

// UseFiles calls f with the files of one version, which is not stopped until f returns: an
// update waits for it as for a call. It returns the error of f, contract.Unimplemented if the
// plugin has no files, and contract.Unavailable if it does not run and none is to come.
// f keeps nothing of what it gets. The context is that of waiting for a restart.
func (p *Plugin) UseFiles(ctx context.Context, f func(fs.FS) error) error {
	r := p.acquire()
	for r == nil && p.returns() && p.next(ctx, nil) {
		r = p.acquire()
	}
	if r == nil {
		return late(ctx, p.unavailable())
	}
	defer r.leave()
	files, err := r.files()
	if err != nil {
		return err
	}
	return f(files)
}

// files returns the files of the instance.
func (r *running) files() (fs.FS, error) {
	if x, ok := r.in.(load.Files); ok {
		return x.Files(), nil
	}
	return nil, contract.Errorf(contract.Unimplemented, "plugin %s has no files: it runs as %s", r.image.Manifest.ID, r.image.Runtime)
}

// live is the files of whatever version runs.
type live struct{ p *Plugin }

// Open implements fs.FS.
func (l live) Open(name string) (fs.File, error) {
	r := l.p.acquire()
	if r == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: l.p.unavailable()}
	}
	defer r.leave()
	files, err := r.files()
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return files.Open(name)
}
