package fetch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/private"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
)

// cacheFormat is the folder of this form of cache.
const cacheFormat = "v1"

// maxEntry is the length of the first line of a cached document.
const maxEntry = 4 << 10

// cache keeps the documents of one source in a folder, in the form that docs/spec/index.md
// describes. What cannot be read or written is as if it were not there: nothing depends
// on a cache. A nil cache is empty.
type cache struct{ dir string }

// entry is the first line of a cached document.
type entry struct {
	Revision string          `json:"revision,omitempty"`
	Tag      string          `json:"tag,omitempty"`
	Digest   artifact.Digest `json:"digest,omitempty"` // of the document; "": the name has none
}

// openCache opens the cache of a source below dir, which it makes. Index documents say
// what is installed, so the folder must belong to this user alone.
func openCache(dir, identity string) *cache {
	if dir == "" || !filepath.IsAbs(dir) {
		return nil
	}
	name := sha256.Sum256([]byte(identity))
	c := &cache{filepath.Join(dir, cacheFormat, hex.EncodeToString(name[:]))}
	for _, d := range []string{dir, c.dir} {
		if private.MkdirAll(d) != nil {
			return nil
		}
	}
	return c
}

func (c *cache) path(id manifest.ID) string {
	return filepath.Join(c.dir, id.Namespace(), id.Name())
}

// read returns what is kept of id, and the document if the name had one; nil if nothing
// that is whole is there.
func (c *cache) read(id manifest.ID) (*entry, *index.Plugin) {
	if c == nil {
		return nil, nil
	}
	b, err := readFile(c.path(id))
	if err != nil {
		return nil, nil
	}
	line, doc, ok := bytes.Cut(b, []byte("\n"))
	e := new(entry)
	if !ok || strictjson.Unmarshal(line, e, strictjson.Limits{Size: maxEntry, Depth: 2}) != nil {
		return nil, nil
	}
	if e.Digest == "" {
		if len(doc) > 0 {
			return nil, nil
		}
		return e, nil
	}
	p, err := index.Parse(id, doc)
	if err != nil || p.Document != e.Digest {
		return nil, nil
	}
	return e, p
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxEntry+index.MaxDocument+1))
}

// write keeps a document. One that came without a revision and without a tag could never
// be used again, except offline.
func (c *cache) write(id manifest.ID, e entry, doc []byte) {
	if c == nil {
		return
	}
	line, err := json.Marshal(e)
	if err != nil || len(line) > maxEntry {
		return
	}
	path := c.path(id)
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	_ = durable.WriteCache(path, append(append(line, '\n'), doc...), 0o600) // without it, it is asked for again
}

// renew keeps the document that is there with another first line.
func (c *cache) renew(id manifest.ID, e entry) {
	if c == nil {
		return
	}
	if b, err := readFile(c.path(id)); err == nil {
		_, doc, _ := bytes.Cut(b, []byte("\n"))
		if artifact.DigestOf(doc) == e.Digest { // another process may have written it
			c.write(id, e, doc)
		}
	}
}
