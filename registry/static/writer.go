package static

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/manifest"
)

// Writer adds to a static tree. It holds the lock of the folder until it is closed. Put
// allows concurrent calls.
type Writer struct {
	tree *Tree
	lock *filelock.Lock
	old  *index.Available // what was there; never nil

	mu   sync.Mutex
	made map[string]bool // folders that are there and swept
}

// Create opens the tree in dir for writing, and makes it if the folder is missing or empty.
// A folder with other content is refused with [ErrNotTree]. It waits for the lock until ctx
// ends. The caller closes the Writer.
func Create(ctx context.Context, dir string) (*Writer, error) {
	if runtime.GOOS == "windows" {
		return nil, fmt.Errorf("%s: %w: Windows allows no file names with a colon", dir, ErrName)
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if !Is(path) {
		entries, err := os.ReadDir(path)
		if err == nil && slices.ContainsFunc(entries, foreign) {
			return nil, fmt.Errorf("%s: %w, and not empty", dir, ErrNotTree)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if err := durable.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	lock, err := filelock.Exclusive(ctx, filepath.Join(path, lockPath))
	if err != nil {
		return nil, err
	}
	w := &Writer{tree: &Tree{dir: path}, lock: lock, made: map[string]bool{}}
	if err := w.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), lock.Unlock())
	}
	return w, nil
}

// foreign reports an entry that is not left over from making a tree.
func foreign(e fs.DirEntry) bool {
	switch e.Name() {
	case "v2", "index", ".well-known", availablePath, lockPath:
		return false
	}
	return !strings.HasPrefix(e.Name(), durable.TempPrefix)
}

func (w *Writer) begin(ctx context.Context) error {
	if err := durable.Sweep(w.tree.dir); err != nil {
		return err
	}
	a, err := w.tree.Available(ctx)
	if err != nil {
		return err
	}
	if a == nil && Is(w.tree.dir) {
		// Everything in it counts as there. A list would take that away.
		return fmt.Errorf("%w that can be added to: it has no %s", ErrNotTree, availablePath)
	}
	w.old = &index.Available{}
	if a != nil {
		w.old.Merge(a)
	}
	return nil
}

// Close gives the lock back.
func (w *Writer) Close() error { return w.lock.Unlock() }

// path returns where a file of the tree goes, in a folder that is made if it is missing.
func (w *Writer) path(name string) (string, error) {
	path := filepath.Join(w.tree.dir, filepath.FromSlash(name))
	dir := filepath.Dir(path)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.made[dir] {
		return path, nil
	}
	if err := w.inside(dir); err != nil {
		return "", err
	}
	if err := durable.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := durable.Sweep(dir); err != nil {
		return "", err
	}
	w.made[dir] = true
	return path, nil
}

