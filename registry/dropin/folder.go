package dropin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

// Options are the optional properties of a [Folder].
type Options struct {
	// Now is the clock that entries are compared with. Default: time.Now.
	Now func() time.Time
	// Settle is how long an entry must not have changed before it counts. Default:
	// [DefaultSettle]; below 0: no time.
	Settle time.Duration
}

// Folder is a drop-in folder as a source of plugins. It follows what happens to the folder:
// what is younger than a second is taken from the last look. Plugin folders are packed when
// somebody asks for them, and payloads again when they are read, so nothing is kept on disk.
// Its methods allow concurrent calls, and there is nothing to close.
type Folder struct {
	path string
	o    Options

	mu      sync.Mutex
	entries []*entry
	looked  time.Time // zero: never
}

var (
	_ fetch.Source   = (*Folder)(nil)
	_ index.Searcher = (*Folder)(nil)
	_ index.Lister   = (*Folder)(nil)
)

// Open opens the folder dir, which may be empty. The error wraps [ErrFolder] if it is none,
// and fs.ErrNotExist if it is not there.
func Open(dir string, o Options) (*Folder, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(path)
	if err == nil && !st.IsDir() {
		err = errors.New("not a folder")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrFolder, err)
	}
	return folderAt(path, o), nil
}

// At is Open of a folder that need not be there: it has no plugins then.
func At(dir string, o Options) (*Folder, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	return folderAt(path, o), nil
}

func folderAt(path string, o Options) *Folder {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Settle == 0 {
		o.Settle = DefaultSettle
	}
	return &Folder{path: path, o: o}
}

// Is reports whether the folder dir has an entry that looks like a plugin folder or a
// bundle, of however bad content.
func Is(dir string) bool {
	names, err := list(dir)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(names, func(name string) bool {
		st, err := os.Lstat(filepath.Join(dir, name))
		return err == nil && kindOf(filepath.Join(dir, name), st) != ""
	})
}

// list returns the names of the entries that are not hidden, sorted.
func list(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(MaxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) { // which says that it is empty
		return nil, err
	}
	if len(names) > MaxEntries {
		return nil, fmt.Errorf("drop-in folder %s: %w: more than %d entries", dir, ErrTooLarge, MaxEntries)
	}
	names = slices.DeleteFunc(names, func(s string) bool { return strings.HasPrefix(s, ".") })
	slices.Sort(names)
	return names, nil
}

// Path returns the absolute path of the folder.
func (f *Folder) Path() string { return f.path }

// Identity implements fetch.Source.
func (f *Folder) Identity() string { return Prefix + filepath.ToSlash(f.path) }

// Scan looks at all entries now and packs what has changed, so that every entry that does
// not count says why. It returns the error of reading the folder, and the cause of the end
// of ctx.
func (f *Folder) Scan(ctx context.Context) (*Scan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.look(ctx); err != nil {
		return nil, err
	}
	s, h := new(Scan), sha256.New()
	for _, e := range f.entries {
		f.pack(ctx, e)
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
	}
	twice := f.findTwice()
	for _, e := range f.entries {
		x := e.Entry
		if err := twice[e.Name]; err != nil {
			x.Err = err
		}
		s.Entries = append(s.Entries, x)
		fmt.Fprintf(h, "%q %s %v\n", x.Name, e.stamp, x.Err)
	}
	s.State = hex.EncodeToString(h.Sum(nil))
	return s, nil
}

// current looks at the folder if the last look is too old. The mutex is held.
func (f *Folder) current(ctx context.Context) error {
	if age := f.o.Now().Sub(f.looked); !f.looked.IsZero() && age >= 0 && age < fresh {
		return nil
	}
	return f.look(ctx)
}

// look finds out what is in the folder. What is at rest and as it was is not read again.
func (f *Folder) look(ctx context.Context) error {
	names, err := list(f.path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			f.entries, f.looked = nil, time.Time{}
		}
		return fmt.Errorf("drop-in folder: %w", err)
	}
	now := f.o.Now()
	entries := make([]*entry, 0, len(names))
	for _, name := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var old *entry
		if i, ok := slices.BinarySearchFunc(f.entries, name, func(e *entry, s string) int { return strings.Compare(e.Name, s) }); ok {
			old = f.entries[i]
		}
		if e := f.read(name, old, now); e != nil {
			entries = append(entries, e)
		}
	}
	f.entries, f.looked = entries, now
	return nil
}

// fails says why an entry does not count.
func (f *Folder) fails(e *entry, err error) *entry {
	e.Err = &EntryError{f.path, e.Name, err}
	return e
}

// resting reports whether something that changed then is at rest now. What changed in the
// future was set, or the clock was: waiting for it would have no end.
func (f *Folder) resting(changed, now time.Time) bool {
	age := now.Sub(changed)
	return age >= f.o.Settle || age < -f.o.Settle
}

// with lists the entries that have a plugin, good or bad.
func (f *Folder) with(id manifest.ID) (out []*entry) {
	for _, e := range f.entries {
		if slices.Contains(e.IDs, id) {
			out = append(out, e)
		}
	}
	return out
}

// Has reports whether an entry is of a plugin, as of the last look.
func (f *Folder) Has(id manifest.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.with(id)) > 0
}
