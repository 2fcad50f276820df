// Package sqlstore is a registry.Backend: metadata in SQLite or PostgreSQL, bytes in a
// blobs.Store.
//
// Every change of a process goes through one sequencer (batch.go), which does those that
// come at the same time in one transaction; on PostgreSQL an advisory lock orders the
// transactions of all processes, so that any number may serve one registry. What a change
// acknowledged survives a power cut: SQLite runs in WAL mode with synchronous=FULL. A blob
// is durable before the row that makes it visible; see uploads.go and collect.go for the
// other end of its life.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// Options say where a registry keeps what it has.
type Options struct {
	// Postgres is the address of a PostgreSQL database, as a URL or in words. "": SQLite.
	Postgres string
	// File is that of an SQLite database, which is made if it is missing.
	File string
	// Blobs keeps the bytes. The store does not close it.
	Blobs blobs.Store
	// Log gets what goes wrong where nobody waits for an answer. Default: dropped.
	Log *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Store is a registry. Its methods allow concurrent calls; Close ends it.
type Store struct {
	d     *dialect
	read  *reader
	write *sql.DB // the pool of read for PostgreSQL
	seq   *sequencer
	blobs blobs.Store
	log   *slog.Logger
	now   func() time.Time
	// beforeDelete is called before an object is deleted, in tests.
	beforeDelete func(key string)
}

var _ registry.Backend = (*Store)(nil)

// Open opens a database and brings its schema up to date. It returns [ErrNewer] if this
// program does not know the schema.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{d: sqlite, blobs: o.Blobs, log: o.Log, now: o.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	what := "database " + o.File
	var read *sql.DB
	var err error
	if o.Postgres == "" {
		read, s.write, err = openSQLite(o.File)
	} else {
		s.d, what = postgres, "database"
		read, err = openPostgres(o.Postgres)
		s.write = read
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	s.read = newReader(read)
	if err := migrate(ctx, s.write, s.d); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", what, err), s.read.close(), s.write.Close())
	}
	s.seq = newSequencer(s.write, s.d.begin)
	return s, nil
}

// Close waits for changes that have begun and ends all connections.
func (s *Store) Close() error {
	s.seq.close()
	return errors.Join(s.read.close(), s.write.Close())
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var n int
	return s.read.QueryRowContext(ctx, `select 1`).Scan(&n)
}

func missing(what string, x any, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s %v: %w", what, x, registry.ErrNotFound)
	}
	return err
}

// Namespace implements registry.Namespaces.
func (s *Store) Namespace(ctx context.Context, name string) (registry.Namespace, error) {
	ns := registry.Namespace{Name: name}
	err := s.read.QueryRowContext(ctx, `select kind from namespace where name = $1`, name).Scan(&ns.Kind)
	return ns, missing("namespace", name, err)
}

// Document implements registry.Documents.
func (s *Store) Document(ctx context.Context, id manifest.ID) (b []byte, d artifact.Digest, err error) {
	err = s.read.QueryRowContext(ctx, `select document, digest from plugin where id = $1`, id).Scan(&b, &d)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%s: %w", id, index.ErrNotFound)
	}
	return b, d, err
}

// Revision implements registry.Documents.
func (s *Store) Revision(ctx context.Context) (string, error) {
	return s.Setting(ctx, settingRevision)
}

// Position implements registry.Documents.
func (s *Store) Position(ctx context.Context) (n int64, err error) {
	err = s.read.QueryRowContext(ctx, `select coalesce(max(position), 0) from event`).Scan(&n)
	return n, err
}

// Names implements registry.Documents. What has no newest release is a name that others
// offer, or a plugin whose releases are all withdrawn.
func (s *Store) Names(ctx context.Context, after manifest.ID, limit int) ([]manifest.ID, error) {
	return ids(ctx, s.read, `select p.id from plugin p where p.id > $1
		and (p.latest <> '' or exists (select 1 from tag t where t.repo = p.id)) order by p.id limit $2`, after, limit)
}

// DocumentAt implements registry.Documents.
func (s *Store) DocumentAt(ctx context.Context, d artifact.Digest) (b []byte, err error) {
	err = s.read.QueryRowContext(ctx, `select document from plugin where digest = $1`, d).Scan(&b)
	return b, missing("document", d, err)
}

// Setting returns a value that [Store.SetOnce] kept, or registry.ErrNotFound.
func (s *Store) Setting(ctx context.Context, key string) (value string, err error) {
	err = s.read.QueryRowContext(ctx, `select value from setting where key = $1`, key).Scan(&value)
	return value, missing("setting", key, err)
}

// SetOnce keeps a value under a key that has none yet, and reports whether it did.
func (s *Store) SetOnce(ctx context.Context, key, value string) (kept bool, err error) {
	err = s.seq.do(ctx, func(ctx context.Context, tx querier) (bool, error) {
		r, err := tx.ExecContext(ctx, `insert into setting values ($1, $2) on conflict do nothing`, key, value)
		if err != nil {
			return false, err
		}
		n, err := r.RowsAffected()
		kept = n > 0
		return kept, err
	})
	return kept, err
}
