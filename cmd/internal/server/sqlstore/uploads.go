package sqlstore

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// Limits of uploads that are open at one time.
const (
	maxUploads = 1000
	maxIdle    = time.Hour
)

// NewUpload implements registry.Blobs. It fails with registry.ErrBusy if too many are
// open. What arrives of an upload is kept as objects, one for each request, and the state
// of the hash with their number of bytes, so that any replica can go on with it.
func (s *Store) NewUpload(ctx context.Context, repo string, a artifact.Algorithm) (string, error) {
	state, err := marshalHash(a.New())
	if err != nil {
		return "", err
	}
	name := rand.Text()
	return name, s.seq.do(ctx, func(ctx context.Context, tx querier) (bool, error) {
		now := s.now()
		var n int
		if err := tx.QueryRowContext(ctx, `select count(*) from upload where touched > $1`, now.Add(-maxIdle).Unix()).Scan(&n); err != nil {
			return false, err
		}
		if n >= maxUploads {
			return false, registry.ErrBusy
		}
		_, err := tx.ExecContext(ctx, `insert into upload values ($1, $2, $3, 0, $4, '', $5)`, name, repo, a, state, now.Unix())
		return true, err
	})
}

// Upload implements registry.Blobs.
func (s *Store) Upload(ctx context.Context, repo, name string) (registry.Upload, error) {
	u := &upload{s: s, repo: repo, name: name}
	var state []byte
	var parts string
	var touched int64
	err := s.read.QueryRowContext(ctx, `select algorithm, size, state, parts, touched from upload where name = $1 and repo = $2`, name, repo).
		Scan(&u.algorithm, &u.size, &state, &parts, &touched)
	if err == nil && s.now().Sub(time.Unix(touched, 0)) > maxIdle {
		err = sql.ErrNoRows
	}
	if err != nil {
		return nil, missing("upload", name, err)
	}
	u.parts = strings.Fields(parts)
	u.hash = u.algorithm.New()
	return u, u.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

func marshalHash(h hash.Hash) ([]byte, error) {
	m, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return nil, errors.New("an unknown algorithm of digests")
	}
	return m.MarshalBinary()
}

// upload is the state of an upload as one request found it. Of two requests at one time
// the slower one finds the number of bytes changed and gets registry.ErrOffset.
type upload struct {
	s          *Store
	repo, name string
	algorithm  artifact.Algorithm
	size       int64
	hash       hash.Hash
	parts      []string // keys of objects
	stale      bool     // another request has changed it, or something failed in the middle
}

// Size implements registry.Upload.
func (u *upload) Size() int64 { return u.size }

// Close implements registry.Upload: nothing is held.
func (u *upload) Close() error { return nil }

// arrival passes on what arrives, hashes and counts it. It ends where its source breaks
// off and keeps the error: what came until then is not lost.
type arrival struct {
	r   io.Reader
	h   hash.Hash
	n   int64
	err error
}

// Read implements io.Reader.
func (a *arrival) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	a.h.Write(p[:n])
	a.n += int64(n)
	if err != nil && err != io.EOF {
		a.err, err = err, io.EOF
	}
	return n, err
}

// check compares the digest of all that arrived.
func (a *arrival) check(d artifact.Digest) error {
	if got := d.Algorithm().Digest(a.h); got != d {
		return fmt.Errorf("blob: %w: got %s", artifact.ErrDigest, got.Short())
	}
	return nil
}

// arrive makes an object of what r gives. Without any byte there is none.
func (u *upload) arrive(ctx context.Context, key string, r io.Reader) (n int64, broken, err error) {
	if u.stale {
		return 0, nil, registry.ErrOffset
	}
	b := bufio.NewReaderSize(r, 16)
	if _, err := b.Peek(1); err != nil {
		if err == io.EOF {
			err = nil
		}
		return 0, err, nil
	}
	u.stale = true // until what arrives is noted
	a := &arrival{r: io.MultiReader(io.LimitReader(b, int64(b.Buffered())), r), h: u.hash}
	err = u.s.blobs.Put(ctx, key, a, -1)
	return a.n, a.err, err
}

// Append implements registry.Upload.
func (u *upload) Append(ctx context.Context, r io.Reader) error {
	key := u.partKey()
	n, broken, err := u.arrive(ctx, key, r)
	if err != nil || n == 0 {
		return errors.Join(err, broken)
	}
	return errors.Join(u.appended(context.WithoutCancel(ctx), key, n), broken)
}

func (u *upload) partKey() string {
	return fmt.Sprintf("uploads/%s.%d.%s", u.name, u.size, rand.Text())
}

// appended notes that n bytes are in an object.
func (u *upload) appended(ctx context.Context, key string, n int64) error {
	state, err := marshalHash(u.hash)
	if err != nil {
		return err
	}
	parts := append(u.parts[:len(u.parts):len(u.parts)], key)
	err = u.s.seq.do(ctx, func(ctx context.Context, tx querier) (bool, error) {
		r, err := tx.ExecContext(ctx, `update upload set size = $1, state = $2, parts = $3, touched = $4 where name = $5 and size = $6`,
			u.size+n, state, strings.Join(parts, " "), u.s.now().Unix(), u.name, u.size)
		return true, one(r, err, registry.ErrOffset)
	})
	if err != nil {
		return u.abandon(ctx, err, key)
	}
	u.size, u.parts, u.stale = u.size+n, parts, false
	return nil
}