// inside refuses a folder of the tree that is a link or a file: what is written must not
// land outside.
func (w *Writer) inside(dir string) error {
	rel, err := filepath.Rel(w.tree.dir, dir)
	if err != nil {
		return err
	}
	at := w.tree.dir
	for part := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		at = filepath.Join(at, part)
		st, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !st.IsDir() {
			err = fmt.Errorf("%s: %w: something else than a folder has it", at, ErrName)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether the tree has the bytes of d. Of large ones only the size is looked
// at: a second run over a mirror would read all of it otherwise.
func (w *Writer) holds(ctx context.Context, id manifest.ID, d artifact.Descriptor) bool {
	st, err := os.Lstat(filepath.Join(w.tree.dir, filepath.FromSlash(blobPath(id, d))))
	if err != nil || !st.Mode().IsRegular() || st.Size() != d.Size {
		return false
	}
	if d.Size > artifact.MaxManifest {
		return true
	}
	_, err = artifact.ReadBlob(ctx, w.Blobs(id), d, artifact.MaxManifest)
	return err == nil
}

// Blobs reads what the tree has of a plugin.
func (w *Writer) Blobs(id manifest.ID) artifact.Blobs { return w.tree.Blobs(id) }

// Put adds bytes of a plugin, which open gives, and checks them against the digest. What is
// there is not asked for again; added is false then. Errors wrap artifact.ErrDigest if the
// bytes are wrong, and nothing is kept of them.
func (w *Writer) Put(ctx context.Context, id manifest.ID, d artifact.Descriptor, open func() (io.ReadCloser, error)) (added bool, err error) {
	if err := d.Check(); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	path, err := w.path(blobPath(id, d))
	if err != nil {
		return false, err
	}
	if w.holds(ctx, id, d) {
		return false, nil
	}
	r, err := open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	err = durable.WriteFrom(path, 0o644, func(to io.Writer) error {
		_, err := io.Copy(to, artifact.Verify(r, d))
		return err
	})
	return err == nil, err
}

// Check reports what forbids a document in this tree: [ErrName], [ErrForeign] or
// index.ErrDocument.
func (w *Writer) Check(ctx context.Context, id manifest.ID, document []byte) error {
	_, err := w.replaces(ctx, id, document)
	return err
}

// replaces reports whether a document should be written: it is not if the tree has one with
// more releases, or the same one.
func (w *Writer) replaces(ctx context.Context, id manifest.ID, document []byte) (bool, error) {
	if path := documentsPath + "/" + id.Namespace(); path == revisionPath || path == namesPath {
		return false, fmt.Errorf("namespace of %s: %w: a file of the index has it", id, ErrName)
	}
	now, err := index.Parse(id, document)
	if err != nil {
		return false, err
	}
	raw, err := w.tree.Raw(ctx, id)
	if errors.Is(err, index.ErrNotFound) {
		return true, nil
	}
	if err != nil || bytes.Equal(raw, document) {
		return false, err
	}
	old, err := index.Parse(id, raw)
	if err != nil {
		return false, fmt.Errorf("%s: %w", w.tree.dir, err)
	}
	switch covers, covered := has(now, old), has(old, now); {
	case covers:
		return true, nil
	case covered:
		return false, nil
	}
	return false, fmt.Errorf("index of %s: %w", id, ErrForeign)
}

// has reports whether p has every release of q.
func has(p, q *index.Plugin) bool {
	digests := map[string]artifact.Digest{}
	for i := range p.Releases {
		digests[p.Releases[i].Version.String()] = p.Releases[i].Digest
	}
	return !slices.ContainsFunc(q.Releases, func(r index.Release) bool { return digests[r.Version.String()] != r.Digest })
}

// Commit writes documents, says what is available besides what was, and sets the revision.
// All bytes of what is available have been put. It reports whether anything changed.
func (w *Writer) Commit(ctx context.Context, documents map[manifest.ID][]byte, available *index.Available) (changed bool, err error) {
	for _, id := range slices.Sorted(maps.Keys(documents)) {
		fresh, err := w.replaces(ctx, id, documents[id])
		if err != nil {
			return changed, err
		}
		if !fresh {
			continue
		}
		changed = true
		if err := w.write(documentPath(id), documents[id]); err != nil {
			return changed, err
		}
	}
	w.old.Merge(available)
	list, err := w.old.Bytes()
	if err != nil {
		return changed, err
	}
	revision, err := w.revision(ctx, list)
	if err != nil {
		return changed, err
	}
	for _, f := range []struct {
		path string
		b    []byte
	}{{availablePath, list}, {markerPath, []byte(marker)}, {namesPath, namesOf(w.old)}, {revisionPath, revision}} {
		if old, err := w.tree.read(f.path, index.MaxAvailable); err == nil && bytes.Equal(old, f.b) {
			continue
		}
		changed = true
		if err := w.write(f.path, f.b); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// namesOf is the file that lists what is in the tree.
func namesOf(a *index.Available) []byte {
	var out bytes.Buffer
	for _, id := range a.Names() {
		out.WriteString(string(id))
		out.WriteByte('\n')
	}
	return out.Bytes()
}

func (w *Writer) write(name string, b []byte) error {
	path, err := w.path(name)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, b, 0o644)
}

// revision returns the file that names the state of the tree.
func (w *Writer) revision(ctx context.Context, available []byte) ([]byte, error) {
	names, err := w.tree.Names(ctx)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	for _, id := range names {
		b, err := w.tree.Raw(ctx, id)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(h, "%s %s\n", id, artifact.DigestOf(b))
	}
	fmt.Fprintf(h, "available %s\n", artifact.DigestOf(available))
	return []byte(`{"revision":"` + hex.EncodeToString(h.Sum(nil)) + "\"}\n"), nil
}
