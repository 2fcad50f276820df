// Package memory is a registry.Backend in memory, for tests and trials.
package memory

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// Registry keeps everything in memory. Make it with [New].
type Registry struct {
	mu         sync.RWMutex
	namespaces map[string]registry.Namespace
	repos      map[string]*repo
	plugins    map[manifest.ID]*index.Plugin
	docs       map[manifest.ID][]byte
	n          int64
	rev        string // of the index
}

type repo struct {
	blobs     map[artifact.Digest][]byte
	manifests map[artifact.Digest]registry.Manifest
	tags      map[string]artifact.Digest
	uploads   map[string]*upload
}

var _ registry.Backend = (*Registry)(nil)

// New returns an empty registry.
func New() *Registry {
	return &Registry{
		namespaces: map[string]registry.Namespace{}, repos: map[string]*repo{},
		plugins: map[manifest.ID]*index.Plugin{}, docs: map[manifest.ID][]byte{}, rev: rand.Text(),
	}
}

// repo returns a repository, which is made if it is missing. The lock is held.
func (r *Registry) repo(name string) *repo {
	x := r.repos[name]
	if x == nil {
		x = &repo{map[artifact.Digest][]byte{}, map[artifact.Digest]registry.Manifest{}, map[string]artifact.Digest{}, map[string]*upload{}}
		r.repos[name] = x
	}
	return x
}

func missing(what string, x any) error { return fmt.Errorf("%s %v: %w", what, x, registry.ErrNotFound) }

// Namespace implements registry.Namespaces.
func (r *Registry) Namespace(_ context.Context, name string) (registry.Namespace, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	ns, ok := r.namespaces[name]
	if !ok {
		return ns, missing("namespace", name)
	}
	return ns, nil
}

// Document implements registry.Documents.
func (r *Registry) Document(_ context.Context, id manifest.ID) ([]byte, artifact.Digest, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p := r.plugins[id]
	if p == nil {
		return nil, "", fmt.Errorf("%s: %w", id, index.ErrNotFound)
	}
	return r.docs[id], p.Document, nil
}

// DocumentAt implements registry.Documents.
func (r *Registry) DocumentAt(_ context.Context, d artifact.Digest) ([]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for id, p := range r.plugins {
		if p.Document == d {
			return r.docs[id], nil
		}
	}
	return nil, missing("document", d)
}

// Revision implements registry.Documents.
func (r *Registry) Revision(context.Context) (string, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.rev, nil
}

// Position implements registry.Documents.
func (r *Registry) Position(context.Context) (int64, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.n, nil
}

// Names implements registry.Documents.
func (r *Registry) Names(_ context.Context, after manifest.ID, limit int) ([]manifest.ID, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []manifest.ID
	for id, p := range r.plugins {
		if id > after && len(p.Releases) > 0 {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out[:min(len(out), limit)], nil
}

// Search implements registry.Documents by looking at every plugin. An exact id
// comes first, then names by alphabet.
func (r *Registry) Search(_ context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	return func(yield func(index.Hit, error) bool) {
		r.mu.RLock()
		var hits []index.Hit
		for _, p := range r.plugins {
			if h, ok := p.Match(q); ok {
				hits = append(hits, h)
			}
		}
		r.mu.RUnlock()
		exact := manifest.ID(strings.ToLower(strings.TrimSpace(q.Text)))
		slices.SortFunc(hits, func(a, b index.Hit) int {
			return cmp.Or(order(a.ID != exact, b.ID != exact), cmp.Compare(a.ID, b.ID))
		})
		for i, h := range hits {
			if i == q.EffectiveLimit() || !yield(h, nil) {
				return
			}
		}
	}
}

// order puts false before true.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
