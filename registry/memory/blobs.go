package memory

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// OpenBlob implements registry.Blobs.
func (r *Registry) OpenBlob(_ context.Context, name string, d artifact.Digest) (io.ReadSeekCloser, int64, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if x := r.repos[name]; x != nil {
		if b, ok := x.blobs[d]; ok {
			return registry.BytesBlob(b), int64(len(b)), nil
		}
	}
	return nil, 0, missing("blob", d)
}

// StatBlob implements registry.Blobs.
func (r *Registry) StatBlob(ctx context.Context, name string, d artifact.Digest) (int64, error) {
	_, n, err := r.OpenBlob(ctx, name, d)
	return n, err
}

// MountBlob implements registry.Blobs.
func (r *Registry) MountBlob(_ context.Context, name, from string, d artifact.Digest) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.repos[from]; x != nil {
		if b, ok := x.blobs[d]; ok {
			r.repo(name).blobs[d] = b
			return nil
		}
	}
	return missing("blob", d)
}

// PutBlob implements registry.Blobs.
func (r *Registry) PutBlob(_ context.Context, repo string, d artifact.Digest, src io.Reader) error {
	b, err := io.ReadAll(src)
	if err != nil {
		return err
	}
	if d.Algorithm().DigestOf(b) != d {
		return fmt.Errorf("blob: %w", artifact.ErrDigest)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.repo(repo).blobs[d] = b
	return nil
}

// NewUpload implements registry.Blobs. The algorithm does not matter here.
func (r *Registry) NewUpload(_ context.Context, name string, _ artifact.Algorithm) (string, error) {
	u := &upload{r: r, repo: name, name: rand.Text()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.repo(name).uploads[u.name] = u
	return u.name, nil
}

// Upload implements registry.Blobs.
func (r *Registry) Upload(_ context.Context, repo, name string) (registry.Upload, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if x := r.repos[repo]; x != nil {
		if u := x.uploads[name]; u != nil {
			return &request{upload: u, size: u.len()}, nil
		}
	}
	return nil, missing("upload", name)
}

// upload is what has arrived of a blob.
type upload struct {
	r          *Registry
	repo, name string
	mu         sync.Mutex
	b          []byte
}

func (u *upload) len() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.b)
}

// request is an upload as one request found it.
type request struct {
	*upload
	size int
}

// Size implements registry.Upload.
func (u *request) Size() int64 { return int64(u.size) }

// Append implements registry.Upload.
func (u *request) Append(_ context.Context, src io.Reader) error {
	b, err := io.ReadAll(src)
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.b) != u.size {
		return registry.ErrOffset
	}
	u.b = append(u.b, b...)
	u.size = len(u.b)
	return err
}

// Commit implements registry.Upload.
func (u *request) Commit(ctx context.Context, rest io.Reader, d artifact.Digest) error {
	if err := u.Append(ctx, rest); err != nil {
		return err
	}
	u.r.mu.Lock()
	defer u.r.mu.Unlock()
	x := u.r.repo(u.repo)
	if x.uploads[u.name] == nil {
		return missing("upload", u.name)
	}
	delete(x.uploads, u.name)
	if d.Algorithm().DigestOf(u.b) != d {
		return fmt.Errorf("upload: %w", artifact.ErrDigest)
	}
	x.blobs[d] = bytes.Clone(u.b)
	return nil
}

// Cancel implements registry.Upload.
func (u *request) Cancel(context.Context) error {
	u.r.mu.Lock()
	defer u.r.mu.Unlock()
	delete(u.r.repo(u.repo).uploads, u.name)
	return nil
}

// Close implements registry.Upload.
func (u *request) Close() error { return nil }
