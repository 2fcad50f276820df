package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/store"
)

// Bundle is a bundle as a source of plugins. Its methods allow concurrent calls.
type Bundle struct {
	path      string
	entries   map[string]span
	available *index.Available
}

// span is where the bytes of an entry are.
type span struct{ at, size int64 }

var (
	_ fetch.Source   = (*Bundle)(nil)
	_ index.Searcher = (*Bundle)(nil)
)

// Open opens the bundle at path and looks at the headers of all its entries. A file of
// another form, or one that is cut off, is refused with [ErrBundle]. The file is opened anew
// for each read: there is nothing to close.
func Open(path string) (*Bundle, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f, err := openFile(abs)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := &Bundle{path: abs}
	if err := b.parse(f, st.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrBundle, err)
	}
	return b, nil
}

// openFile looks before it opens: to open a named pipe is to wait for whoever writes to it.
func openFile(path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a regular file", path, ErrBundle)
	}
	return os.Open(path)
}

// parse reads all of r, which has size bytes, but for the content of documents and blobs.
func (b *Bundle) parse(r io.ReaderAt, size int64) error {
	if err := b.scan(r, size); err != nil {
		return err
	}
	for _, name := range []string{layoutName, indexName, availableName} {
		if _, ok := b.entries[name]; !ok {
			return fmt.Errorf("no %s", name)
		}
	}
	raw, err := b.small(r, layoutName)
	if err == nil && string(raw) != layout {
		err = fmt.Errorf("%s says %.100q", layoutName, raw)
	}
	if err != nil {
		return err
	}
	if raw, err = b.small(r, availableName); err != nil {
		return err
	}
	b.available, err = index.ParseAvailable(raw)
	return err
}

// scan finds the entries.
func (b *Bundle) scan(r io.ReaderAt, size int64) error {
	b.entries = map[string]span{}
	raw := make([]byte, block)
	last := ""
	for at := int64(0); ; {
		if size-at < 2*block {
			return errors.New("the file is cut off")
		}
		if _, err := r.ReadAt(raw, at); err != nil {
			return fmt.Errorf("at byte %d: %w", at, err)
		}
		if isZero(raw) {
			return end(r, at+block, size)
		}
		name, n, err := readHeader(raw)
		if err == nil {
			err = follows(last, name)
		}
		if err != nil {
			return fmt.Errorf("at byte %d: %w", at, err)
		}
		if len(b.entries) >= maxEntries {
			return fmt.Errorf("more than %d entries", maxEntries)
		}
		next := at + block + n + padding(n)
		if next > size {
			return fmt.Errorf("%s: the file is cut off", name)
		}
		if err := zeros(r, at+block+n, padding(n)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b.entries[name] = span{at + block, n}
		last, at = name, next
	}
}

// follows checks that an entry may stand behind another.
func follows(last, name string) error {
	if a, b := rank(last), rank(name); last != "" && (a > b || a == b && last >= name) {
		return fmt.Errorf("%s stands behind %s", name, last)
	}
	return nil
}

// end checks that a block of zeros and nothing else is left.
func end(r io.ReaderAt, at, size int64) error {
	if size-at != block {
		return fmt.Errorf("%d bytes behind the end", size-at-block)
	}
	return zeros(r, at, block)
}

func zeros(r io.ReaderAt, at, n int64) error {
	b := make([]byte, n)
	if _, err := r.ReadAt(b, at); err != nil {
		return err
	}
	if !isZero(b) {
		return fmt.Errorf("at byte %d: not the zeros that belong there", at)
	}
	return nil
}

func isZero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

// readHeader reads a header and refuses one that a writer would not have made.
func readHeader(raw []byte) (name string, size int64, err error) {
	h, err := tar.NewReader(bytes.NewReader(raw)).Next()
	if err != nil {
		return "", 0, errors.New("no entry of a bundle")
	}
	if rank(h.Name) > 2 {
		if err := checkName(h.Name); err != nil {
			return "", 0, err
		}
	}
	if h.Size > limit(h.Name) {
		return "", 0, fmt.Errorf("%s: %d bytes, more than the limit of %d", h.Name, h.Size, limit(h.Name))
	}
	want, err := header(h.Name, h.Size)
	if err != nil {
		return "", 0, err
	}
	if !bytes.Equal(raw, want) {
		return "", 0, fmt.Errorf("%s: another header than bundles have", h.Name)
	}
	return h.Name, h.Size, nil
}

// small reads an entry into memory.
func (b *Bundle) small(r io.ReaderAt, name string) ([]byte, error) {
	s, ok := b.entries[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, store.ErrNotFound)
	}
	return io.ReadAll(io.NewSectionReader(r, s.at, s.size))
}

// Identity implements fetch.Source.
func (b *Bundle) Identity() string { return "bundle:" + filepath.ToSlash(b.path) }

// Raw implements fetch.Verbatim.
func (b *Bundle) Raw(_ context.Context, id manifest.ID) ([]byte, error) {
	if _, ok := b.entries[documents+string(id)]; !ok {
		return nil, fmt.Errorf("index of %s: %w", id, index.ErrNotFound)
	}
	f, err := openFile(b.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return b.small(f, documents+string(id))
}

// Narrow implements fetch.Narrower.
func (b *Bundle) Narrow(_ context.Context, p *index.Plugin) (*index.Plugin, error) {
	return b.available.Narrow(p), nil
}

// Available returns what is in the bundle. The caller does not change it.
func (b *Bundle) Available(context.Context) (*index.Available, error) { return b.available, nil }

// Plugin implements index.Index. Releases that are not in the bundle count as yanked.
func (b *Bundle) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	raw, err := b.Raw(ctx, id)
	if err != nil {
		return nil, err
	}
	p, err := index.Parse(id, raw)
	if err != nil {
		return nil, err
	}
	return b.available.Narrow(p), nil
}

// Names lists the plugins that have a document, sorted.
func (b *Bundle) Names(context.Context) ([]manifest.ID, error) {
	var out []manifest.ID
	for name := range b.entries {
		if id, ok := strings.CutPrefix(name, documents); ok {
			out = append(out, manifest.ID(id))
		}
	}
	slices.Sort(out)
	return out, nil
}

// Search implements index.Searcher by looking at every plugin, in the order of names.
func (b *Bundle) Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	return index.SearchAll(ctx, b, q)
}

// Blobs implements fetch.Source.
func (b *Bundle) Blobs(manifest.ID) artifact.Blobs { return content{b} }

type content struct{ b *Bundle }

// Open implements artifact.Blobs.
func (c content) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, ok := c.b.entries[blobs+d.Digest.Hex()]
	if !ok {
		return nil, fmt.Errorf("%s: %s: %w", c.b.Identity(), d.Digest.Short(), store.ErrNotFound)
	}
	f, err := openFile(c.b.path)
	if err != nil {
		return nil, err
	}
	return section{io.NewSectionReader(f, s.at, s.size), f}, nil
}

// section is a part of a file that closes the file.
type section struct {
	io.Reader
	io.Closer
}
