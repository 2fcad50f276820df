package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// uploadPattern is what the name of an upload may look like, whatever backend made it.
var uploadPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// openUpload finds an upload that was begun.
func (h *handler) openUpload(r *http.Request, t target) (registry.Upload, error) {
	if !uploadPattern.MatchString(t.ref) {
		return nil, registry.ErrNotFound
	}
	return h.b.Upload(r.Context(), t.repo, t.ref)
}

// uploadState says in a header how far an upload is. That of nothing looks like that of one
// byte: the specification knows no other form.
func uploadState(w http.ResponseWriter, t target, size int64) {
	w.Header().Set("Location", "/v2/"+t.repo+"/blobs/uploads/"+t.ref)
	w.Header().Set("Docker-Upload-UUID", t.ref)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(size-1, 0)))
}

// failUpload answers with an error. A chunk out of order learns where to go on.
func (h *handler) failUpload(w http.ResponseWriter, r *http.Request, t target, err error) {
	e := registry.AsError(err, registry.CodeUploadUnknown)
	if e.Code == registry.CodeUploadInvalid {
		if u, err := h.openUpload(r, t); err == nil {
			uploadState(w, t, u.Size())
			u.Close()
		}
	}
	h.fail(w, r, e)
}

// startUpload mounts a blob, takes a whole one, or begins an upload in pieces.
func (h *handler) startUpload(w http.ResponseWriter, r *http.Request, t target, _ string) {
	q := r.URL.Query()
	if d, ok := h.mount(r, t.repo, q); ok {
		blobCreated(w, t.repo, d)
		return
	}
	if q.Get("digest") != "" {
		h.putBlob(w, r, t)
		return
	}
	a, err := algorithmOf(q)
	if err == nil {
		t.ref, err = h.b.NewUpload(r.Context(), t.repo, a)
	}
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeNameUnknown))
		return
	}
	if h.o.MinChunk > 0 {
		w.Header().Set("OCI-Chunk-Min-Length", strconv.FormatInt(h.o.MinChunk, 10))
	}
	uploadState(w, t, 0)
	w.WriteHeader(http.StatusAccepted)
}

// putBlob takes a blob in one request.
func (h *handler) putBlob(w http.ResponseWriter, r *http.Request, t target) {
	d, err := knownDigest(r.URL.Query().Get("digest"))
	if err == nil {
		err = h.append(whole{}, r, func(body io.Reader) error { return h.b.PutBlob(detached(r), t.repo, d, body) })
	}
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeUploadUnknown))
		return
	}
	blobCreated(w, t.repo, d)
}

// whole is an upload that has no name and nothing yet.
type whole struct{}

// Size is 0.
func (whole) Size() int64 { return 0 }

// Cancel does nothing: what did not arrive as a whole is not kept.
func (whole) Cancel(context.Context) error { return nil }

// mount shows a blob of another repository here. What cannot be mounted is uploaded, and
// nobody learns whether it was not there or not for him.
func (h *handler) mount(r *http.Request, repo string, q url.Values) (artifact.Digest, bool) {
	from := q.Get("from")
	d, err := artifact.ParseAnyDigest(q.Get("mount"))
	if err != nil || !isRepo(from) {
		return "", false
	}
	if _, err := h.o.Access(r, Access{from, ActionPull}); err != nil {
		return "", false
	}
	err = h.b.MountBlob(detached(r), repo, from, d)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		h.o.Log.Error("mount failed", "repo", repo, "from", from, "err", err)
	}
	return d, err == nil
}

// algorithmOf says which digest the blob of an upload will have.
func algorithmOf(q url.Values) (artifact.Algorithm, error) {
	if s := q.Get("digest-algorithm"); s != "" {
		if a := artifact.Algorithm(s); a.New() != nil {
			return a, nil
		}
		return "", &registry.Error{Code: registry.CodeDigestInvalid, Detail: "digest-algorithm: want sha256 or sha512"}
	}
	if d, err := artifact.ParseAnyDigest(q.Get("mount")); err == nil {
		return d.Algorithm(), nil
	}
	return artifact.SHA256, nil
}

func (h *handler) uploadStatus(w http.ResponseWriter, r *http.Request, t target, _ string) {
	u, err := h.openUpload(r, t)
	if err != nil {
		h.failUpload(w, r, t, err)
		return
	}
	defer u.Close()
	uploadState(w, t, u.Size())
	w.WriteHeader(http.StatusNoContent)
}

func (h *handler) patchUpload(w http.ResponseWriter, r *http.Request, t target, _ string) {
	u, err := h.openUpload(r, t)
	if err != nil {
		h.failUpload(w, r, t, err)
		return
	}
	defer u.Close()
	if err := h.append(u, r, func(body io.Reader) error { return u.Append(r.Context(), body) }); err != nil {
		h.failUpload(w, r, t, err)
		return
	}
	uploadState(w, t, u.Size())
	w.WriteHeader(http.StatusAccepted)
}

// append gives the body to an upload. Content-Range, if present, must continue it.
func (h *handler) append(u interface {
	Size() int64
	Cancel(context.Context) error
}, r *http.Request, add func(io.Reader) error,
) error {
	invalid := func(detail string, err error) error {
		return &registry.Error{Code: registry.CodeUploadInvalid, Detail: detail, Err: err}
	}
	body := &chunk{r: r.Body, left: h.o.MaxBlob - u.Size()}
	if s := r.Header.Get("Content-Range"); s != "" {
		start, length, ok := parseRange(s)
		if !ok || start != u.Size() {
			return invalid(fmt.Sprintf("the next byte of this upload is %d", u.Size()), nil)
		}
		if r.ContentLength > 0 && r.ContentLength != length {
			return invalid("Content-Range and Content-Length differ", nil)
		}
		if length <= body.left {
			body.left, body.exact = length, true
		}
	}
	var err error
	if r.ContentLength > body.left {
		body.err = errTooLarge // without reading it
	} else {
		err = add(body)
	}
	switch {
	case errors.Is(body.err, errTooLarge):
		return errors.Join(&registry.Error{Code: registry.CodeSizeInvalid, Detail: fmt.Sprintf("a blob has at most %d bytes", h.o.MaxBlob)}, u.Cancel(r.Context()))
	case errors.Is(body.err, errShort), errors.Is(body.err, errLong):
		return invalid(body.err.Error(), nil)
	case body.err != nil:
		return invalid("the body ended early", body.err)
	}
	return err // of the place where blobs are kept
}

// putUpload takes the rest of an upload and ends it. When it fails, the client may go on.
func (h *handler) putUpload(w http.ResponseWriter, r *http.Request, t target, _ string) {
	u, err := h.openUpload(r, t)
	if err != nil {
		h.failUpload(w, r, t, err)
		return
	}
	defer u.Close()
	d, err := knownDigest(r.URL.Query().Get("digest"))
	if err == nil {
		err = h.append(u, r, func(body io.Reader) error { return u.Commit(detached(r), body, d) })
	}
	if err != nil {
		h.failUpload(w, r, t, err)
		return
	}
	blobCreated(w, t.repo, d)
}

func (h *handler) cancelUpload(w http.ResponseWriter, r *http.Request, t target, _ string) {
	u, err := h.openUpload(r, t)
	if err == nil {
		err = errors.Join(u.Cancel(r.Context()), u.Close())
	}
	if err != nil {
		h.failUpload(w, r, t, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