// one returns an error if a statement did not change exactly one row.
func one(r sql.Result, err, otherwise error) error {
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err == nil && n != 1 {
		err = otherwise
	}
	return err
}

// Commit implements registry.Upload. The usual blob arrives here as a whole and becomes
// an object at once; parts become one.
func (u *upload) Commit(ctx context.Context, rest io.Reader, d artifact.Digest) error {
	if len(u.parts) == 0 && d.Algorithm() != u.algorithm {
		u.algorithm, u.hash = d.Algorithm(), d.Algorithm().New()
		if u.hash == nil {
			return fmt.Errorf("upload: %w", artifact.ErrDigest)
		}
	}
	key := newKey(d)
	first := key
	if len(u.parts) > 0 {
		first = u.partKey()
	}
	n, broken, err := u.arrive(ctx, first, rest)
	switch {
	case err != nil:
		return err
	case broken != nil && n > 0:
		return errors.Join(broken, u.appended(context.WithoutCancel(ctx), first, n))
	case broken != nil:
		return broken
	}
	return u.finish(context.WithoutCancel(ctx), d, key, first, n)
}

// finish makes the object of the blob of all parts and of the n bytes in last.
func (u *upload) finish(ctx context.Context, d artifact.Digest, key, last string, n int64) error {
	parts := u.parts
	if n > 0 {
		parts = append(parts[:len(parts):len(parts)], last)
	}
	err := u.check(ctx, d, parts)
	if err == nil && len(u.parts) > 0 {
		err = u.s.blobs.Join(ctx, key, parts)
	} else if err == nil && n == 0 {
		err = u.s.blobs.Put(ctx, key, strings.NewReader(""), 0)
	}
	if errors.Is(err, artifact.ErrDigest) {
		return errors.Join(err, u.end(ctx, last))
	}
	if err != nil {
		return err
	}
	return u.bind(ctx, d, key, u.size+n, parts)
}

// check compares the digest of everything that arrived. If it has another algorithm than
// was announced, the parts are read again.
func (u *upload) check(ctx context.Context, d artifact.Digest, parts []string) error {
	h := u.hash
	if d.Algorithm() != u.algorithm {
		if h = d.Algorithm().New(); h == nil {
			return fmt.Errorf("upload: %w", artifact.ErrDigest)
		}
		for _, key := range parts {
			if err := u.s.hashObject(ctx, key, h); err != nil {
				return err
			}
		}
	}
	if got := d.Algorithm().Digest(h); got != d {
		return fmt.Errorf("upload: %w: got %s", artifact.ErrDigest, got.Short())
	}
	return nil
}

func (s *Store) hashObject(ctx context.Context, key string, h hash.Hash) error {
	r, _, err := s.blobs.Open(ctx, key)
	if err != nil {
		return err
	}
	_, err = io.Copy(h, r)
	return errors.Join(err, r.Close())
}

// bind makes the object at key the blob, in one change with the end of the upload.
func (u *upload) bind(ctx context.Context, d artifact.Digest, key string, size int64, parts []string) error {
	used := false
	err := u.s.seq.do(ctx, func(ctx context.Context, tx querier) (bool, error) {
		r, err := tx.ExecContext(ctx, `delete from upload where name = $1 and size = $2`, u.name, u.size)
		if err := one(r, err, registry.ErrOffset); err != nil {
			return false, err
		}
		used, err = u.s.keep(ctx, tx, u.repo, d, key, size)
		return true, err
	})
	if err != nil {
		return u.abandon(ctx, err, append(slices.Clone(parts), key)...)
	}
	u.s.forget(ctx, slices.DeleteFunc(append(slices.Clone(parts), key), func(k string) bool { return used && k == key })...)
	return nil
}

// abandon deletes objects of a request that came too late, but those that the other one goes
// on with. After any other error nobody knows whether the change was made: what is of no use
// then is found by [Store.Collect].
func (u *upload) abandon(ctx context.Context, err error, keys ...string) error {
	if errors.Is(err, registry.ErrOffset) {
		u.s.forget(ctx, slices.DeleteFunc(keys, func(k string) bool { return slices.Contains(u.parts, k) })...)
	}
	return err
}

// Cancel implements registry.Upload.
func (u *upload) Cancel(ctx context.Context) error { return u.end(context.WithoutCancel(ctx), "") }

// end ends the upload without a blob, unless another request has gone on with it. last is
// an object that it does not name, or "".
func (u *upload) end(ctx context.Context, last string) error {
	err := u.s.seq.do(ctx, func(ctx context.Context, tx querier) (bool, error) {
		r, err := tx.ExecContext(ctx, `delete from upload where name = $1 and size = $2`, u.name, u.size)
		return true, one(r, err, registry.ErrOffset)
	})
	if err != nil {
		return u.abandon(ctx, err, last)
	}
	u.s.forget(ctx, append(slices.Clone(u.parts), last)...)
	return nil
}

// forget deletes objects that nothing names. What stays if that fails is found by [Store.Collect].
func (s *Store) forget(ctx context.Context, keys ...string) {
	for _, k := range keys {
		if err := s.blobs.Delete(ctx, k); err != nil && k != "" {
			s.log.Warn("object is left for the next collection", "key", k, "err", err)
		}
	}
}
