package handler

import (
	"bufio"
	"net/http"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

const (
	cacheNames = "max-age=3600"
	namesPage  = 5000 // names that are read at a time
)

// names answers with all names that have a release, one on each line. They are not gathered:
// the answer takes the same memory however many there are.
func (h *handler) names(w http.ResponseWriter, r *http.Request) {
	// The revision is read first: of two that are possible, the older one is safe. The tag
	// is weak, because the list may have a name more.
	revision, err := h.b.Revision(r.Context())
	var page []manifest.ID
	if err == nil {
		page, err = h.b.Names(r.Context(), "", namesPage)
	}
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeInternal))
		return
	}
	e := negotiate(r.Header.Get("Accept-Encoding"))
	tag := "W/" + e.tag(revision)
	w.Header().Set("Cache-Control", cacheNames)
	w.Header().Set("ETag", tag)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if matches(r.Header.Get("If-None-Match"), tag[len("W/"):]) {
		w.Header().Add("Vary", "Accept-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	e.header(w)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if r.Method == http.MethodHead {
		return
	}
	if err := h.writeNames(w, r, e, page); err != nil {
		h.o.Log.Debug("names", "err", err)
		panic(http.ErrAbortHandler) // a list that ends too early must not look like all of it
	}
}

func (h *handler) writeNames(w http.ResponseWriter, r *http.Request, e encoding, page []manifest.ID) error {
	z, err := e.writer(w)
	if err != nil {
		return err
	}
	to := bufio.NewWriter(z)
	for len(page) > 0 {
		for _, id := range page {
			to.WriteString(string(id))
			to.WriteByte('\n')
		}
		if len(page) < namesPage {
			break
		}
		if page, err = h.b.Names(r.Context(), page[len(page)-1], namesPage); err != nil {
			return err
		}
	}
	if err := to.Flush(); err != nil {
		return err
	}
	return z.Close()
}
