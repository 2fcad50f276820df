package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
	"github.com/plugstead/plugstead/registry"
)

// Collected says what [Store.Collect] removed.
type Collected struct {
	Uploads   int   `json:"uploads"`   // that nobody continued
	Manifests int   `json:"manifests"` // of plugins that were never published
	Blobs     int   `json:"blobs"`     // that no manifest names
	Objects   int   `json:"objects"`   // deleted
	Bytes     int64 `json:"bytes"`     // of those blobs
}

// chunk is how many rows one change removes at most: others wait for it.
const chunk = 200

// Collect removes what nothing names and what is older than grace, which should be longer
// than any client takes from its first blob to its last manifest: a day is usual. The
// registry goes on meanwhile. A kill at any instant loses nothing: what was not done is
// found by the next collection. Any number of processes may collect at the same time.
//
// A row goes first, and with it the key of its object becomes garbage; then the object
// goes. Keys are never used again, so who pushes the same blob in between gets an object
// of his own, which this collection does not know.
func (s *Store) Collect(ctx context.Context, grace time.Duration) (c Collected, err error) {
	before := s.now().Add(-grace).Unix()
	for _, step := range []func(context.Context, int64, *Collected) error{
		s.collectUploads, s.collectManifests, s.collectVisible, s.collectBlobs, s.sweep, s.collectGarbage,
	} {
		if err := step(ctx, before, &c); err != nil {
			return c, fmt.Errorf("collection: %w", err)
		}
	}
	return c, nil
}

