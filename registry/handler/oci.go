package handler

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// The grammars of OCI Distribution 1.1: names of repositories, tags, and digests of any
// algorithm.
var (
	repoPattern   = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagPattern    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	digestPattern = regexp.MustCompile(`^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$`)
)

const maxName = 255 // bytes of a repository, a digest, a type

func isRepo(s string) bool { return len(s) <= maxName && repoPattern.MatchString(s) }

// target is what a path under /v2 names.
type target struct {
	repo string
	kind kind
	ref  string
}

// parseTarget splits a path behind /v2/. Repository names have slashes and may hold
// the names of kinds, but references have none: the path is read from its end.
func parseTarget(path string) (t target, ok bool) {
	if repo, ok := strings.CutSuffix(path, "/tags/list"); ok {
		return target{repo: repo, kind: kindTags}, repo != ""
	}
	if repo, ok := strings.CutSuffix(strings.TrimSuffix(path, "/"), "/blobs/uploads"); ok {
		return target{repo: repo, kind: kindUploads}, repo != ""
	}
	front, ref, ok := cutLast(path)
	if !ok || ref == "" {
		return t, false
	}
	if repo, ok := strings.CutSuffix(front, "/blobs/uploads"); ok {
		return target{repo, kindUpload, ref}, repo != ""
	}
	repo, k, ok := cutLast(front)
	if !ok || repo == "" {
		return t, false
	}
	switch kind := kind(k); kind {
	case kindBlob, kindManifest, kindReferrers:
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

// isDigest reports whether a reference to a manifest is a digest, and no tag.
func isDigest(ref string) bool { return strings.Contains(ref, ":") }

// anyDigest checks the form of a digest. Nothing that is pushed here has an algorithm that is
// not known, but a manifest may refer to it.
func anyDigest(s string) (artifact.Digest, error) {
	d, err := artifact.ParseAnyDigest(s)
	if err != nil && artifact.Digest(s).Algorithm().New() == nil && len(s) <= maxName && digestPattern.MatchString(s) {
		return artifact.Digest(s), nil
	}
	return d, invalidDigest(err)
}

// knownDigest is anyDigest for what is being pushed.
func knownDigest(s string) (artifact.Digest, error) {
	d, err := artifact.ParseAnyDigest(s)
	return d, invalidDigest(err)
}

func invalidDigest(err error) error {
	if err == nil {
		return nil
	}
	return &registry.Error{Code: registry.CodeDigestInvalid, Detail: err.Error(), Err: err}
}

func invalidQuery(detail string) error {
	return &registry.Error{Code: registry.CodeQueryInvalid, Detail: detail}
}

// isWord reports whether s can be a media type or a type of artifacts, or stand for one.
func isWord(s string) bool {
	return len(s) <= maxName && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

func ociHeader(w http.ResponseWriter) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

// ping answers /v2/. A client that sends credentials learns whether they are right.
func (h *handler) ping(w http.ResponseWriter, r *http.Request) {
	ociHeader(w)
	if _, ok := h.allow(w, r, Access{}); ok {
		writeJSON(w, struct{}{})
	}
}
