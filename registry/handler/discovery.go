package handler

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// Limits of the pages of lists.
const (
	maxTagPage    = 10_000  // tags
	maxPageSize   = 4 << 20 // bytes of a page of referrers
	pageFrame     = 1 << 10 // bytes around its entries
	maxReferrers  = 1000    // on a page
	referrerBatch = 50      // that are read at one time
)

// next links to the page of the same list behind last.
func next(w http.ResponseWriter, r *http.Request, last string, keep url.Values) {
	keep.Set("last", last)
	w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, r.URL.EscapedPath(), keep.Encode()))
}

func (h *handler) getTags(w http.ResponseWriter, r *http.Request, t target, _ string) {
	q := r.URL.Query()
	n, err := strconv.Atoi(cmp.Or(q.Get("n"), strconv.Itoa(maxTagPage)))
	last := q.Get("last")
	switch {
	case err != nil || n < 0:
		err = invalidQuery("n: want a number")
	case last != "" && !tagPattern.MatchString(last):
		err = invalidQuery("last: want a tag")
	}
	if err != nil {
		h.fail(w, r, registry.AsError(err, ""))
		return
	}
	n = min(n, maxTagPage)
	tags, err := h.b.Tags(r.Context(), t.repo, registry.Page{After: last, Limit: n + 1})
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeNameUnknown))
		return
	}
	if len(tags) > n {
		if tags = tags[:n]; n > 0 {
			next(w, r, tags[n-1], url.Values{"n": {strconv.Itoa(n)}})
		}
	}
	writeJSON(w, map[string]any{"name": t.repo, "tags": tags})
}

// referrers is an image index as an answer.
type referrers struct {
	SchemaVersion int                   `json:"schemaVersion"`
	MediaType     string                `json:"mediaType"`
	Manifests     []artifact.Descriptor `json:"manifests"`
}

func (h *handler) getReferrers(w http.ResponseWriter, r *http.Request, t target, _ string) {
	d, err := anyDigest(t.ref)
	q := r.URL.Query()
	kind, last := q.Get("artifactType"), q.Get("last")
	if err == nil && !isWord(kind) {
		err = invalidQuery("artifactType: want a media type")
	}
	if err == nil && last != "" {
		_, err = anyDigest(last)
	}
	var list []artifact.Descriptor
	var more bool
	if err == nil {
		list, more, err = h.referrerPage(r, t.repo, d, kind, last)
	}
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeNameUnknown))
		return
	}
	keep := url.Values{}
	if kind != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
		keep.Set("artifactType", kind)
	}
	if more {
		next(w, r, string(list[len(list)-1].Digest), keep)
	}
	body, err := encode(referrers{2, artifact.MediaIndex, list})
	if err != nil {
		h.fail(w, r, registry.AsError(err, ""))
		return
	}
	w.Header().Set("Content-Type", artifact.MediaIndex)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

// referrerPage reads as many referrers as fit on a page, and reports whether there are more.
func (h *handler) referrerPage(r *http.Request, repo string, d artifact.Digest, kind, last string) ([]artifact.Descriptor, bool, error) {
	list := []artifact.Descriptor{}
	for size := pageFrame; ; {
		found, err := h.b.Referrers(r.Context(), repo, d, kind, registry.Page{After: last, Limit: referrerBatch})
		if err != nil {
			return nil, false, err
		}
		for _, x := range found {
			b, err := encode(x)
			if err != nil {
				return nil, false, err
			}
			if size += len(b); len(list) > 0 && size > maxPageSize || len(list) == maxReferrers {
				return list, true, nil
			}
			list = append(list, x)
			last = string(x.Digest)
		}
		if len(found) < referrerBatch {
			return list, false, nil
		}
	}
}
