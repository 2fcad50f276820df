// Package disk is a store.Store in a folder that is an OCI image layout, so that
// other OCI tools read it too.
//
// Blobs are written once and synced before they get their name; index.json, which
// holds the tags, is replaced whole under a lock file. A kill at any instant
// leaves the old or the new state and temporary files that the next writer removes.
package disk

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/store"
)

const (
	layoutFile    = "oci-layout"
	layoutContent = `{"imageLayoutVersion":"1.0.0"}`
	indexFile     = "index.json"
	lockFile      = ".lock"
	refName       = "org.opencontainers.image.ref.name"
	maxIndex      = 64 << 20
)

// Store is an OCI image layout. Its methods allow concurrent calls and concurrent
// processes.
type Store struct {
	dir   string
	cache bool // blobs can be had again
}

var _ store.Store = (*Store)(nil)

// ErrNotLayout says that a folder holds something else than a store.
var ErrNotLayout = errors.New("not an OCI image layout")

// Open opens the store in dir and makes it if the folder is missing or empty. A
// folder with other content is refused with [ErrNotLayout].
func Open(dir string) (*Store, error) {
	s, err := OpenExisting(dir)
	if !errors.Is(err, ErrNotLayout) && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if entries, err := os.ReadDir(dir); err == nil && slices.ContainsFunc(entries, foreign) {
		if s, err := OpenExisting(dir); err == nil {
			return s, nil // somebody made it meanwhile
		}
		return nil, fmt.Errorf("store %s: %w", dir, ErrNotLayout)
	}
	if err := durable.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	err = durable.Create(filepath.Join(dir, layoutFile), []byte(layoutContent), 0o644)
	if err != nil && !errors.Is(err, durable.ErrExist) {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &Store{dir: dir}, nil
}

// OpenCache is Open for a store whose bytes can be had again: a Put is not synced, and
// after a power cut its bytes may be missing or wrong, as artifact.Verify finds out.
func OpenCache(dir string) (*Store, error) {
	s, err := Open(dir)
	if err == nil {
		s.cache = true
	}
	return s, err
}

// foreign reports an entry that is not left over from making a store.
func foreign(e fs.DirEntry) bool {
	return e.Name() != "blobs" && e.Name() != lockFile && !strings.HasPrefix(e.Name(), durable.TempPrefix)
}

// OpenExisting opens the store in dir and writes nothing.
func OpenExisting(dir string) (*Store, error) {
	b, err := os.ReadFile(filepath.Join(dir, layoutFile))
	if err != nil {
		if st, serr := os.Stat(dir); serr == nil && st.IsDir() && errors.Is(err, fs.ErrNotExist) {
			err = ErrNotLayout
		} else if errors.Is(serr, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", ErrNotLayout, fs.ErrNotExist)
		}
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	var x struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(b, &x); err != nil || x.Version != "1.0.0" {
		return nil, fmt.Errorf("store %s: %w: layout version %q", dir, ErrNotLayout, x.Version)
	}
	return &Store{dir: dir}, nil
}

// Dir returns the folder of the store.
func (s *Store) Dir() string { return s.dir }

func (s *Store) path(d artifact.Digest) string {
	return filepath.Join(s.dir, "blobs", "sha256", d.Hex())
}

// Open implements store.Store.
func (s *Store) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(s.path(d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w", d.Digest.Short(), store.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Has reports whether the bytes of d are there, whole.
func (s *Store) Has(d artifact.Descriptor) bool {
	st, err := os.Stat(s.path(d.Digest))
	return d.Check() == nil && err == nil && st.Size() == d.Size
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, d artifact.Descriptor, r io.Reader) error {
	if err := d.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil || s.Has(d) {
		return err
	}
	if err := durable.MkdirAll(filepath.Dir(s.path(d.Digest)), 0o755); err != nil {
		return fmt.Errorf("put %s: %w", d.Digest.Short(), err)
	}
	write := durable.CreateFrom
	if s.cache {
		write = durable.WriteCacheFrom
	} else if _, err := os.Lstat(s.path(d.Digest)); err == nil {
		write = durable.WriteFrom // it has another size: damaged since it was put
	}
	err := write(s.path(d.Digest), 0o644, func(w io.Writer) error {
		_, err := io.Copy(w, artifact.Verify(r, d))
		return err
	})
	if err != nil && !(errors.Is(err, durable.ErrExist) && s.Has(d)) { // another put was faster
		return fmt.Errorf("put %s: %w", d.Digest.Short(), err)
	}
	return nil
}

// Remove deletes the bytes of d. Removing what is not there is no error. The
// caller makes sure that nobody needs them.
func (s *Store) Remove(d artifact.Descriptor) error {
	if err := d.Check(); err != nil {
		return err
	}
	if err := durable.Remove(s.path(d.Digest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sweep removes temporary files that killed writers left. The caller makes sure
// that nobody is writing.
func (s *Store) Sweep() error {
	return errors.Join(durable.Sweep(s.dir), durable.Sweep(filepath.Join(s.dir, "blobs", "sha256")))
}

type layoutIndex struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Manifests     []entry           `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// entry is a descriptor with its bytes: what other tools wrote is kept as it is.
type entry struct {
	artifact.Descriptor
	raw json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *entry) UnmarshalJSON(b []byte) error {
	e.raw = bytes.Clone(b)
	return strictjson.Unmarshal(b, &e.Descriptor, strictjson.Limits{Size: maxIndex, Depth: 16, AllowUnknown: true})
}

// MarshalJSON implements json.Marshaler.
func (e entry) MarshalJSON() ([]byte, error) { return e.raw, nil }

func (s *Store) readIndex() (layoutIndex, error) {
	x := layoutIndex{SchemaVersion: 2, MediaType: artifact.MediaIndex, Manifests: []entry{}}
	b, err := os.ReadFile(filepath.Join(s.dir, indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return x, err
	}
	if err := strictjson.Unmarshal(b, &x, strictjson.Limits{Size: maxIndex, Depth: 16, AllowUnknown: true}); err != nil {
		return x, fmt.Errorf("store %s: %s: %w", s.dir, indexFile, err)
	}
	return x, nil
}

// Tag implements store.Store.
func (s *Store) Tag(ctx context.Context, name, tag string, d artifact.Descriptor) error {
	if !s.Has(d) {
		return fmt.Errorf("tag %s:%s: blob %s: %w", name, tag, d.Digest.Short(), store.ErrNotFound)
	}
	lock, err := filelock.Exclusive(ctx, filepath.Join(s.dir, lockFile))
	if err != nil {
		return err
	}
	defer lock.Unlock()
	x, err := s.readIndex()
	if err != nil {
		return err
	}
	ref := name + ":" + tag
	for _, m := range x.Manifests {
		if m.Annotations[refName] != ref {
			continue
		}
		if m.Digest != d.Digest {
			return fmt.Errorf("tag %s: %w: %s", ref, store.ErrBound, m.Digest.Short())
		}
		return nil
	}
	d.Annotations = map[string]string{refName: ref}
	raw, err := json.Marshal(d)
	if err != nil {
		return err
	}
	x.Manifests = append(x.Manifests, entry{d, raw})
	slices.SortStableFunc(x.Manifests, func(a, b entry) int {
		return cmp.Compare(a.Annotations[refName], b.Annotations[refName])
	})
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(s.dir, indexFile), b, 0o644)
}

// Resolve implements store.Store.
func (s *Store) Resolve(ctx context.Context, name, tag string) (artifact.Descriptor, error) {
	for t, err := range s.Tags(ctx) {
		if err != nil {
			return artifact.Descriptor{}, err
		}
		if t.Name == name && t.Tag == tag {
			return t.Descriptor, nil
		}
	}
	return artifact.Descriptor{}, fmt.Errorf("tag %s:%s: %w", name, tag, store.ErrNotFound)
}

// Tags implements store.Store. Entries of other tools without a name are skipped.
func (s *Store) Tags(ctx context.Context) iter.Seq2[store.Tagged, error] {
	return func(yield func(store.Tagged, error) bool) {
		x, err := s.readIndex()
		if err != nil {
			yield(store.Tagged{}, err)
			return
		}
		var out []store.Tagged
		for _, m := range x.Manifests {
			ref := m.Annotations[refName]
			i := strings.LastIndexByte(ref, ':') // a name may begin with HOST:PORT
			if i < 0 {
				continue
			}
			m.Annotations = nil
			out = append(out, store.Tagged{Name: ref[:i], Tag: ref[i+1:], Descriptor: m.Descriptor})
		}
		slices.SortFunc(out, func(a, b store.Tagged) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Tag, b.Tag))
		})
		for _, t := range out {
			if !yield(t, ctx.Err()) {
				return
			}
		}
	}
}
