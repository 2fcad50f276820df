package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// newKey returns a key that was never used, for the object of a blob.
func newKey(d artifact.Digest) string {
	return string(d.Algorithm()) + "/" + d.Hex()[:2] + "/" + d.Hex() + "." + rand.Text()
}

// blobKey finds the object of a blob in a repository.
func (s *Store) blobKey(ctx context.Context, repo string, d artifact.Digest) (key string, size int64, err error) {
	err = s.read.QueryRowContext(ctx, `select b.key, b.size from repo_blob r join blob b on b.digest = r.digest
		where r.repo = $1 and r.digest = $2`, repo, d).Scan(&key, &size)
	return key, size, missing("blob", d, err)
}

// StatBlob implements registry.Blobs.
func (s *Store) StatBlob(ctx context.Context, repo string, d artifact.Digest) (size int64, err error) {
	_, size, err = s.blobKey(ctx, repo, d)
	return size, err
}

// OpenBlob implements registry.Blobs.
func (s *Store) OpenBlob(ctx context.Context, repo string, d artifact.Digest) (io.ReadSeekCloser, int64, error) {
	key, _, err := s.blobKey(ctx, repo, d)
	if err != nil {
		return nil, 0, err
	}
	return s.blobs.Open(ctx, key)
}

// BlobURL implements registry.Redirector.
func (s *Store) BlobURL(ctx context.Context, repo string, d artifact.Digest, ttl time.Duration) (string, error) {
	key, _, err := s.blobKey(ctx, repo, d)
	if err != nil {
		return "", err
	}
	return s.blobs.URL(ctx, key, ttl)
}

// MountBlob implements registry.Blobs.
func (s *Store) MountBlob(ctx context.Context, repo, from string, d artifact.Digest) error {
	return s.seq.do(ctx, func(ctx context.Context, tx querier) (bool, error) {
		var n int
		if err := tx.QueryRowContext(ctx, `select 1 from repo_blob where repo = $1 and digest = $2`, from, d).Scan(&n); err != nil {
			return false, missing("blob", d, err)
		}
		return true, s.show(ctx, tx, repo, d)
	})
}

// PutBlob implements registry.Blobs. The usual blob comes like this: one object and one change.
func (s *Store) PutBlob(ctx context.Context, repo string, d artifact.Digest, r io.Reader) error {
	a := &arrival{r: r, h: d.Algorithm().New()}
	if a.h == nil {
		return fmt.Errorf("blob: %w", artifact.ErrDigest)
	}
	if _, err := s.StatBlob(ctx, repo, d); err == nil {
		return s.again(ctx, repo, d, a)
	}
	key := newKey(d)
	err := errors.Join(s.blobs.Put(ctx, key, a, -1), a.err)
	if err == nil {
		err = a.check(d)
	}
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		s.forget(ctx, key)
		return err
	}
	used := false
	err = s.seq.do(ctx, func(ctx context.Context, tx querier) (_ bool, err error) {
		used, err = s.keep(ctx, tx, repo, d, key, a.n)
		return true, err
	})
	if err == nil && !used {
		s.forget(ctx, key)
	}
	return err // after another error nobody knows whether the change was made; see Collect
}

// again takes a blob that is there. Whoever sends it may count on it from now on.
func (s *Store) again(ctx context.Context, repo string, d artifact.Digest, a *arrival) error {
	_, err := io.Copy(io.Discard, a)
	if err = errors.Join(err, a.err); err == nil {
		err = a.check(d)
	}
	if err != nil {
		return err
	}
	return s.MountBlob(ctx, repo, repo, d)
}

// show makes a blob visible in a repository.
func (s *Store) show(ctx context.Context, tx querier, repo string, d artifact.Digest) error {
	_, err := tx.ExecContext(ctx, `insert into repo_blob values ($1, $2, $3)
		on conflict (repo, digest) do update set created = $3`, repo, d, s.now().Unix())
	return err
}

// keep makes a durable object the content of a blob, unless there is one already, and
// the blob visible. It reports whether the object is of use.
func (s *Store) keep(ctx context.Context, tx querier, repo string, d artifact.Digest, key string, size int64) (used bool, err error) {
	var have string
	err = tx.QueryRowContext(ctx, `select key from blob where digest = $1`, d).Scan(&have)
	if errors.Is(err, sql.ErrNoRows) {
		used = true
		_, err = tx.ExecContext(ctx, `insert into blob values ($1, $2, $3, $4)`, d, key, size, s.now().Unix())
	}
	if err == nil {
		err = s.show(ctx, tx, repo, d)
	}
	if err != nil {
		return false, fmt.Errorf("blob %s: %w", d.Short(), err)
	}
	return used, nil
}

var _ registry.Redirector = (*Store)(nil)
