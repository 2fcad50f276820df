package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
)

var _ fetch.Ranger = repo{}

// OpenAt implements fetch.Ranger. Bytes of another place than that asked for are
// ErrNoRange and [ErrProtocol].
func (b repo) OpenAt(ctx context.Context, d artifact.Descriptor, offset int64) (io.ReadCloser, error) {
	r, err := b.c.request(ctx, http.MethodGet, b.path(d), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", d.MediaType)
	r.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	res, err := b.c.do(r, http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Digest.Short(), err)
	}
	if res.StatusCode != http.StatusPartialContent {
		res.Body.Close()
		return nil, fmt.Errorf("%s: %w: %s", d.Digest.Short(), fetch.ErrNoRange, printable(res.Status))
	}
	got, err := parseContentRange(res.Header.Get("Content-Range"))
	if err == nil && (got.first != offset || got.last >= d.Size || got.size >= 0 && got.size != d.Size || res.Header.Get("Content-Encoding") != "") {
		err = fmt.Errorf("asked for %d-%d/%d, got %.80q", offset, d.Size-1, d.Size, res.Header.Get("Content-Range"))
	}
	if err != nil {
		res.Body.Close()
		return nil, fmt.Errorf("%s: %w: %w: %w", d.Digest.Short(), fetch.ErrNoRange, ErrProtocol, err)
	}
	return res.Body, nil
}

// contentRange is what a part of a blob is of.
type contentRange struct {
	first, last int64 // bytes, counted from 0
	size        int64 // of all; -1: not told
}

// parseContentRange reads a Content-Range header of RFC 9110 section 14.4 that comes with
// one part, in bytes.
func parseContentRange(h string) (c contentRange, err error) {
	bad := fmt.Errorf("bad Content-Range %.80q", h)
	unit, spec, _ := strings.Cut(h, " ")
	span, size, ok := strings.Cut(spec, "/")
	first, last, ok2 := strings.Cut(span, "-")
	if !strings.EqualFold(unit, "bytes") || !ok || !ok2 {
		return contentRange{}, bad
	}
	c.size = -1
	if size != "*" && !digits(size, &c.size) || !digits(first, &c.first) || !digits(last, &c.last) {
		return contentRange{}, bad
	}
	if c.first > c.last || c.size >= 0 && c.last >= c.size {
		return contentRange{}, bad
	}
	return c, nil
}

// digits reads a number that consists of digits alone.
func digits(s string, n *int64) bool {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return false
	}
	v, err := strconv.ParseInt(s, 10, 64)
	*n = v
	return err == nil
}
