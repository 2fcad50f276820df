package handler

import (
	"errors"
	"net/http"

	"github.com/plugstead/plugstead/registry"
)

func (h *handler) deleteBlob(w http.ResponseWriter, r *http.Request, t target, actor string) {
	d, err := anyDigest(t.ref)
	h.remove(w, r, t, registry.Commit{Delete: &registry.Delete{Blob: d}, Actor: actor}, err)
}

// deleteManifest deletes a tag, or a manifest with all its tags. Who referred to something
// with it refers to it no longer.
func (h *handler) deleteManifest(w http.ResponseWriter, r *http.Request, t target, actor string) {
	c := registry.Commit{Delete: new(registry.Delete), Actor: actor}
	var err error
	switch {
	case isDigest(t.ref):
		c.Delete.Manifest, err = anyDigest(t.ref)
	case tagPattern.MatchString(t.ref):
		c.Delete.Tag = t.ref
	default:
		err = registry.ErrNotFound
	}
	h.remove(w, r, t, c, err)
}

// remove does a commit that deletes something, unless err says that it makes no sense. What
// plugins are made of stays: others have locked it.
func (h *handler) remove(w http.ResponseWriter, r *http.Request, t target, c registry.Commit, err error) {
	ns, nsErr := h.b.Namespace(r.Context(), registry.NamespaceOf(t.repo))
	switch {
	case nsErr != nil && !errors.Is(nsErr, registry.ErrNotFound):
		err = nsErr
	case h.o.NoDelete:
		h.unsupported(w, r, []string{"GET", "HEAD"}, "deleting is switched off")
		return
	case nsErr != nil || ns.Kind != registry.KindOCI:
		h.unsupported(w, r, []string{"GET", "HEAD"}, "what belongs to plugins is not deleted")
		return
	case err == nil:
		c.Repo = t.repo
		_, err = h.b.Commit(detached(r), c)
	}
	if err != nil {
		unknown := registry.CodeManifestUnknown
		if t.kind == kindBlob {
			unknown = registry.CodeBlobUnknown
		}
		h.fail(w, r, registry.AsError(err, unknown))
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
