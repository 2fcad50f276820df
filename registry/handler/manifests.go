package handler

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/publish/lint"
	"github.com/plugstead/plugstead/registry"
)

func (h *handler) getManifest(w http.ResponseWriter, r *http.Request, t target, _ string) {
	d, raw, err := h.b.Manifest(r.Context(), t.repo, t.ref)
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeManifestUnknown))
		return
	}
	tag := `"` + string(d.Digest) + `"`
	w.Header().Set("Docker-Content-Digest", string(d.Digest))
	w.Header().Set("ETag", tag)
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", d.MediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	if r.Method != http.MethodHead {
		w.Write(raw)
	}
}

func (h *handler) getTags(w http.ResponseWriter, r *http.Request, t target, _ string) {
	tags, err := h.b.Tags(r.Context(), t.repo, registry.Page{})
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeNameUnknown))
		return
	}
	q := r.URL.Query()
	if last := q.Get("last"); last != "" {
		i, found := slices.BinarySearch(tags, last)
		if found {
			i++
		}
		tags = tags[i:]
	}
	if s := q.Get("n"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			h.fail(w, r, &registry.Error{Code: registry.CodeQueryInvalid, Detail: "n: want a number"})
			return
		}
		if n < len(tags) {
			tags = tags[:n]
			if n > 0 {
				w.Header().Set("Link", fmt.Sprintf(`</v2/%s/tags/list?n=%d&last=%s>; rel="next"`, t.repo, n, tags[n-1]))
			}
		}
	}
	writeJSON(w, map[string]any{"name": t.repo, "tags": tags})
}

func (h *handler) getReferrers(w http.ResponseWriter, r *http.Request, t target, _ string) {
	d, err := digestOf(t.ref)
	if err != nil {
		h.fail(w, r, registry.AsError(err, ""))
		return
	}
	list, err := h.b.Referrers(r.Context(), t.repo, d, "", registry.Page{})
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeNameUnknown))
		return
	}
	if at := r.URL.Query().Get("artifactType"); at != "" {
		list = slices.DeleteFunc(list, func(x artifact.Descriptor) bool { return x.ArtifactType != at })
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	w.Header().Set("Content-Type", artifact.MediaIndex)
	json.NewEncoder(w).Encode(map[string]any{"schemaVersion": 2, "mediaType": artifact.MediaIndex, "manifests": list})
}

// ociDocument is what the registry reads of an OCI index or manifest.
type ociDocument struct {
	MediaType    string                `json:"mediaType"`
	ArtifactType string                `json:"artifactType"`
	Config       *artifact.Descriptor  `json:"config"`
	Layers       []artifact.Descriptor `json:"layers"`
	Manifests    []artifact.Descriptor `json:"manifests"`
	Subject      *artifact.Descriptor  `json:"subject"`
	Annotations  map[string]string     `json:"annotations"`
}

func (h *handler) putManifest(w http.ResponseWriter, r *http.Request, t target, actor string) {
	m, doc, err := h.readUpload(r, t)
	if err == nil {
		err = h.checkChildren(r, t.repo, doc)
	}
	c := registry.Commit{Repo: t.repo, Manifest: m, Actor: actor}
	if err == nil && !strings.Contains(t.ref, ":") {
		c.Tags = []string{t.ref}
		c.Release, err = h.release(r, t, m, w.Header())
	}
	var rec registry.Receipt
	if err == nil {
		rec, err = h.b.Commit(detached(r), c)
	}
	if err != nil {
		w.Header().Del("Warning") // of what was not published
		h.fail(w, r, registry.AsError(err, registry.CodeManifestUnknown))
		return
	}
	w.Header().Set("Location", "/v2/"+t.repo+"/manifests/"+string(m.Digest))
	w.Header().Set("Docker-Content-Digest", string(m.Digest))
	w.Header().Set("Plugstead-Position", strconv.FormatInt(rec.Position, 10))
	if m.Subject != "" {
		w.Header().Set("OCI-Subject", string(m.Subject))
	}
	w.WriteHeader(http.StatusCreated)
}

