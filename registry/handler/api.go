package handler

import (
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

const (
	maxQuery = 200 // bytes of search text
)

func pathID(r *http.Request) (manifest.ID, error) {
	id, err := manifest.ParseID(r.PathValue("ns") + "/" + r.PathValue("name"))
	if err != nil {
		return "", &registry.Error{Code: registry.CodeNameInvalid, Detail: err.Error(), Err: err}
	}
	return id, nil
}

// parseQuery reads the parameters of a search.
func parseQuery(r *http.Request) (index.Query, error) {
	v := r.URL.Query()
	q := index.Query{Text: v.Get("q"), Point: v.Get("point"), Runtime: v.Get("runtime")}
	bad := func(detail string) error { return &registry.Error{Code: registry.CodeQueryInvalid, Detail: detail} }
	if len(q.Text) > maxQuery || !utf8.ValidString(q.Text) {
		return q, bad("q: at most 200 bytes of text")
	}
	if q.Point != "" && manifest.CheckPointID(q.Point) != nil {
		return q, bad("point: want the name of an extension point")
	}
	if len(q.Runtime) > 40 {
		return q, bad("runtime: unknown")
	}
	if s := v.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > index.MaxLimit {
			return q, bad("limit: want a number from 1 to 200")
		}
		q.Limit = n
	}
	return q, nil
}

func (h *handler) search(w http.ResponseWriter, r *http.Request) {
	q, err := parseQuery(r)
	if err != nil {
		h.fail(w, r, registry.AsError(err, ""))
		return
	}
	hits := []index.Hit{}
	for x, err := range h.b.Search(r.Context(), q) {
		if err != nil {
			h.fail(w, r, registry.AsError(err, registry.CodePluginUnknown))
			return
		}
		hits = append(hits, x)
	}
	writeJSON(w, map[string]any{"hits": hits})
}
