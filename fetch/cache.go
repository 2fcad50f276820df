package fetch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/private"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
)

// cacheFormat is the folder of this form of cache.
const cacheFormat = "v2"

// errEntry says that a file is of another form than that of a cached document.
var errEntry = errors.New("no cached document")

// maxEntry is the length of the first line of a cached document.
const maxEntry = 4 << 10

// cache keeps the documents of one source in a folder, in the form that docs/spec/index.md
// describes: what came last in a file for each document, the rest in a pack. A file is
// newer than what the pack has of its name. What cannot be read or written is as if it were
// not there: nothing depends on a cache. A nil cache is empty.
type cache struct {
	dir  string
	pack *pack

	mu     sync.Mutex
	single map[manifest.ID]bool          // that have a file
	parsed map[manifest.ID]*index.Plugin // what this process read of files or wrote to them
	later  *pack                         // see newer
}

// entry is the first line of a cached document.
type entry struct {
	Revision string          `json:"revision,omitempty"`
	Tag      string          `json:"tag,omitempty"`
	Digest   artifact.Digest `json:"digest,omitempty"` // of the document; "": the name has none
}

// openCache opens the cache of a source below dir, which it makes. Index documents say
// what is installed, so the folder must belong to this user alone. The caller closes it.
func openCache(dir, identity string) *cache {
	if dir == "" || !filepath.IsAbs(dir) {
		return nil
	}
	name := sha256.Sum256([]byte(identity))
	c := &cache{dir: filepath.Join(dir, cacheFormat, hex.EncodeToString(name[:])), single: map[manifest.ID]bool{}, parsed: map[manifest.ID]*index.Plugin{}}
	for _, d := range []string{dir, c.dir} {
		if private.MkdirAll(d) != nil {
			return nil
		}
	}
	list, err := os.ReadDir(c.dir) // before the pack: what is merged meanwhile is in one of them
	if err != nil {
		return nil
	}
	for _, e := range list {
		if id, ok := singleID(e.Name()); ok {
			c.single[id] = true
		}
	}
	c.pack = openPack(c.packPath())
	return c
}

func (c *cache) packPath() string { return filepath.Join(c.dir, "pack") }

// path is the file of a document. No part of an id has a plus sign.
func (c *cache) path(id manifest.ID) string {
	return filepath.Join(c.dir, strings.Replace(string(id), "/", "+", 1))
}

// singleID returns of which document a file is.
func singleID(name string) (manifest.ID, bool) {
	if strings.Count(name, "+") != 1 {
		return "", false
	}
	id, err := manifest.ParseID(strings.Replace(name, "+", "/", 1))
	return id, err == nil
}

// read returns what is kept of id, and the document if the name had one; nil if nothing
// that is whole is there.
func (c *cache) read(id manifest.ID) (*entry, *index.Plugin) {
	if c == nil {
		return nil, nil
	}
	c.mu.Lock()
	single := c.single[id]
	c.mu.Unlock()
	if !single {
		return c.pack.read(id)
	}
	e, doc, err := c.readSingle(id)
	if err == nil && e.Digest == "" {
		return e, nil
	}
	if err == nil {
		if p, err := index.Parse(id, doc); err == nil && p.Document == e.Digest {
			c.remember(id, p)
			return e, p
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return c.newer().read(id)
	}
	return c.pack.read(id)
}

// newer returns the pack as another process has made it of files that were here.
func (c *cache) newer() *pack {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.later == nil {
		c.later = openPack(c.packPath())
	}
	return c.later
}

// remember notes that p has a file.
func (c *cache) remember(id manifest.ID, p *index.Plugin) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.single[id], c.parsed[id] = true, p
}

// known returns the document that was remembered last.
func (c *cache) known(id manifest.ID) *index.Plugin {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parsed[id]
}

// readSingle reads the file of a document, which it does not check.
func (c *cache) readSingle(id manifest.ID) (*entry, []byte, error) {
	b, err := readFile(c.path(id))
	if err != nil {
		return nil, nil, err
	}
	line, doc, ok := bytes.Cut(b, []byte("\n"))
	e := new(entry)
	if !ok || strictjson.Unmarshal(line, e, strictjson.Limits{Size: maxEntry, Depth: 2}) != nil || e.Digest == "" && len(doc) > 0 {
		return nil, nil, errEntry
	}
	return e, doc, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxEntry+index.MaxDocument+1))
}

// write keeps a document and its bytes; nil if the name has none. One that came without a
// revision and without a tag could never be used again, except offline.
func (c *cache) write(id manifest.ID, e entry, p *index.Plugin, doc []byte) {
	if c == nil {
		return
	}
	line, err := json.Marshal(e)
	if err != nil || len(line) > maxEntry {
		return
	}
	if _, err := manifest.ParseID(string(id)); err != nil {
		return
	}
	if durable.WriteCache(c.path(id), append(append(line, '\n'), doc...), 0o600) == nil { // without it, it is asked for again
		c.remember(id, p)
	}
}

// renew keeps the document p that is there with another entry.
func (c *cache) renew(id manifest.ID, e entry, p *index.Plugin) {
	if c == nil {
		return
	}
	_, doc, _ := c.readSingle(id)
	if artifact.DigestOf(doc) != e.Digest { // another process may have written it
		doc = c.pack.document(id)
	}
	if artifact.DigestOf(doc) == e.Digest {
		c.write(id, e, p, doc)
	}
}
