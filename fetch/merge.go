package fetch

import (
	"bufio"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/manifest"
)

// leastMerge is how many documents must have files of their own for a new pack.
const leastMerge = 64

// leftOver is the age from which on a temporary file is one that a kill left behind.
const leftOver = time.Hour

// close frees what the cache holds. If keep is set and many documents have files of their
// own, these become part of the pack.
func (c *cache) close(keep bool) {
	if c == nil {
		return
	}
	packed := 0
	if c.pack != nil {
		packed = len(c.pack.places)
	}
	c.pack.close() // some systems replace no open file
	c.later.close()
	if keep && len(c.single) >= max(leastMerge, packed/16) {
		c.merge()
	}
}

// merge makes a pack of the one that is there and of all files of documents, and removes
// these. One process at a time does so; a second one leaves it to the first. A document that
// another process replaces meanwhile stays a file, so it counts, not what is packed.
func (c *cache) merge() {
	lock, err := filelock.TryExclusive(filepath.Join(c.dir, "lock"))
	if err != nil {
		return
	}
	defer lock.Unlock()
	list, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	packed := map[string]fs.FileInfo{}
	err = durable.WriteCacheFrom(c.packPath(), 0o600, func(w io.Writer) error { return c.writePack(w, list, packed) })
	for _, e := range list {
		path := filepath.Join(c.dir, e.Name())
		now, serr := os.Lstat(path)
		if serr != nil {
			continue
		}
		was := packed[e.Name()]
		done := err == nil && was != nil && unchanged(now, was)
		if done || strings.HasPrefix(e.Name(), durable.TempPrefix) && time.Since(now.ModTime()) > leftOver {
			_ = os.Remove(path) // the next one tries again
		}
	}
}

// unchanged reports whether two looks at a file saw the same one: files of documents are
// replaced, never written to.
func unchanged(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// writePack writes the documents of the files in list, then those of the present pack that
// are not among them. It notes in packed which files are in it.
func (c *cache) writePack(w io.Writer, list []fs.DirEntry, packed map[string]fs.FileInfo) error {
	b := bufio.NewWriterSize(w, 1<<20)
	p, err := newPackWriter(b)
	if err != nil {
		return err
	}
	for _, f := range list {
		id, ok := singleID(f.Name())
		if !ok {
			continue
		}
		info, err := f.Info()
		if err != nil {
			continue
		}
		if head, doc := c.compile(id); head != nil {
			if err := p.add(id, head, doc); err != nil {
				return err
			}
			if p.has[id] {
				packed[f.Name()] = info
			}
		}
	}
	old := openPack(c.packPath())
	defer old.close()
	if old != nil {
		for id := range old.places {
			if err := p.copy(id, old); err != nil {
				return err
			}
		}
	}
	if err := p.end(); err != nil {
		return err
	}
	return b.Flush()
}

// copy adds what from has of id, if that is whole and not there already.
func (p *packWriter) copy(id manifest.ID, from *pack) error {
	var b []byte
	e, compiled := from.head(id, &b)
	doc := from.document(id)
	if p.has[id] || e == nil || doc == nil {
		return nil
	}
	return p.add(id, appendHead(nil, e, compiled), doc)
}

// compile returns the parts of a pack's entry for the document of id that has a file; nil if
// it cannot be used.
func (c *cache) compile(id manifest.ID) (head, doc []byte) {
	e, doc, err := c.readSingle(id)
	if err != nil {
		return nil, nil
	}
	if e.Digest == "" {
		return appendHead(nil, e, nil), nil
	}
	p := c.known(id)
	if p == nil || p.Document != e.Digest || artifact.DigestOf(doc) != e.Digest {
		if p, err = index.Parse(id, doc); err != nil || p.Document != e.Digest {
			return nil, nil
		}
	}
	compiled, err := p.Compile()
	if err != nil {
		return nil, nil
	}
	return appendHead(nil, e, compiled), doc
}