// readUpload reads the body and checks that it is what request and reference say.
func (h *handler) readUpload(r *http.Request, t target) (*registry.Manifest, *ociDocument, error) {
	bad := func(format string, args ...any) error {
		return &registry.Error{Code: registry.CodeManifestInvalid, Detail: fmt.Sprintf(format, args...)}
	}
	if !strings.Contains(t.ref, ":") && !tagPattern.MatchString(t.ref) {
		return nil, nil, bad("tag %.140q", t.ref)
	}
	raw, err := readManifest(r.Body)
	if err != nil {
		return nil, nil, err
	}
	doc := new(ociDocument)
	if err := strictjson.Unmarshal(raw, doc, strictjson.Limits{Size: artifact.MaxManifest, Depth: 32, AllowUnknown: true}); err != nil {
		return nil, nil, bad("%v", err)
	}
	sent, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	media := cmp.Or(doc.MediaType, sent)
	if !registry.IsManifest(media) {
		return nil, nil, bad("media type %.100q", media)
	}
	if registry.IsManifest(sent) && sent != media {
		return nil, nil, bad("sent as %s, says %s", sent, media)
	}
	m := &registry.Manifest{Descriptor: artifact.Describe(media, raw), Raw: raw}
	m.ArtifactType, m.Annotations = doc.ArtifactType, doc.Annotations
	if m.ArtifactType == "" && doc.Config != nil {
		m.ArtifactType = doc.Config.MediaType
	}
	for _, c := range doc.children() {
		m.Children = append(m.Children, registry.Child{Digest: c.Digest})
	}
	if doc.Subject != nil {
		if err := doc.Subject.Check(); err != nil {
			return nil, nil, bad("subject: %v", err)
		}
		m.Subject = doc.Subject.Digest
	}
	if strings.Contains(t.ref, ":") {
		d, err := digestOf(t.ref)
		if err != nil {
			return nil, nil, err
		}
		if d != m.Digest {
			return nil, nil, &registry.Error{Code: registry.CodeDigestInvalid, Detail: "the body has digest " + string(m.Digest)}
		}
	}
	return m, doc, nil
}

// children lists what a document names.
func (doc *ociDocument) children() []artifact.Descriptor {
	out := slices.Concat(doc.Layers, doc.Manifests)
	if doc.Config != nil {
		out = append(out, *doc.Config)
	}
	return out
}

// checkChildren makes sure that all a manifest refers to is there.
func (h *handler) checkChildren(r *http.Request, repo string, doc *ociDocument) error {
	missing := func(d artifact.Descriptor, err error) error {
		if errors.Is(err, registry.ErrNotFound) {
			return &registry.Error{Code: registry.CodeChildUnknown, Detail: "refers to " + string(d.Digest) + ", which was not pushed", Err: err}
		}
		return err
	}
	blobs := doc.Layers
	if doc.Config != nil {
		blobs = append(slices.Clip(blobs), *doc.Config)
	}
	for _, d := range blobs {
		if err := d.Check(); err != nil {
			return &registry.Error{Code: registry.CodeManifestInvalid, Detail: err.Error()}
		}
		size, err := h.b.StatBlob(r.Context(), repo, d.Digest)
		if err != nil {
			return missing(d, err)
		}
		if size != d.Size {
			return &registry.Error{Code: registry.CodeManifestInvalid, Detail: fmt.Sprintf("%s has %d bytes, not %d", d.Digest, size, d.Size)}
		}
	}
	for _, d := range doc.Manifests {
		if err := d.Check(); err != nil { // a tag in place of a digest would be found
			return &registry.Error{Code: registry.CodeManifestInvalid, Detail: err.Error()}
		}
		if _, _, err := h.b.Manifest(r.Context(), repo, string(d.Digest)); err != nil {
			return missing(d, err)
		}
	}
	return nil
}

// release makes the index record of a version that is being published. Every tag is
// a publication: the tag is the version, the repository is the id. What could be better is
// put into the header of the answer.
func (h *handler) release(r *http.Request, t target, m *registry.Manifest, answer http.Header) (*registry.Release, error) {
	bad := func(err error) error {
		return &registry.Error{Code: registry.CodePluginInvalid, Detail: err.Error(), Err: err}
	}
	if !artifact.IsPlugin(m.Raw) {
		return nil, bad(fmt.Errorf("%w: only plugins can be tagged here", artifact.ErrNotPlugin))
	}
	blobs := registry.RepoBlobs{Backend: h.b, Repo: t.repo}
	im, err := artifact.Read(r.Context(), overlay(blobs, m), m.Descriptor)
	if err != nil {
		return nil, bad(err)
	}
	if string(im.Manifest.ID) != t.repo || artifact.TagOf(im.Manifest.Version) != t.ref {
		return nil, bad(fmt.Errorf("this is %s %s, and the tag is %s:%s", im.Manifest.ID, im.Manifest.Version, t.repo, t.ref))
	}
	found, err := lint.Run(r.Context(), blobs, im, lint.Options{})
	if err == nil {
		err = lint.Errors(found)
	}
	if err != nil {
		return nil, bad(err)
	}
	warn(answer, found)
	rec, err := index.RecordOf(r.Context(), blobs, im, h.o.Now())
	if err != nil {
		return nil, bad(err)
	}
	rel, err := index.NewRelease(rec)
	if err != nil {
		return nil, err
	}
	out := &registry.Release{Release: rel, Header: index.Header{
		V: index.Version, ID: im.Manifest.ID, Summary: im.Manifest.Summary, License: im.Manifest.License, Keywords: im.Manifest.Keywords,
	}}
	if doc, ok := im.Documents["README.md"]; ok {
		b, err := artifact.ReadBlob(r.Context(), blobs, doc.Descriptor, artifact.MaxDocument)
		if err != nil {
			return nil, bad(err)
		}
		out.Readme = string(b)
	}
	return out, nil
}
