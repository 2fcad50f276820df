package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry"
)

// Target returns where the versions of a plugin are published.
func (c *Client) Target(id manifest.ID) publish.Target {
	return &target{repo: repo{c, string(id)}, manifests: map[artifact.Digest][]byte{}}
}

// target pushes to one repository. It remembers the manifests it pushed, because
// tagging sends the bytes; an image index is not sent before.
type target struct {
	repo
	mu        sync.Mutex
	manifests map[artifact.Digest][]byte
}

// Put implements publish.Target.
func (t *target) Put(ctx context.Context, d artifact.Descriptor, r io.Reader) error {
	if registry.IsManifest(d.MediaType) {
		b, err := io.ReadAll(artifact.Verify(r, d))
		if err != nil {
			return err
		}
		t.mu.Lock()
		t.manifests[d.Digest] = b
		t.mu.Unlock()
		if d.MediaType == artifact.MediaIndex && !t.c.plain {
			return nil // it comes with its tag
		}
		return t.putManifest(ctx, d, string(d.Digest), b)
	}
	if d.Size <= smallBlob && !t.c.plain {
		return t.send(ctx, d, r)
	}
	have, err := t.has(ctx, d)
	if err != nil || have {
		return err
	}
	return t.upload(ctx, d, r)
}

// smallBlob is the size in bytes up to which a blob is sent without asking whether it is
// there: that takes as long as to send it.
const smallBlob = 64 << 10

// send sends a small blob in one request. A registry that does not know that begins an upload
// in its place (OCI Distribution 1.1, "Single POST").
func (t *target) send(ctx context.Context, d artifact.Descriptor, r io.Reader) error {
	b, err := io.ReadAll(artifact.Verify(r, d))
	if err != nil {
		return err
	}
	req, err := t.c.request(ctx, http.MethodPost, "/v2/"+t.name+"/blobs/uploads/?digest="+url.QueryEscape(string(d.Digest)), bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	res, err := t.c.do(req, http.StatusCreated, http.StatusAccepted)
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode == http.StatusCreated {
		return nil
	}
	return t.end(ctx, d, bytes.NewReader(b), res)
}

func (t *target) has(ctx context.Context, d artifact.Descriptor) (bool, error) {
	r, err := t.c.request(ctx, http.MethodHead, t.path(d), nil)
	if err != nil {
		return false, err
	}
	res, err := t.c.do(r, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return false, err
	}
	return res.StatusCode == http.StatusOK, res.Body.Close()
}

// upload sends a blob: one request to begin, one with the bytes.
func (t *target) upload(ctx context.Context, d artifact.Descriptor, r io.Reader) error {
	req, err := t.c.request(ctx, http.MethodPost, "/v2/"+t.name+"/blobs/uploads/", nil)
	if err != nil {
		return err
	}
	res, err := t.c.do(req, http.StatusAccepted)
	if err != nil {
		return err
	}
	res.Body.Close()
	return t.end(ctx, d, r, res)
}

// end sends the bytes to where the answer to the first request says.
func (t *target) end(ctx context.Context, d artifact.Descriptor, r io.Reader, begun *http.Response) error {
	at, err := t.c.location(begun)
	if err != nil {
		return err
	}
	q := at.Query()
	q.Set("digest", string(d.Digest))
	at.RawQuery = q.Encode()
	// Hashing on the way makes a file that changed while it was sent an error here.
	source := &watched{r: artifact.Verify(r, d)}
	req, err := t.c.requestAt(ctx, http.MethodPut, at, io.NopCloser(source))
	if err != nil {
		return err
	}
	req.ContentLength = d.Size
	if d.Size == 0 {
		req.Body = http.NoBody
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	res, err := t.c.do(req, http.StatusCreated)
	if bad := source.trouble(); err != nil && bad != nil {
		return bad // not the registry's fault
	}
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// watched keeps the error of a reader, which the transport reports as its own.
type watched struct {
	r   io.Reader
	mu  sync.Mutex
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		w.mu.Lock()
		w.err = err
		w.mu.Unlock()
	}
	return n, err
}

func (w *watched) trouble() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// location returns where an upload goes on. It must be at the registry itself: the
// token and the bytes are sent there.
func (c *Client) location(res *http.Response) (*url.URL, error) {
	at, err := res.Location()
	if err != nil {
		return nil, fmt.Errorf("%w: no upload location", ErrProtocol)
	}
	if !sameOrigin(at, c.base) || at.User != nil {
		return nil, fmt.Errorf("%w: upload location on another host: %.200q", ErrProtocol, at.Scheme+"://"+at.Host)
	}
	if !strings.HasPrefix(at.Path, c.base.Path+"/") { // behind a proxy that adds a prefix
		at.Path, at.RawPath = c.base.Path+at.Path, ""
	}
	return at, nil
}

func (t *target) putManifest(ctx context.Context, d artifact.Descriptor, ref string, b []byte) error {
	r, err := t.c.request(ctx, http.MethodPut, "/v2/"+t.name+"/manifests/"+ref, bytes.NewReader(b))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", d.MediaType)
	res, err := t.c.do(r, http.StatusCreated)
	if err != nil {
		return err
	}
	if t.c.warn != nil {
		for _, text := range registry.ParseWarnings(res.Header.Values("Warning")) {
			t.c.warn(text)
		}
	}
	return res.Body.Close()
}

// Tag implements publish.Target. On a registry it is the publication.
func (t *target) Tag(ctx context.Context, name, tag string, d artifact.Descriptor) error {
	if name != t.name {
		return fmt.Errorf("tag %s:%s: this target is for %s", name, tag, t.name)
	}
	t.mu.Lock()
	b := t.manifests[d.Digest]
	t.mu.Unlock()
	if b == nil {
		return errors.Join(fmt.Errorf("tag %s:%s: push %s first", name, tag, d.Digest.Short()), registry.ErrNotFound)
	}
	return t.putManifest(ctx, d, tag, b)
}
