package handler

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

func digestOf(s string) (artifact.Digest, error) {
	d, err := artifact.ParseDigest(s)
	if err != nil {
		return "", &registry.Error{Code: registry.CodeDigestInvalid, Detail: err.Error(), Err: err}
	}
	return d, nil
}

func (h *handler) getBlob(w http.ResponseWriter, r *http.Request, t target, _ string) {
	d, err := digestOf(t.ref)
	if err != nil {
		h.fail(w, r, registry.AsError(err, ""))
		return
	}
	if there, err := h.redirect(w, r, t.repo, d); there || err != nil {
		if err != nil {
			h.fail(w, r, registry.AsError(err, registry.CodeBlobUnknown))
		}
		return
	}
	b, _, err := h.b.OpenBlob(r.Context(), t.repo, d)
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeBlobUnknown))
		return
	}
	defer b.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", string(d))
	w.Header().Set("ETag", `"`+string(d)+`"`)
	w.Header().Set("Cache-Control", cacheImmutable)
	http.ServeContent(w, r, "", time.Time{}, b)
}

// redirectTime is how long an address of a blob is good.
const redirectTime = time.Minute

// redirect answers a GET with the address of a blob, and reports whether there is one.
func (h *handler) redirect(w http.ResponseWriter, r *http.Request, repo string, d artifact.Digest) (bool, error) {
	b, ok := h.b.(registry.Redirector)
	if !ok || !h.o.Redirect || r.Method != http.MethodGet {
		return false, nil
	}
	address, err := b.BlobURL(r.Context(), repo, d, redirectTime)
	if address == "" || err != nil {
		return false, err
	}
	w.Header().Set("Location", address)
	w.Header().Set("Docker-Content-Digest", string(d))
	w.Header().Set("Cache-Control", "no-store") // whoever has the address can read the blob
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true, nil
}

func (h *handler) uploadAt(w http.ResponseWriter, repo, name string, size int64, status int) {
	w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/"+name)
	w.Header().Set("Docker-Upload-UUID", name)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(size-1, 0)))
	w.WriteHeader(status)
}

func blobCreated(w http.ResponseWriter, repo string, d artifact.Digest) {
	w.Header().Set("Location", "/v2/"+repo+"/blobs/"+string(d))
	w.Header().Set("Docker-Content-Digest", string(d))
	w.WriteHeader(http.StatusCreated)
}

// startUpload mounts a blob, takes a whole one, or begins an upload in pieces.
func (h *handler) startUpload(w http.ResponseWriter, r *http.Request, t target, _ string) {
	q := r.URL.Query()
	if from := q.Get("from"); from != "" && q.Get("mount") != "" {
		d, err := digestOf(q.Get("mount"))
		if err == nil {
			err = h.b.MountBlob(r.Context(), t.repo, from, d)
		}
		if err == nil {
			blobCreated(w, t.repo, d)
			return
		}
		// What cannot be mounted is uploaded.
	}
	whole := q.Get("digest") != ""
	if _, err := digestOf(q.Get("digest")); whole && err != nil {
		h.fail(w, r, registry.AsError(err, ""))
		return
	}
	name, err := h.b.NewUpload(r.Context(), t.repo, artifact.SHA256)
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeNameUnknown))
		return
	}
	if !whole {
		h.uploadAt(w, t.repo, name, 0, http.StatusAccepted)
		return
	}
	t.ref = name
	h.finish(w, r, t, true)
}

func (h *handler) uploadStatus(w http.ResponseWriter, r *http.Request, t target, _ string) {
	u, err := h.b.Upload(r.Context(), t.repo, t.ref)
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeUploadUnknown))
		return
	}
	defer u.Close()
	h.uploadAt(w, t.repo, t.ref, u.Size(), http.StatusNoContent)
}

func (h *handler) patchUpload(w http.ResponseWriter, r *http.Request, t target, _ string) {
	u, err := h.b.Upload(r.Context(), t.repo, t.ref)
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeUploadUnknown))
		return
	}
	defer u.Close()
	if err := h.append(u, r, func(body io.Reader) error { return u.Append(r.Context(), body) }); err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeUploadUnknown))
		return
	}
	h.uploadAt(w, t.repo, t.ref, u.Size(), http.StatusAccepted)
}

// append gives the body to an upload. Content-Range, if present, must continue it.
func (h *handler) append(u registry.Upload, r *http.Request, add func(io.Reader) error) error {
	if s := r.Header.Get("Content-Range"); s != "" {
		start, ok := rangeStart(s)
		if !ok || start != u.Size() {
			return &registry.Error{Code: registry.CodeUploadInvalid, Detail: fmt.Sprintf("the next byte of this upload is %d", u.Size())}
		}
	}
	body := &limited{r: r.Body, left: h.o.MaxBlob - u.Size()}
	err := add(body)
	switch {
	case errors.Is(body.err, errTooLarge):
		return errors.Join(&registry.Error{Code: registry.CodeSizeInvalid, Detail: fmt.Sprintf("a blob has at most %d bytes", h.o.MaxBlob)}, u.Cancel(r.Context()))
	case body.err != nil:
		return &registry.Error{Code: registry.CodeUploadInvalid, Detail: "the body ended early", Err: body.err}
	}
	return err // of the place where blobs are kept
}

var errTooLarge = errors.New("too large")

// limited fails, unlike io.LimitedReader, when more than left bytes come. It keeps
// its error, which tells a broken body from a full disk.
type limited struct {
	r    io.Reader
	left int64
	err  error // other than io.EOF
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		n, err = 0, errTooLarge
	}
	if err != nil && err != io.EOF {
		l.err = err
	}
	return n, err
}

// rangeStart reads "0-99", with or without "bytes ".
func rangeStart(s string) (int64, bool) {
	first, last, ok := strings.Cut(strings.TrimPrefix(s, "bytes "), "-")
	a, err1 := strconv.ParseUint(first, 10, 62)
	b, err2 := strconv.ParseUint(strings.TrimSuffix(last, "/*"), 10, 62)
	return int64(a), ok && err1 == nil && err2 == nil && b+1 >= a
}

func (h *handler) putUpload(w http.ResponseWriter, r *http.Request, t target, _ string) {
	h.finish(w, r, t, false)
}

// finish takes the rest of an upload and ends it. When it fails, the client may go
// on, unless it was never told the name of the upload: then it is unnamed, and gone.
func (h *handler) finish(w http.ResponseWriter, r *http.Request, t target, unnamed bool) {
	u, err := h.b.Upload(r.Context(), t.repo, t.ref)
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeUploadUnknown))
		return
	}
	defer u.Close()
	d, err := digestOf(r.URL.Query().Get("digest"))
	if err == nil {
		err = h.append(u, r, func(body io.Reader) error { return u.Commit(detached(r), body, d) })
	}
	if err != nil {
		if unnamed {
			err = errors.Join(err, u.Cancel(r.Context()))
		}
		h.fail(w, r, registry.AsError(err, registry.CodeUploadUnknown))
		return
	}
	blobCreated(w, t.repo, d)
}

func (h *handler) cancelUpload(w http.ResponseWriter, r *http.Request, t target, _ string) {
	u, err := h.b.Upload(r.Context(), t.repo, t.ref)
	if err == nil {
		err = errors.Join(u.Cancel(r.Context()), u.Close())
	}
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeUploadUnknown))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
