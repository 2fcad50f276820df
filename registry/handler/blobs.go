package handler

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

const headerDigest = "Docker-Content-Digest"

func quoted(d artifact.Digest) string { return `"` + string(d) + `"` }

// getBlob serves GET and HEAD.
func (h *handler) getBlob(w http.ResponseWriter, r *http.Request, t target, _ string) {
	d, err := anyDigest(t.ref)
	if err == nil && r.Method == http.MethodHead {
		err = h.headBlob(w, r, t.repo, d)
	} else if err == nil {
		err = h.sendBlob(w, r, t.repo, d)
	}
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeBlobUnknown))
	}
}

func blobHeader(w http.ResponseWriter, d artifact.Digest) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set(headerDigest, string(d))
	w.Header().Set("ETag", quoted(d))
	w.Header().Set("Cache-Control", cacheImmutable)
}

// headBlob answers without opening the blob.
func (h *handler) headBlob(w http.ResponseWriter, r *http.Request, repo string, d artifact.Digest) error {
	size, err := h.b.StatBlob(r.Context(), repo, d)
	if err != nil {
		return err
	}
	blobHeader(w, d)
	if matches(r.Header.Get("If-None-Match"), quoted(d)) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	return nil
}

// sendBlob answers with the bytes, or with the place where they are.
func (h *handler) sendBlob(w http.ResponseWriter, r *http.Request, repo string, d artifact.Digest) error {
	if there, err := h.redirect(w, r, repo, d); there || err != nil {
		return err
	}
	b, _, err := h.b.OpenBlob(r.Context(), repo, d)
	if err != nil {
		return err
	}
	defer b.Close()
	blobHeader(w, d)
	http.ServeContent(blobWriter{w}, r, "", time.Time{}, b)
	return nil
}

// blobWriter takes back what the header says of a blob when a range has nothing of it.
type blobWriter struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w blobWriter) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		for _, name := range []string{headerDigest, "ETag"} {
			w.Header().Del(name)
		}
		w.Header().Set("Cache-Control", "no-store")
	}
	w.ResponseWriter.WriteHeader(status)
}

// ReadFrom implements io.ReaderFrom: a file is sent without copying.
func (w blobWriter) ReadFrom(r io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, r) }

// redirectTime is how long an address of a blob is good.
const redirectTime = time.Minute

// redirect answers a GET with the address of a blob, and reports whether there is one.
func (h *handler) redirect(w http.ResponseWriter, r *http.Request, repo string, d artifact.Digest) (bool, error) {
	b, ok := h.b.(registry.Redirector)
	if !ok || !h.o.Redirect {
		return false, nil
	}
	address, err := b.BlobURL(r.Context(), repo, d, redirectTime)
	if address == "" || err != nil {
		return false, err
	}
	if matches(r.Header.Get("If-None-Match"), quoted(d)) {
		blobHeader(w, d)
		w.WriteHeader(http.StatusNotModified)
		return true, nil
	}
	w.Header().Set("Location", address)
	w.Header().Set(headerDigest, string(d))
	w.Header().Set("Cache-Control", "no-store") // whoever has the address can read the blob
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true, nil
}

func blobCreated(w http.ResponseWriter, repo string, d artifact.Digest) {
	w.Header().Set("Location", "/v2/"+repo+"/blobs/"+string(d))
	w.Header().Set(headerDigest, string(d))
	w.WriteHeader(http.StatusCreated)
}
