// Package blobs keeps the bytes of a registry in a folder, by digest.
//
// An upload is a file of its own that is hashed while it arrives. To end it, the
// file is synced and linked to its final name; a kill leaves either no blob or all
// of it, and an upload file that the next start removes.
package blobs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/registry"
)

// Limits of uploads that are open at one time.
const (
	maxUploads = 1000
	maxIdle    = time.Hour
)

// Dir is a folder of blobs. Its methods allow concurrent calls, but one process
// alone may have the folder open.
type Dir struct {
	path    string
	mu      sync.Mutex
	uploads map[string]*Upload
}

// Open opens the folder, which is made if it is missing, and removes uploads that
// were not ended.
func Open(path string) (*Dir, error) {
	up := filepath.Join(path, "uploads")
	if err := os.RemoveAll(up); err != nil {
		return nil, err
	}
	for _, p := range []string{up, filepath.Join(path, "sha256")} {
		if err := durable.MkdirAll(p, 0o700); err != nil {
			return nil, err
		}
	}
	return &Dir{path: path, uploads: map[string]*Upload{}}, nil
}

func (d *Dir) file(x artifact.Digest) string {
	return filepath.Join(d.path, "sha256", x.Hex()[:2], x.Hex())
}

// OpenBlob returns a blob and its size, or registry.ErrNotFound.
func (d *Dir) OpenBlob(x artifact.Digest) (*os.File, int64, error) {
	if _, err := artifact.ParseDigest(string(x)); err != nil {
		return nil, 0, err
	}
	f, err := os.Open(d.file(x))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("blob %s: %w", x.Short(), registry.ErrNotFound)
	}
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// NewUpload begins an upload, or fails with registry.ErrBusy.
func (d *Dir) NewUpload(repo string) (*Upload, error) {
	u := &Upload{d: d, Repo: repo, Name: rand.Text(), hash: sha256.New(), touched: time.Now()}
	d.mu.Lock()
	d.expire()
	if len(d.uploads) >= maxUploads {
		d.mu.Unlock()
		return nil, registry.ErrBusy
	}
	d.uploads[u.Name] = u
	d.mu.Unlock()
	f, err := os.OpenFile(u.path(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		u.forget()
		return nil, err
	}
	u.f = f
	return u, nil
}

// expire ends uploads that nobody continues. The lock is held.
func (d *Dir) expire() {
	for name, u := range d.uploads {
		if u.mu.TryLock() {
			if time.Since(u.touched) > maxIdle {
				u.end()
				delete(d.uploads, name)
			}
			u.mu.Unlock()
		}
	}
}

// Upload returns an open upload for one request, which holds it until Close.
func (d *Dir) Upload(repo, name string) (*Upload, error) {
	d.mu.Lock()
	u := d.uploads[name]
	d.mu.Unlock()
	if u == nil || u.Repo != repo {
		return nil, fmt.Errorf("upload %.40q: %w", name, registry.ErrNotFound)
	}
	u.mu.Lock()
	if u.f == nil {
		u.mu.Unlock()
		return nil, fmt.Errorf("upload %s: %w", name, registry.ErrNotFound)
	}
	return u, nil
}

// Upload is a blob that is arriving. It satisfies registry.Upload but for what a
// commit means to the repository; the store around it adds that.
type Upload struct {
	Repo, Name string
	d          *Dir
	mu         sync.Mutex
	f          *os.File // nil: ended
	hash       hash.Hash
	size       int64
	touched    time.Time
}

func (u *Upload) path() string { return filepath.Join(u.d.path, "uploads", u.Name) }

// Size is the number of bytes that arrived.
func (u *Upload) Size() int64 { return u.size }

// Append adds bytes at the end. After an error what arrived stays.
func (u *Upload) Append(r io.Reader) error {
	n, err := io.Copy(io.MultiWriter(u.f, u.hash), r)
	u.size += n
	u.touched = time.Now()
	return err
}

// Commit checks the digest and makes the blob durable. The upload is gone after it.
func (u *Upload) Commit(_ context.Context, x artifact.Digest) error {
	defer u.forget()
	if got := artifact.Digest("sha256:" + hex.EncodeToString(u.hash.Sum(nil))); got != x {
		u.end()
		return fmt.Errorf("upload: %w: got %s", artifact.ErrDigest, got.Short())
	}
	defer u.end()
	if err := u.f.Sync(); err != nil {
		return err
	}
	final := u.d.file(x)
	if err := durable.MkdirAll(filepath.Dir(final), 0o700); err != nil {
		return err
	}
	if err := os.Link(u.path(), final); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(final))
}

// Cancel ends the upload without a blob.
func (u *Upload) Cancel() error {
	u.end()
	u.forget()
	return nil
}

// Close lets other requests have the upload.
func (u *Upload) Close() error {
	u.mu.Unlock()
	return nil
}

func (u *Upload) end() {
	if u.f != nil {
		u.f.Close()
		os.Remove(u.path())
		u.f = nil
	}
}

func (u *Upload) forget() {
	u.d.mu.Lock()
	delete(u.d.uploads, u.Name)
	u.d.mu.Unlock()
}
