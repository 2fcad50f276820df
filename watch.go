package plugstead

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/dropin"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

// Defaults of [FolderOptions].
const (
	DefaultEvery = 2 * time.Second
	DefaultRetry = time.Minute
)

// FolderOptions are the optional properties of [Host.WatchFolder].
type FolderOptions struct {
	Every time.Duration // from one look at the folder to the next; default [DefaultEvery]
	// Retry is when what failed is tried again although nothing has changed; default
	// [DefaultRetry].
	Retry time.Duration
	Scan  dropin.Options
}

// FolderEvent tells what a watch did, or what is wrong. What stays wrong is told once.
type FolderEvent struct {
	Dir        string        // absolute
	Generation int           // that was made; 0 with Err
	Changes    []update.Line // what was installed, updated and removed; none if only a wish is new
	// Err says what was not done: a *dropin.EntryError, a *dropin.TwiceError, a
	// [*DropError], or that the folder cannot be read. The watch goes on.
	Err error
}

// Reasons of a [DropError].
var (
	// ErrSameVersion says that what lies in the folder has the version that is installed
	// and other bytes.
	ErrSameVersion = errors.New("its bytes have changed and its version has not: raise the version, or use a development override")
	// ErrOlder says that only older versions than the installed one lie in the folder.
	ErrOlder = errors.New("it is older than what is installed: take it out of the folder, wait until it is uninstalled, and put it back")
	// ErrElsewhere says that the plugin was installed from another source.
	ErrElsewhere = errors.New("it was installed from elsewhere: uninstall it first")
)

// DropError says why a plugin in a watched folder is not taken, or one that is gone from it
// not removed. It wraps [ErrSameVersion], [ErrOlder], [ErrElsewhere], or the error of the
// change: a *resolve.Failure, a *update.NeededError or a *supervise.StartError for example.
type DropError struct {
	Dir     string
	ID      manifest.ID
	Version version.Version // in the folder; the zero value: it is gone
	Err     error
}

// Error names the folder and the plugin.
func (e *DropError) Error() string {
	if e.Version.IsZero() {
		return fmt.Sprintf("%s: %s is gone and stays installed: %v", e.Dir, e.ID, e.Err)
	}
	return fmt.Sprintf("%s: %s %s: %v", e.Dir, e.ID, e.Version, e.Err)
}

// Unwrap returns the cause.
func (e *DropError) Unwrap() error { return e.Err }

// WatchFolder keeps what is installed like what lies in a drop-in folder: at once, and
// whenever the folder changes, it installs what is new, moves what has a newer version, and
// uninstalls what came from there and is gone, in one change; if that is not possible, in
// one for each plugin. What they require may come from the folder or from the sources of
// the host. Plugins that were installed from elsewhere are left alone. If the host is
// started the plugins run. docs/reference/dropin.md says more.
//
// It blocks until ctx ends and returns its error; only a folder that is not there at the
// beginning is another error. Everything else is told through Events.Folder, and nothing
// ends the watch. Several folders may be watched at one time.
func (h *Host) WatchFolder(ctx context.Context, dir string, o FolderOptions) error {
	f, err := dropin.Open(dir, o.Scan)
	if err != nil {
		return err
	}
	if o.Every <= 0 {
		o.Every = DefaultEvery
	}
	if o.Retry <= 0 {
		o.Retry = DefaultRetry
	}
	h.mu.Lock()
	if h.dropins == nil {
		h.dropins = map[string]*dropin.Folder{}
	}
	h.dropins[f.Identity()] = f
	h.watched = append(h.watched, f)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.watched = slices.DeleteFunc(h.watched, func(x *dropin.Folder) bool { return x == f })
	}()
	w := &folderWatch{h: h, f: f, o: o, told: map[string]string{}}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		w.round(ctx)
		timer.Reset(o.Every)
	}
}

// local returns the watched folder in which a plugin lies.
func (h *Host) local(id manifest.ID) fetch.Source {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.watched {
		if f.Has(id) {
			return f
		}
	}
	return nil
}

// reopen returns the drop-in folder of an identity.
func (h *Host) reopen(identity string) fetch.Source {
	dir, ok := strings.CutPrefix(identity, dropin.Prefix)
	if !ok || !filepath.IsAbs(filepath.FromSlash(dir)) {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.dropins[identity]; f != nil {
		return f
	}
	f, err := dropin.At(filepath.FromSlash(dir), dropin.Options{})
	if err != nil {
		return nil
	}
	if h.dropins == nil {
		h.dropins = map[string]*dropin.Folder{}
	}
	h.dropins[identity] = f
	return f
}

// folderWatch is one watch of one folder.
type folderWatch struct {
	h *Host
	f *dropin.Folder
	o FolderOptions

	state  string    // of the folder when all was as it should be, or was tried
	number int       // of the generation then
	failed time.Time // when something could not be done; zero: nothing
	told   map[string]string
	wrong  map[string]bool // what is wrong in this round
}

// round looks once and does what is to be done.
func (w *folderWatch) round(ctx context.Context) {
	w.wrong = map[string]bool{}
	s, err := w.f.Scan(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		w.tell("", err) // it may be on a disk that is away: nothing is uninstalled
		w.forget()
		return
	}
	g, err := w.h.dir.Active()
	if err != nil {
		w.tell("", err)
		return
	}
	if s.State == w.state && g.Number == w.number && (w.failed.IsZero() || time.Since(w.failed) < w.o.Retry) {
		return
	}
	w.failed = time.Time{}
	for _, e := range s.Entries {
		if e.Err != nil && !errors.Is(e.Err, dropin.ErrSettling) {
			w.tell(e.Name, e.Err)
		}
	}
	again := w.carryOut(ctx, w.want(ctx, s, g))
	if ctx.Err() != nil {
		return
	}
	w.forget()
	w.state = s.State
	if again {
		w.state = ""
	}
	if g, err = w.h.dir.Active(); err == nil {
		w.number = g.Number
	}
}

// tell tells what is wrong with something, unless that was told.
func (w *folderWatch) tell(what string, err error) {
	w.wrong[what] = true
	if w.told[what] != err.Error() {
		w.told[what] = err.Error()
		w.event(FolderEvent{Err: err})
	}
}

// forget makes what is right again be told when it goes wrong anew.
func (w *folderWatch) forget() {
	for what := range w.told {
		if !w.wrong[what] {
			delete(w.told, what)
		}
	}
}

func (w *folderWatch) event(e FolderEvent) {
	e.Dir = w.f.Path()
	if e.Err != nil {
		w.h.o.Log.Warn("drop-in folder", "err", e.Err)
	}
	if tell := w.h.o.Events.Folder; tell != nil {
		tell(e)
	}
}

// drop is what is to be done with one plugin.
type drop struct {
	id      manifest.ID
	version version.Version // in the folder; zero: it is gone
	change  Change
}
