package handler

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// Errors of a body.
var (
	errTooLarge = errors.New("too large")
	errShort    = errors.New("the body has fewer bytes than Content-Range says")
	errLong     = errors.New("the body has more bytes than Content-Range says")
)

// chunk is a body that may have so many bytes. It fails, unlike io.LimitedReader, when more
// come, or fewer if their number is known. It keeps its error, which tells a broken body
// from a full disk.
type chunk struct {
	r     io.Reader
	left  int64
	exact bool
	err   error // other than io.EOF
}

// Read implements io.Reader.
func (c *chunk) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.left -= int64(n)
	switch {
	case c.left < 0 && c.exact:
		n, err = 0, errLong
	case c.left < 0:
		n, err = 0, errTooLarge
	case err == io.EOF && c.exact && c.left > 0:
		err = errShort
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// parseRange reads a Content-Range of an upload: "0-99", with or without "bytes ".
func parseRange(s string) (start, length int64, ok bool) {
	first, last, ok := strings.Cut(strings.TrimPrefix(s, "bytes "), "-")
	a, err1 := strconv.ParseUint(first, 10, 62)
	b, err2 := strconv.ParseUint(strings.TrimSuffix(last, "/*"), 10, 62)
	if !ok || err1 != nil || err2 != nil || b+1 < a {
		return 0, 0, false
	}
	return int64(a), int64(b + 1 - a), true // nothing is a chunk, too: "5-4"
}
