package handler

import (
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/plugstead/plugstead/artifact"
)

// maxKept is how many bytes of encoded documents are kept in memory.
const maxKept = 16 << 20

// encoded keeps documents in their codings, so that each is encoded once as long as it is
// asked for. What was not asked for since the memory was last full goes first.
type encoded struct {
	mu       sync.Mutex
	now, old map[key][]byte
	size     int // bytes of now
	under    singleflight.Group
}

// key names a document in a coding.
type key struct {
	d artifact.Digest
	e encoding
}

func (c *encoded) get(d artifact.Digest, e encoding, b []byte) ([]byte, error) {
	k := key{d, e}
	if x, ok := c.find(k); ok {
		return x, nil
	}
	x, err, _ := c.under.Do(string(e)+string(d), func() (any, error) {
		x, err := e.encode(b)
		if err == nil {
			c.keep(k, x)
		}
		return x, err
	})
	if err != nil {
		return nil, err
	}
	return x.([]byte), nil
}

func (c *encoded) find(k key) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x, ok := c.now[k]; ok {
		return x, true
	}
	x, ok := c.old[k]
	if ok {
		c.add(k, x)
	}
	return x, ok
}

func (c *encoded) keep(k key, x []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(k, x)
}

// add is called with the lock.
func (c *encoded) add(k key, x []byte) {
	if len(x) > maxKept/2 {
		return
	}
	if c.now == nil || c.size+len(x) > maxKept/2 {
		c.old, c.now, c.size = c.now, map[key][]byte{}, 0
	}
	c.now[k] = x
	c.size += len(x)
}
