package memory

import (
	"context"
	"maps"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

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
func (r *Registry) Tags(_ context.Context, name string, p registry.Page) ([]string, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	x := r.repos[name]
	if x == nil || len(x.blobs)+len(x.manifests) == 0 { // an upload makes no repository
		return nil, missing("repository", name)
	}
	return page(slices.Collect(maps.Keys(x.tags)), p), nil
}

// Referrers implements registry.Manifests.
func (r *Registry) Referrers(_ context.Context, name string, d artifact.Digest, artifactType string, p registry.Page) ([]artifact.Descriptor, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	x := r.repos[name]
	if x == nil {
		return []artifact.Descriptor{}, nil
	}
	var found []artifact.Digest
	for _, m := range x.manifests {
		if m.Subject == d && (artifactType == "" || m.ArtifactType == artifactType) {
			found = append(found, m.Digest)
		}
	}
	out := []artifact.Descriptor{}
	for _, d := range page(found, p) {
		out = append(out, x.manifests[d].Descriptor)
	}
	return out, nil
}

// page sorts a list and cuts a page from it.
func page[S ~string](all []S, p registry.Page) []S {
	slices.Sort(all)
	i, found := slices.BinarySearch(all, S(p.After))
	if found {
		i++
	}
	all = all[i:]
	if p.Limit > 0 {
		all = all[:min(p.Limit, len(all))]
	}
	return append([]S{}, all...)
}
