package handler

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/version"
)

const (
	maxQuery  = 200 // bytes of search text
	maxReason = 200 // characters
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

func (h *handler) yank(w http.ResponseWriter, r *http.Request, t target, actor string) {
	v, err := version.Parse(r.PathValue("version"))
	if err != nil {
		h.fail(w, r, &registry.Error{Code: registry.CodeReleaseUnknown, Detail: err.Error()})
		return
	}
	y := &registry.Yank{ID: manifest.ID(t.repo), Version: v, Undo: r.Method == http.MethodDelete}
	if !y.Undo {
		if y.Reason, err = readReason(r.Body); err != nil {
			h.fail(w, r, registry.AsError(err, ""))
			return
		}
	}
	rec, err := h.b.Commit(detached(r), registry.Commit{Repo: t.repo, Yank: y, Actor: actor})
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeReleaseUnknown))
		return
	}
	writeJSON(w, map[string]any{"position": rec.Position, "changed": !rec.Existed})
}

func readReason(body io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(body, maxBody))
	var x struct{ Reason string }
	if err == nil && len(b) > 0 {
		err = json.Unmarshal(b, &x)
	}
	if err != nil {
		return "", &registry.Error{Code: registry.CodeQueryInvalid, Detail: `want {"reason":"…"}`, Err: err}
	}
	if utf8.RuneCountInString(x.Reason) > maxReason || strings.ContainsFunc(x.Reason, unicode.IsControl) {
		return "", &registry.Error{Code: registry.CodeQueryInvalid, Detail: "reason: one line of at most 200 characters"}
	}
	return x.Reason, nil
}