// inChunks repeats a change until it removes nothing.
func (s *Store) inChunks(ctx context.Context, change func(context.Context, querier) (removed int, err error)) error {
	for {
		n := 0
		err := s.seq.do(ctx, func(ctx context.Context, tx querier) (keep bool, err error) {
			n, err = change(ctx, tx)
			return n > 0, err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// collectUploads ends uploads that nobody continues; their time is their own.
func (s *Store) collectUploads(ctx context.Context, _ int64, c *Collected) error {
	return s.inChunks(ctx, func(ctx context.Context, tx querier) (int, error) {
		rows, err := texts(ctx, tx, 2, `select name, parts from upload where touched < $1 limit $2`, s.now().Add(-maxIdle).Unix(), chunk)
		if err != nil {
			return 0, err
		}
		for _, r := range rows {
			if _, err := tx.ExecContext(ctx, `delete from upload where name = $1`, r[0]); err != nil {
				return 0, err
			}
			if err := s.garbage(ctx, tx, strings.Fields(r[1])...); err != nil {
				return 0, err
			}
		}
		c.Uploads += len(rows)
		return len(rows), nil
	})
}

// collectManifests removes what was pushed to a namespace of plugins and never became part
// of a release. An index goes in one round, what it names in the next.
func (s *Store) collectManifests(ctx context.Context, before int64, c *Collected) error {
	return s.inChunks(ctx, func(ctx context.Context, tx querier) (int, error) {
		rows, err := texts(ctx, tx, 2, `select m.repo, m.digest from manifest m where m.created < $1 and m.created > 0 and m.subject = ''
			and not exists (select 1 from namespace n where n.kind = $2 and (m.repo = n.name or substr(m.repo, 1, length(n.name) + 1) = n.name || '/'))
			and not exists (select 1 from tag t where t.repo = m.repo and t.digest = m.digest)
			and not exists (select 1 from reference r where r.repo = m.repo and r.child = m.digest) limit $3`, before, registry.KindOCI, chunk)
		if err != nil {
			return 0, err
		}
		for _, r := range rows {
			for _, q := range []string{`delete from manifest where repo = $1 and digest = $2`, `delete from reference where repo = $1 and parent = $2`} {
				if _, err := tx.ExecContext(ctx, q, r[0], r[1]); err != nil {
					return 0, err
				}
			}
		}
		c.Manifests += len(rows)
		return len(rows), nil
	})
}

// collectVisible hides blobs from repositories in which no manifest names them.
func (s *Store) collectVisible(ctx context.Context, before int64, _ *Collected) error {
	return s.inChunks(ctx, func(ctx context.Context, tx querier) (int, error) {
		rows, err := texts(ctx, tx, 2, `select b.repo, b.digest from repo_blob b where b.created < $1
			and not exists (select 1 from reference r where r.repo = b.repo and r.child = b.digest) limit $2`, before, chunk)
		if err != nil {
			return 0, err
		}
		for _, r := range rows {
			if _, err := tx.ExecContext(ctx, `delete from repo_blob where repo = $1 and digest = $2`, r[0], r[1]); err != nil {
				return 0, err
			}
		}
		return len(rows), nil
	})
}

// collectBlobs removes blobs that are in no repository.
func (s *Store) collectBlobs(ctx context.Context, before int64, c *Collected) error {
	return s.inChunks(ctx, func(ctx context.Context, tx querier) (int, error) {
		rows, err := tx.QueryContext(ctx, `select b.digest, b.key, b.size from blob b where b.created < $1
			and not exists (select 1 from repo_blob r where r.digest = b.digest) limit $2`, before, chunk)
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		var digests, keys []string
		for rows.Next() {
			var digest, key string
			var size int64
			if err := rows.Scan(&digest, &key, &size); err != nil {
				return 0, err
			}
			digests, keys = append(digests, digest), append(keys, key)
			c.Bytes += size
		}
		if err := rows.Err(); err != nil {
			return 0, err
		}
		for _, d := range digests {
			if _, err := tx.ExecContext(ctx, `delete from blob where digest = $1`, d); err != nil {
				return 0, err
			}
		}
		c.Blobs += len(digests)
		return len(digests), s.garbage(ctx, tx, keys...)
	})
}

// garbage notes objects that nothing names any more.
func (s *Store) garbage(ctx context.Context, tx querier, keys ...string) error {
	for _, k := range keys {
		if _, err := tx.ExecContext(ctx, `insert into garbage values ($1, $2) on conflict do nothing`, k, s.now().Unix()); err != nil {
			return err
		}
	}
	return nil
}

// sweep finds objects that no row names: a kill came between the object and the row.
func (s *Store) sweep(ctx context.Context, before int64, _ *Collected) error {
	var found []string
	for o, err := range s.blobs.List(ctx, "") {
		if err != nil {
			return err
		}
		if o.Written.Unix() < before {
			found = append(found, o.Key)
		}
		if len(found) == chunk {
			if err := s.sweepChunk(ctx, found); err != nil {
				return err
			}
			found = found[:0]
		}
	}
	return s.sweepChunk(ctx, found)
}

func (s *Store) sweepChunk(ctx context.Context, keys []string) error {
	return s.seq.do(ctx, func(ctx context.Context, tx querier) (bool, error) {
		var orphans []string
		for _, k := range keys {
			if blobs.CheckKey(k) != nil { // nothing of ours
				continue
			}
			var n int
			err := tx.QueryRowContext(ctx, `select (select count(*) from blob where key = $1) +
				(select count(*) from upload where `+s.d.contains+`)`, k).Scan(&n)
			if err != nil {
				return false, err
			}
			if n == 0 {
				orphans = append(orphans, k)
			}
		}
		return len(orphans) > 0, s.garbage(ctx, tx, orphans...)
	})
}

// collectGarbage deletes objects, then the notes of them. No change waits for that.
func (s *Store) collectGarbage(ctx context.Context, _ int64, c *Collected) error {
	for {
		keys, err := s.garbageKeys(ctx)
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, k := range keys {
			if s.beforeDelete != nil {
				s.beforeDelete(k)
			}
			if err := s.blobs.Delete(ctx, k); err != nil {
				return err
			}
		}
		err = s.seq.do(ctx, func(ctx context.Context, tx querier) (bool, error) {
			for _, k := range keys {
				if _, err := tx.ExecContext(ctx, `delete from garbage where key = $1`, k); err != nil {
					return false, err
				}
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		c.Objects += len(keys)
	}
}

func (s *Store) garbageKeys(ctx context.Context) ([]string, error) {
	rows, err := texts(ctx, s.read, 1, `select key from garbage order by key limit $1`, chunk)
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r[0]
	}
	return out, err
}

// texts reads rows of text columns.
func texts(ctx context.Context, q rows, columns int, query string, args ...any) ([][]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out [][]string
	for rows.Next() {
		r := make([]string, columns)
		to := make([]any, columns)
		for i := range r {
			to[i] = &r[i]
		}
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}
