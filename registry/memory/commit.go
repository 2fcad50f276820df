package memory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

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
	if c.Namespace != nil {
		r.namespaces[c.Namespace.Name] = *c.Namespace
	}
	if c.Manifest != nil {
		r.keep(c)
	}
	if c.Delete != nil {
		r.delete(c.Repo, c.Delete)
	}
	if x, ok := c.Edit.(*registry.Removal); ok {
		r.forget(x)
	}
	r.replace(docs)
	r.n++
	receipt.Position = r.n
	return receipt, nil
}

// keep stores the manifest of c with its tags.
func (r *Registry) keep(c registry.Commit) {
	x := r.repo(c.Repo)
	m := *c.Manifest
	m.Raw = bytes.Clone(m.Raw)
	x.manifests[m.Digest] = m
	for _, t := range c.Tags {
		x.tags[t] = m.Digest
	}
}

func (r *Registry) delete(repo string, d *registry.Delete) {
	x := r.repos[repo]
	delete(x.tags, d.Tag)
	delete(x.blobs, d.Blob)
	delete(x.manifests, d.Manifest)
	maps.DeleteFunc(x.tags, func(_ string, of artifact.Digest) bool { return of == d.Manifest })
}

// forget removes the manifest of a release. The tag stays, so that it is never free again.
func (r *Registry) forget(x *registry.Removal) {
	if repo, p := r.repos[string(x.ID)], r.plugins[x.ID]; repo != nil {
		if old, ok := p.Find(x.Version); ok {
			delete(repo.manifests, old.Digest)
		}
	}
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
	if ns := c.Namespace; ns != nil {
		old, have := r.namespaces[ns.Name]
		if have && old.Kind != ns.Kind {
			return false, nil, fmt.Errorf("namespace %s is of kind %s: %w", ns.Name, old.Kind, registry.ErrBound)
		}
		changed = !have
	}
	if c.Manifest != nil {
		fresh, bound, err := r.checkManifest(c)
		if err == nil && bound && c.Release != nil {
			err = registry.Republish(r.plugins[c.Release.ID], c.Release)
		}
		if err != nil || bound {
			return changed, nil, err
		}
		changed = changed || fresh
	}
	if c.Release != nil {
		p, err := registry.Publish(r.plugins[c.Release.ID], c.Release)
		if err != nil {
			return false, nil, err
		}
		return r.encode(p)
	}
	if c.Delete != nil {
		return true, nil, r.checkDelete(c.Repo, c.Delete)
	}
	if c.Edit != nil {
		return r.checkEdit(c.Edit)
	}
	return changed, nil, nil
}

// checkManifest finds out whether the manifest of c or one of its tags is fresh. Bound
// tells that c has tags and all of them name the manifest already.
func (r *Registry) checkManifest(c registry.Commit) (fresh, bound bool, err error) {
	x := r.repos[c.Repo]
	if x == nil {
		x = &repo{}
	}
	for _, child := range c.Manifest.Children {
		_, isBlob := x.blobs[child.Digest]
		_, isManifest := x.manifests[child.Digest]
		if !isBlob && !isManifest && !child.Optional {
			return false, false, fmt.Errorf("%s: %w", child.Digest, registry.ErrChild)
		}
	}
	_, have := x.manifests[c.Manifest.Digest]
	bound = len(c.Tags) > 0
	for _, t := range c.Tags {
		old, tagged := x.tags[t]
		if tagged && old != c.Manifest.Digest && !c.Move {
			return false, false, fmt.Errorf("tag %s:%s: %w", c.Repo, t, registry.ErrBound)
		}
		bound = bound && old == c.Manifest.Digest
	}
	return !have || len(c.Tags) > 0, bound, nil
}

func (r *Registry) checkDelete(name string, d *registry.Delete) error {
	x := r.repos[name]
	if x == nil {
		return missing("repository", name)
	}
	if _, ok := x.tags[d.Tag]; d.Tag != "" && !ok {
		return missing("tag", d.Tag)
	}
	if _, ok := x.manifests[d.Manifest]; d.Manifest != "" && !ok {
		return missing("manifest", d.Manifest)
	}
	if _, ok := x.blobs[d.Blob]; d.Blob != "" && !ok {
		return missing("blob", d.Blob)
	}
	return nil
}

func (r *Registry) checkEdit(e registry.Edit) (changed bool, docs []document, err error) {
	old := r.plugins[e.Plugin()]
	if old == nil || len(old.Releases) == 0 {
		return false, nil, missing("plugin", e.Plugin())
	}
	p := *old
	p.Releases = slices.Clone(old.Releases)
	if changed, err = e.Apply(&p); err != nil || !changed {
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
