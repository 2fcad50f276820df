package durable

import (
	"io"
	"io/fs"
	"os"
	"sync/atomic"
)

// Kind is what a step does.
type Kind string

// The kinds of steps.
const (
	StepCreate  Kind = "create"  // a temporary file, Path
	StepWrite   Kind = "write"   // Data at the end of Path
	StepSync    Kind = "sync"    // the content of Path
	StepLink    Kind = "link"    // Path gets the name To, too
	StepRename  Kind = "rename"  // Path gets the name To instead
	StepRemove  Kind = "remove"  // Path, or everything below it
	StepMkdir   Kind = "mkdir"   // Path
	StepSyncDir Kind = "syncdir" // the entries of Path
)

// Step is one call of the system that changes what is on disk.
type Step struct {
	Kind     Kind
	Path, To string
	Data     []byte // valid during the call
}

var hook atomic.Pointer[func(Step) error]

// Hook calls f before every step, from the goroutine that does it, until restore is
// called. If f returns an error, that is the error of the step, which is not done. It is
// for tests that let a disk fail or a process end between any two steps.
func Hook(f func(Step) error) (restore func()) {
	hook.Store(&f)
	return func() { hook.Store(nil) }
}

func before(s Step) error {
	if f := hook.Load(); f != nil {
		return (*f)(s)
	}
	return nil
}

// writer is a file whose writes are steps.
type writer struct{ f *os.File }

func (w writer) Write(p []byte) (int, error) {
	if err := before(Step{Kind: StepWrite, Path: w.f.Name(), Data: p}); err != nil {
		return 0, err
	}
	return w.f.Write(p)
}

// Writer returns f as a writer whose writes are steps.
func Writer(f *os.File) io.Writer { return writer{f} }

// Sync makes the content of f durable.
func Sync(f *os.File) error {
	if err := before(Step{Kind: StepSync, Path: f.Name()}); err != nil {
		return err
	}
	return f.Sync()
}

// Remove removes a file or an empty folder. The removal is durable once the folder it
// was in is synced.
func Remove(path string) error {
	if err := before(Step{Kind: StepRemove, Path: path}); err != nil {
		return err
	}
	return os.Remove(path)
}

// RemoveAll removes path and everything below it. It is no error if nothing is there.
func RemoveAll(path string) error {
	if _, err := os.Lstat(path); err != nil {
		return os.RemoveAll(path)
	}
	if err := before(Step{Kind: StepRemove, Path: path}); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// Mkdir makes a folder of exactly that mode, whatever the umask. It is durable once the
// folder it is in is synced.
func Mkdir(path string, perm fs.FileMode) error {
	if err := before(Step{Kind: StepMkdir, Path: path}); err != nil {
		return err
	}
	if err := os.Mkdir(path, perm); err != nil {
		return err
	}
	return os.Chmod(path, perm)
}

func rename(from, to string) error {
	if err := before(Step{Kind: StepRename, Path: from, To: to}); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func link(from, to string) error {
	if err := before(Step{Kind: StepLink, Path: from, To: to}); err != nil {
		return err
	}
	return os.Link(from, to)
}
