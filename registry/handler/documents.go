package handler

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

const (
	cacheDocument  = "max-age=60, stale-while-revalidate=600, stale-if-error=86400"
	cacheImmutable = "max-age=31536000, immutable"
	typeDocument   = "application/jsonl"
)

func (h *handler) document(w http.ResponseWriter, r *http.Request) {
	id, err := pathID(r)
	if err != nil {
		h.fail(w, r, registry.AsError(err, ""))
		return
	}
	// The revision is read first: of two that are possible, the older one is safe.
	revision, err := h.b.Revision(r.Context())
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeInternal))
		return
	}
	w.Header().Set(registry.HeaderRevision, revision)
	b, d, err := h.b.Document(r.Context(), id)
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodePluginUnknown))
		return
	}
	w.Header().Set("Cache-Control", cacheDocument)
	h.serveDocument(w, r, b, d)
}

func (h *handler) documentAt(w http.ResponseWriter, r *http.Request) {
	d, err := artifact.ParseDigest("sha256:" + r.PathValue("digest"))
	if err != nil { // no digest: a plugin of the namespace "at"
		r.SetPathValue("ns", "at")
		r.SetPathValue("name", r.PathValue("digest"))
		h.document(w, r)
		return
	}
	b, err := h.b.DocumentAt(r.Context(), d)
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodePluginUnknown))
		return
	}
	w.Header().Set("Cache-Control", cacheImmutable)
	h.serveDocument(w, r, b, d)
}

// serveDocument answers with a document in the coding that the client prefers. The ETag is
// that of what is sent.
func (h *handler) serveDocument(w http.ResponseWriter, r *http.Request, b []byte, d artifact.Digest) {
	e := encodingNone
	if len(b) >= minEncoded {
		e = negotiate(r.Header.Get("Accept-Encoding"))
	}
	tag := e.tag(d.Hex())
	w.Header().Set("ETag", tag)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.Header().Add("Vary", "Accept-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	b, err := h.encoded.get(d, e, b)
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeInternal))
		return
	}
	e.header(w)
	w.Header().Set("Content-Type", typeDocument)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.Write(b)
}

func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == tag || t == "*" {
			return true
		}
	}
	return false
}
