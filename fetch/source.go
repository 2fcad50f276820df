// Package fetch is step 5 of 10: it brings chosen artifacts from their sources
// into the local store. It judges nothing but digests: whether an artifact may be
// installed is for verify.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/store/disk"
)

// Errors of sources. They come wrapped with the object they are about.
var (
	// ErrNoSource says that no source is configured for a namespace.
	ErrNoSource = errors.New("no source configured")
	// ErrNoSearch says that a source cannot be searched.
	ErrNoSearch = errors.New("it cannot be searched")
)

// Source is one place plugins come from. index.Searcher is found by type
// assertion. Implementations allow concurrent calls.
type Source interface {
	// Identity names the source in a lock.
	Identity() string
	index.Index
	// Blobs gives access to the bytes of one plugin.
	Blobs(id manifest.ID) artifact.Blobs
}

// Sources sends each namespace to exactly one source. There is no fall-through: a
// plugin that its source does not know is unknown, whatever other sources have.
// Sources is an index.Index and an index.Searcher.
type Sources struct {
	Default    Source            // for namespaces that are not in Namespaces; may be nil
	Namespaces map[string]Source // may be nil
	// One returns the source of a single plugin that comes from elsewhere than its
	// namespace, or nil for others; it is asked first. Nil: there is none like that. It
	// allows concurrent calls.
	One func(manifest.ID) Source
}

var (
	_ index.Index    = Sources{}
	_ index.Searcher = Sources{}
)

// For returns the source of a plugin, or [ErrNoSource].
func (s Sources) For(id manifest.ID) (Source, error) {
	if s.One != nil {
		if src := s.One(id); src != nil {
			return src, nil
		}
	}
	src := s.Namespaces[id.Namespace()]
	if src == nil {
		src = s.Default
	}
	if src == nil {
		return nil, fmt.Errorf("%s: %w", id, ErrNoSource)
	}
	return src, nil
}

// Plugin implements index.Index. Providers that no source is for are left out.
func (s Sources) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	src, err := s.For(id)
	if err != nil {
		return nil, err
	}
	p, err := src.Plugin(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.narrow(p), nil
}

// narrow returns p without the providers that no source is for.
func (s Sources) narrow(p *index.Plugin) *index.Plugin {
	foreign := func(id manifest.ID) bool {
		return s.Default == nil && s.Namespaces[id.Namespace()] == nil && (s.One == nil || s.One(id) == nil)
	}
	if slices.ContainsFunc(p.Providers, foreign) {
		p = new(*p)
		p.Providers = slices.DeleteFunc(slices.Clone(p.Providers), foreign)
	}
	return p
}

// Search implements index.Searcher: it asks the default source, which fails with
// [ErrNoSource] if there is none, and with [ErrNoSearch] if it is no index.Searcher.
func (s Sources) Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	if sr, ok := s.Default.(index.Searcher); ok {
		return sr.Search(ctx, q)
	}
	return func(yield func(index.Hit, error) bool) {
		if s.Default == nil {
			yield(index.Hit{}, fmt.Errorf("search: %w", ErrNoSource))
			return
		}
		yield(index.Hit{}, fmt.Errorf("search %s: %w", s.Default.Identity(), ErrNoSearch))
	}
}

// Folder is a source of packed plugins in a folder: an OCI image layout whose tags
// are namespace/name:version, as publishing to a folder makes it.
type Folder struct {
	index.OfStore
	path string
}

var _ Source = (*Folder)(nil)

// OpenFolder opens the folder dir, which must hold a store.
func OpenFolder(dir string) (*Folder, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s, err := disk.OpenExisting(path)
	if err != nil {
		return nil, err
	}
	return &Folder{index.NewOfStore(s), path}, nil
}

// Identity implements Source.
func (f *Folder) Identity() string { return "folder:" + filepath.ToSlash(f.path) }

// Blobs implements Source.
func (f *Folder) Blobs(manifest.ID) artifact.Blobs { return f.Store }
