package ocitest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/artifact"
)

func (g *Registry) list(w http.ResponseWriter, r *http.Request, name string) {
	repo := g.repos[name]
	if repo == nil {
		fail(w, http.StatusNotFound, "NAME_UNKNOWN")
		return
	}
	tags := slices.Sorted(maps.Keys(repo.tags))
	if last := r.URL.Query().Get("last"); last != "" {
		tags = slices.DeleteFunc(tags, func(t string) bool { return t <= last })
	}
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil || g.Page > 0 {
		n = g.Page
	}
	if n > 0 && n < len(tags) {
		tags = tags[:n]
		w.Header().Set("Link", fmt.Sprintf(`</v2/%s/tags/list?last=%s&n=%d>; rel="next"`, name, tags[n-1], n))
	}
	json.NewEncoder(w).Encode(map[string]any{"name": name, "tags": tags})
}

func (g *Registry) manifest(w http.ResponseWriter, r *http.Request, name, ref string) {
	if r.Method == http.MethodPut {
		g.putManifest(w, r, name, ref)
		return
	}
	repo := g.repos[name]
	if repo == nil {
		fail(w, http.StatusNotFound, "NAME_UNKNOWN")
		return
	}
	digest := ref
	if !strings.Contains(ref, ":") {
		digest = repo.tags[ref]
	}
	m, ok := repo.manifests[digest]
	if !ok {
		fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	w.Header().Set("Content-Type", m.media)
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Length", strconv.Itoa(len(m.raw)))
	if r.Method == http.MethodGet {
		w.Write(m.raw)
	}
}

func (g *Registry) putManifest(w http.ResponseWriter, r *http.Request, name, ref string) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	repo := g.repo(name)
	if missing := repo.missing(raw); missing != "" {
		fail(w, http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN")
		return
	}
	d := string(artifact.DigestOf(raw))
	if strings.Contains(ref, ":") && ref != d {
		fail(w, http.StatusBadRequest, "DIGEST_INVALID")
		return
	}
	if !strings.Contains(ref, ":") {
		if g.Immutable && repo.tags[ref] != "" {
			fail(w, http.StatusConflict, "TAG_IMMUTABLE")
			return
		}
		repo.tags[ref] = d
	}
	repo.manifests[d] = stored{r.Header.Get("Content-Type"), raw}
	w.Header().Set("Docker-Content-Digest", d)
	w.WriteHeader(http.StatusCreated)
}

// missing returns a child of a manifest that was not pushed.
func (p *repository) missing(raw []byte) string {
	var x struct {
		Config            artifact.Descriptor
		Layers, Manifests []artifact.Descriptor
	}
	if err := json.Unmarshal(raw, &x); err != nil {
		return err.Error()
	}
	for _, d := range x.Manifests {
		if _, ok := p.manifests[string(d.Digest)]; !ok {
			return string(d.Digest)
		}
	}
	for _, d := range append(x.Layers, x.Config) {
		if _, ok := p.blobs[string(d.Digest)]; !ok && d.Digest != "" {
			return string(d.Digest)
		}
	}
	return ""
}

func (g *Registry) blob(w http.ResponseWriter, r *http.Request, name, ref string) {
	repo := g.repo(name)
	switch r.Method {
	case http.MethodPost:
		w.Header().Set("Location", "/v2/"+name+"/blobs/uploads/1?state=x")
		w.WriteHeader(http.StatusAccepted)
	case http.MethodPut:
		b, err := io.ReadAll(r.Body)
		if d := r.URL.Query().Get("digest"); err != nil || d != string(artifact.DigestOf(b)) {
			fail(w, http.StatusBadRequest, "DIGEST_INVALID")
			return
		}
		repo.blobs[string(artifact.DigestOf(b))] = b
		w.WriteHeader(http.StatusCreated)
	default:
		b, ok := repo.blobs[ref]
		if !ok {
			fail(w, http.StatusNotFound, "BLOB_UNKNOWN")
			return
		}
		http.ServeContent(w, r, "", zero, strings.NewReader(string(b)))
	}
}
