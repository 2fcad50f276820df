package handler

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/plugstead/plugstead/registry"
)

// repoPattern is the grammar of repository names in OCI Distribution 1.1.
var repoPattern = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)

// tagPattern is the grammar of tags there.
var tagPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// target is what a path under /v2 names.
type target struct {
	repo, kind, ref string // kind: "blobs", "uploads", "manifests", "tags", "referrers"
}

// parseTarget splits a path behind /v2/. Repository names have slashes and may hold
// the names of kinds, but references have none: the path is read from its end.
func parseTarget(path string) (t target, ok bool) {
	if repo, ok := strings.CutSuffix(path, "/tags/list"); ok {
		return target{repo: repo, kind: "tags"}, repo != ""
	}
	if repo, ok := strings.CutSuffix(path, "/blobs/uploads"); ok {
		return target{repo: repo, kind: "uploads"}, repo != ""
	}
	front, ref, ok := cutLast(path)
	if !ok {
		return t, false
	}
	if repo, ok := strings.CutSuffix(front, "/blobs/uploads"); ok {
		return target{repo, "uploads", ref}, repo != ""
	}
	repo, kind, ok := cutLast(front)
	if !ok || repo == "" || ref == "" {
		return t, false
	}
	switch kind {
	case "blobs", "manifests", "referrers":
		return target{repo, kind, ref}, true
	}
	return t, false
}

// cutLast cuts at the last slash.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

func (h *handler) oci(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	path := strings.TrimPrefix(r.URL.Path, registry.RouteOCI)
	if path == "" {
		h.ping(w, r)
		return
	}
	t, ok := parseTarget(path)
	if !ok {
		h.fail(w, r, &registry.Error{Code: registry.CodeNameUnknown, Detail: "no such route"})
		return
	}
	if len(t.repo) > 255 || !repoPattern.MatchString(t.repo) {
		h.fail(w, r, &registry.Error{Code: registry.CodeNameInvalid, Detail: "repository name: want lower-case letters, digits, . _ - and slashes"})
		return
	}
	serve := h.route(t.kind, r.Method)
	if serve == nil {
		h.fail(w, r, &registry.Error{Code: registry.CodeUnsupported, Detail: r.Method + " is not possible here"})
		return
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		serve(w, r, t, "")
		return
	}
	if actor, ok := h.allow(w, r, t.repo); ok {
		serve(w, r, t, actor)
	}
}

type ociHandler func(w http.ResponseWriter, r *http.Request, t target, actor string)

func (h *handler) route(kind, method string) ociHandler {
	if method == http.MethodHead && kind != "uploads" {
		method = http.MethodGet
	}
	switch kind + " " + method {
	case "blobs GET":
		return h.getBlob
	case "manifests GET":
		return h.getManifest
	case "manifests PUT":
		return h.putManifest
	case "tags GET":
		return h.getTags
	case "referrers GET":
		return h.getReferrers
	case "uploads POST":
		return h.startUpload
	case "uploads GET":
		return h.uploadStatus
	case "uploads PATCH":
		return h.patchUpload
	case "uploads PUT":
		return h.putUpload
	case "uploads DELETE":
		return h.cancelUpload
	}
	return nil
}

// ping answers /v2/. A client that sends credentials learns whether they are right.
func (h *handler) ping(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" {
		if _, ok := h.allow(w, r, ""); !ok {
			return
		}
	}
	writeJSON(w, struct{}{})
}
