package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// maxTag is the length of an ETag in bytes that is kept and sent again.
const maxTag = 256

// Plugin implements index.Index. It asks for the document each time; who needs several
// puts a fetch.Index in between.
func (c *Client) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	return fetch.ReadDocument(ctx, c, id)
}

// Document implements fetch.Remote. A tag that no registry can have sent counts as none.
func (c *Client) Document(ctx context.Context, id manifest.ID, tag string) (fetch.Answer, error) {
	a, err := c.document(ctx, id, tag)
	if err != nil {
		return a, fmt.Errorf("index of %s: %w", id, err)
	}
	return a, nil
}

func (c *Client) document(ctx context.Context, id manifest.ID, tag string) (a fetch.Answer, err error) {
	r, err := c.request(ctx, http.MethodGet, "/index/v1/"+string(id), nil)
	if err != nil {
		return a, err
	}
	want := []int{http.StatusOK}
	if isTag(tag) {
		r.Header.Set("If-None-Match", tag)
		want = append(want, http.StatusNotModified)
	}
	res, err := c.get(r, index.MaxDocument+1, append(want, http.StatusNotFound)...)
	if err != nil {
		return a, err
	}
	if v := res.Header.Get(registry.HeaderRevision); registry.CheckRevision(v) == nil {
		a.Revision = v
	}
	switch res.StatusCode {
	case http.StatusNotFound:
		err := refusal(r, res)
		if errors.Is(err, registry.ErrNotFound) && !errors.Is(err, index.ErrNotFound) {
			err = fmt.Errorf("%w: %w", index.ErrNotFound, err)
		}
		return a, err
	case http.StatusNotModified:
		a.Unchanged, a.Tag = true, tag
		return a, nil
	}
	if v := res.Header.Get("ETag"); isTag(v) {
		a.Tag = v
	}
	a.Bytes, err = io.ReadAll(res.Body)
	return a, err
}

// File returns a file of at most limit bytes that the server has beside what a registry
// has; path begins with a slash. If there is none the error wraps registry.ErrNotFound.
func (c *Client) File(ctx context.Context, path string, limit int64) ([]byte, error) {
	r, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	res, err := c.get(r, limit+1, http.StatusOK, http.StatusNotFound, http.StatusGone)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %w", path, registry.ErrNotFound)
	}
	b, err := io.ReadAll(res.Body)
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%w: GET %s: more than %d bytes", ErrProtocol, path, limit)
	}
	return b, err
}

// maxNames is how many bytes the list of names may have, decoded: some millions of names.
const maxNames = 64 << 20

// Names lists the plugins that have a release, sorted. It implements index.Lister. If the
// server has no such list, the error wraps registry.ErrNotFound; one that is not of the form of
// docs/spec/index.md is [ErrProtocol].
func (c *Client) Names(ctx context.Context) ([]manifest.ID, error) {
	b, err := c.File(ctx, registry.RouteNames, maxNames)
	if err != nil {
		return nil, fmt.Errorf("names: %w", err)
	}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		return nil, fmt.Errorf("names: %w: the last line is cut off", ErrProtocol)
	}
	out := make([]manifest.ID, 0, bytes.Count(b, []byte("\n")))
	for line := range bytes.Lines(b) {
		id, err := manifest.ParseID(string(line[:len(line)-1]))
		if err != nil {
			return nil, fmt.Errorf("names: %w: line %d: %w", ErrProtocol, len(out)+1, err)
		}
		if len(out) > 0 && id <= out[len(out)-1] {
			return nil, fmt.Errorf("names: %w: line %d is not in order", ErrProtocol, len(out)+1)
		}
		out = append(out, id)
	}
	return out, nil
}

// isTag reports whether t looks like an ETag, of RFC 9110 section 8.8.3.
func isTag(t string) bool {
	if len(t) > 2 && t[:2] == "W/" {
		t = t[2:]
	}
	if len(t) < 2 || len(t) > maxTag || t[0] != '"' || t[len(t)-1] != '"' {
		return false
	}
	for _, c := range []byte(t[1 : len(t)-1]) {
		if c <= ' ' || c == '"' || c >= 0x7f {
			return false
		}
	}
	return true
}

// Revision implements fetch.Remote.
func (c *Client) Revision(ctx context.Context) (string, error) {
	r, err := c.request(ctx, http.MethodGet, registry.RouteRevision, nil)
	if err != nil {
		return "", err
	}
	var x struct{ Revision string }
	err = c.readJSON(r, &x)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return "", nil // a registry without revisions
	case err != nil:
		return "", fmt.Errorf("revision of the index: %w", err)
	}
	if err := registry.CheckRevision(x.Revision); err != nil {
		return "", fmt.Errorf("revision of the index: %w: %w", ErrProtocol, err)
	}
	return x.Revision, nil
}
