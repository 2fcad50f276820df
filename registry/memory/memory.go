// Package memory is a registry.Backend in memory, for tests and trials.
package memory

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
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
	mu      sync.RWMutex
	repos   map[string]*repo
	plugins map[manifest.ID]*index.Plugin
	docs    map[manifest.ID][]byte
	n       int64
	rev     string // of the index
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
	return &Registry{repos: map[string]*repo{}, plugins: map[manifest.ID]*index.Plugin{}, docs: map[manifest.ID][]byte{}, rev: rand.Text()}
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

// OpenBlob implements registry.Blobs.
func (r *Registry) OpenBlob(_ context.Context, name string, d artifact.Digest) (io.ReadSeekCloser, int64, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if x := r.repos[name]; x != nil {
		if b, ok := x.blobs[d]; ok {
			return registry.BytesBlob(b), int64(len(b)), nil
		}
	}
	return nil, 0, missing("blob", d)
}

// MountBlob implements registry.Blobs.
func (r *Registry) MountBlob(_ context.Context, name, from string, d artifact.Digest) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.repos[from]; x != nil {
		if b, ok := x.blobs[d]; ok {
			r.repo(name).blobs[d] = b
			return nil
		}
	}
	return missing("blob", d)
}

// NewUpload implements registry.Blobs.
func (r *Registry) NewUpload(_ context.Context, name string) (string, error) {
	u := &upload{r: r, repo: name, name: rand.Text()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.repo(name).uploads[u.name] = u
	return u.name, nil
}

// Upload implements registry.Blobs.
func (r *Registry) Upload(_ context.Context, repo, name string) (registry.Upload, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if x := r.repos[repo]; x != nil {
		if u := x.uploads[name]; u != nil {
			return u, nil
		}
	}
	return nil, missing("upload", name)
}

type upload struct {
	r          *Registry
	repo, name string
	mu         sync.Mutex
	b          []byte
}

func (u *upload) Size() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return int64(len(u.b))
}

func (u *upload) Append(src io.Reader) error {
	b, err := io.ReadAll(src)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.b = append(u.b, b...)
	return err
}

func (u *upload) Commit(_ context.Context, d artifact.Digest) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.r.mu.Lock()
	defer u.r.mu.Unlock()
	delete(u.r.repo(u.repo).uploads, u.name)
	if artifact.DigestOf(u.b) != d {
		return fmt.Errorf("upload: %w", artifact.ErrDigest)
	}
	u.r.repo(u.repo).blobs[d] = u.b
	return nil
}

func (u *upload) Cancel() error {
	u.r.mu.Lock()
	defer u.r.mu.Unlock()
	delete(u.r.repo(u.repo).uploads, u.name)
	return nil
}

func (u *upload) Close() error { return nil }

// Manifest implements registry.Manifests.
func (r *Registry) Manifest(_ context.Context, name, ref string) (artifact.Descriptor, []byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if x := r.repos[name]; x != nil {
		d := artifact.Digest(ref)
		if tagged, ok := x.tags[ref]; ok {
			d = tagged
		}
		if m, ok := x.manifests[d]; ok {
			return m.Descriptor, m.Raw, nil
		}
	}
	return artifact.Descriptor{}, nil, missing("manifest", ref)
}

// Tags implements registry.Manifests.
func (r *Registry) Tags(_ context.Context, name string) ([]string, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	x := r.repos[name]
	if x == nil || len(x.blobs)+len(x.manifests) == 0 { // an upload makes no repository
		return nil, missing("repository", name)
	}
	out := []string{}
	for t := range x.tags {
		out = append(out, t)
	}
	slices.Sort(out)
	return out, nil
}

// Referrers implements registry.Manifests.
func (r *Registry) Referrers(_ context.Context, name string, d artifact.Digest) ([]artifact.Descriptor, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := []artifact.Descriptor{}
	if x := r.repos[name]; x != nil {
		for _, m := range x.manifests {
			if m.Subject == d {
				out = append(out, m.Descriptor)
			}
		}
	}
	slices.SortFunc(out, func(a, b artifact.Descriptor) int { return cmp.Compare(a.Digest, b.Digest) })
	return out, nil
}

