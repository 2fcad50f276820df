package blobs

import (
	"context"
	"io"
)

// chain reads objects one behind the other.
type chain struct {
	ctx  context.Context
	s    Store
	keys []string
	r    io.ReadCloser
}

// Read implements io.Reader.
func (c *chain) Read(p []byte) (int, error) {
	for {
		if c.r == nil {
			if len(c.keys) == 0 {
				return 0, io.EOF
			}
			r, _, err := c.s.Open(c.ctx, c.keys[0])
			if err != nil {
				return 0, err
			}
			c.r, c.keys = r, c.keys[1:]
		}
		n, err := c.r.Read(p)
		if err == io.EOF {
			err = c.r.Close()
			c.r = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close lets go of the object that is being read.
func (c *chain) Close() error {
	if c.r == nil {
		return nil
	}
	return c.r.Close()
}