// Commit implements registry.Committer.
func (r *Registry) Commit(_ context.Context, c registry.Commit) (registry.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	receipt := registry.Receipt{Position: r.n}
	changed, docs, err := r.check(c)
	if err != nil {
		return receipt, err
	}
	receipt.Existed = !changed
	if c.DryRun || !changed {
		return receipt, nil
	}
	if c.Manifest != nil {
		x := r.repo(c.Repo)
		m := *c.Manifest
		m.Raw = bytes.Clone(m.Raw)
		x.manifests[m.Digest] = m
		if c.Tag != "" {
			x.tags[c.Tag] = m.Digest
		}
	}
	r.replace(docs)
	r.n++
	receipt.Position = r.n
	return receipt, nil
}

// replace puts documents in the place of old ones.
func (r *Registry) replace(docs []document) {
	if len(docs) == 0 {
		return
	}
	changed := map[manifest.ID]artifact.Digest{}
	for _, d := range docs {
		if d.raw == nil {
			delete(r.plugins, d.id)
			delete(r.docs, d.id)
			changed[d.id] = ""
			continue
		}
		r.plugins[d.id], r.docs[d.id] = d.p, d.raw
		changed[d.id] = d.p.Document
	}
	r.rev = registry.NextRevision(r.rev, changed)
}

// document is what takes the place of another one; without bytes there is none any more.
type document struct {
	id  manifest.ID
	p   *index.Plugin
	raw []byte
}

// check finds out whether c changes anything, and the new documents if there are some.
func (r *Registry) check(c registry.Commit) (changed bool, docs []document, err error) {
	if c.Manifest != nil {
		x := r.repos[c.Repo]
		if x == nil {
			x = &repo{}
		}
		_, have := x.manifests[c.Manifest.Digest]
		bound, tagged := x.tags[c.Tag]
		switch {
		case c.Tag != "" && tagged && bound != c.Manifest.Digest:
			return false, nil, fmt.Errorf("tag %s:%s: %w", c.Repo, c.Tag, registry.ErrBound)
		case c.Tag != "" && tagged:
			return false, nil, nil
		}
		changed = !have || c.Tag != ""
	}
	if c.Release != nil {
		p, err := registry.Publish(r.plugins[c.Release.ID], c.Release)
		if err != nil {
			return false, nil, err
		}
		return r.encode(p)
	}
	if c.Yank == nil {
		return changed, nil, nil
	}
	old := r.plugins[c.Yank.ID]
	if old == nil {
		return false, nil, missing("release", c.Yank.ID)
	}
	p := *old
	p.Releases = slices.Clone(old.Releases)
	if changed, err = registry.SetYank(&p, c.Yank); err != nil || !changed {
		return false, nil, err
	}
	return r.encode(&p)
}

// encode makes the document of p, and those of the names that it begins or ceases to
// offer.
func (r *Registry) encode(p *index.Plugin) (bool, []document, error) {
	raw, err := p.Bytes()
	if err != nil {
		return false, nil, fmt.Errorf("%w: %w", registry.ErrInvalid, err)
	}
	p.Document = artifact.DigestOf(raw)
	docs := []document{{p.ID, p, raw}}
	for _, name := range registry.ChangedOffers(r.plugins[p.ID], p) {
		d, err := r.offered(name, p)
		if err != nil {
			return false, nil, fmt.Errorf("%w: %w", registry.ErrInvalid, err)
		}
		docs = append(docs, d)
	}
	return true, docs, nil
}

// offered makes the document of a name with its providers, as they are once p has taken
// the place of its old document.
func (r *Registry) offered(name manifest.ID, p *index.Plugin) (document, error) {
	var providers []manifest.ID
	for id, x := range r.plugins {
		if id != p.ID && slices.Contains(x.Offered(), name) {
			providers = append(providers, id)
		}
	}
	if slices.Contains(p.Offered(), name) {
		providers = append(providers, p.ID)
	}
	raw, err := index.WithProviders(name, r.docs[name], index.ProvidersOf(name, providers))
	if err != nil || raw == nil {
		return document{id: name}, err
	}
	now, err := index.Parse(name, raw)
	return document{name, now, raw}, err
}
