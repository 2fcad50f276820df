// Package sqlstore is a registry.Backend: metadata in SQLite, bytes in a folder.
//
// One connection writes and several read. The database runs in WAL mode with
// synchronous=FULL: a commit that returned survives a power cut. A blob is durable
// on disk before the row that makes it visible.
package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// Store is a registry. Its methods allow concurrent calls; Close ends it.
type Store struct {
	read, write *sql.DB
	blobs       *blobs.Dir
}

var _ registry.Backend = (*Store)(nil)

// Open opens a database file, which is made if it is missing, over a folder of
// blobs.
func Open(ctx context.Context, file string, b *blobs.Dir) (*Store, error) {
	dsn := func(extra string) string {
		u := url.URL{Scheme: "file", Opaque: url.PathEscape(file)}
		return u.String() + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)" + extra
	}
	write, err := sql.Open("sqlite", dsn("&_txlock=immediate"))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	if err := migrate(ctx, write); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", file, err), write.Close())
	}
	read, err := sql.Open("sqlite", dsn("&_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(max(4, 2*runtime.NumCPU()))
	return &Store{read: read, write: write, blobs: b}, nil
}

// Close ends all connections.
func (s *Store) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

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
	err := s.read.QueryRowContext(ctx, `select kind from namespace where name = ?`, name).Scan(&ns.Kind)
	return ns, missing("namespace", name, err)
}

// Document implements registry.Documents.
func (s *Store) Document(ctx context.Context, id manifest.ID) (b []byte, d artifact.Digest, err error) {
	err = s.read.QueryRowContext(ctx, `select document, digest from plugin where id = ?`, id).Scan(&b, &d)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%s: %w", id, index.ErrNotFound)
	}
	return b, d, err
}

// Revision implements registry.Documents.
func (s *Store) Revision(ctx context.Context) (string, error) {
	return s.Setting(ctx, settingRevision)
}

// DocumentAt implements registry.Documents.
func (s *Store) DocumentAt(ctx context.Context, d artifact.Digest) (b []byte, err error) {
	err = s.read.QueryRowContext(ctx, `select document from plugin where digest = ?`, d).Scan(&b)
	return b, missing("document", d, err)
}

// OpenBlob implements registry.Blobs.
func (s *Store) OpenBlob(ctx context.Context, repo string, d artifact.Digest) (io.ReadSeekCloser, int64, error) {
	var size int64
	if err := s.read.QueryRowContext(ctx, `select size from blob where repo = ? and digest = ?`, repo, d).Scan(&size); err != nil {
		return nil, 0, missing("blob", d, err)
	}
	f, n, err := s.blobs.OpenBlob(d)
	if err != nil {
		return nil, 0, err
	}
	return f, n, nil
}

// MountBlob implements registry.Blobs.
func (s *Store) MountBlob(ctx context.Context, repo, from string, d artifact.Digest) error {
	r, err := s.write.ExecContext(ctx, `insert into blob select ?, digest, size from blob where repo = ? and digest = ? on conflict do nothing`, repo, from, d)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	b, _, err := s.OpenBlob(ctx, repo, d) // nothing to insert: is it there already?
	if err != nil {
		return err
	}
	return b.Close()
}

// NewUpload implements registry.Blobs.
func (s *Store) NewUpload(_ context.Context, repo string, _ artifact.Algorithm) (string, error) {
	u, err := s.blobs.NewUpload(repo)
	if err != nil {
		return "", err
	}
	return u.Name, nil
}

// Upload implements registry.Blobs.
func (s *Store) Upload(_ context.Context, repo, name string) (registry.Upload, error) {
	u, err := s.blobs.Upload(repo, name)
	if err != nil {
		return nil, err
	}
	return upload{u, s}, nil
}

// upload adds to a file upload that its blob becomes visible in the repository.
type upload struct {
	*blobs.Upload
	s *Store
}

func (u upload) Append(_ context.Context, r io.Reader) error { return u.Upload.Append(r) }

func (u upload) Cancel(context.Context) error { return u.Upload.Cancel() }

func (u upload) Commit(ctx context.Context, rest io.Reader, d artifact.Digest) error {
	if err := u.Upload.Append(rest); err != nil {
		return err
	}
	size := u.Size()
	if err := u.Upload.Commit(ctx, d); err != nil {
		return err
	}
	_, err := u.s.write.ExecContext(ctx, `insert into blob values (?, ?, ?) on conflict do nothing`, u.Repo, d, size)
	return err
}

const manifestColumns = `m.digest, m.media_type, m.artifact_type, m.annotations, m.body`

func scanManifest(scan func(...any) error) (d artifact.Descriptor, body []byte, err error) {
	var annotations string
	if err = scan(&d.Digest, &d.MediaType, &d.ArtifactType, &annotations, &body); err != nil {
		return d, nil, err
	}
	d.Size = int64(len(body))
	return d, body, json.Unmarshal([]byte(annotations), &d.Annotations)
}

// Manifest implements registry.Manifests.
func (s *Store) Manifest(ctx context.Context, repo, ref string) (artifact.Descriptor, []byte, error) {
	query := `select ` + manifestColumns + ` from manifest m where m.repo = ? and m.digest = ?`
	if _, err := artifact.ParseDigest(ref); err != nil {
		query = `select ` + manifestColumns + ` from tag t join manifest m on m.repo = t.repo and m.digest = t.digest where t.repo = ? and t.tag = ?`
	}
	d, body, err := scanManifest(s.read.QueryRowContext(ctx, query, repo, ref).Scan)
	return d, body, missing("manifest", ref, err)
}

// Tags implements registry.Manifests.
func (s *Store) Tags(ctx context.Context, repo string, p registry.Page) ([]string, error) {
	out := []string{}
	rows, err := s.read.QueryContext(ctx, `select tag from tag where repo = ? and tag > ? order by tag limit ?`, repo, p.After, limit(p))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	if err := rows.Err(); err != nil || len(out) > 0 || p.After != "" {
		return out, err
	}
	var n int
	err = s.read.QueryRowContext(ctx, `select 1 from manifest where repo = ?1 union select 1 from blob where repo = ?1 limit 1`, repo).Scan(&n)
	return out, missing("repository", repo, err)
}

// limit is that of a page as SQLite wants it.
func limit(p registry.Page) int {
	if p.Limit <= 0 {
		return -1
	}
	return p.Limit
}

// Referrers implements registry.Manifests.
func (s *Store) Referrers(ctx context.Context, repo string, d artifact.Digest, artifactType string, p registry.Page) ([]artifact.Descriptor, error) {
	rows, err := s.read.QueryContext(ctx, `select `+manifestColumns+` from manifest m where m.repo = ? and m.subject = ?
		and (? = '' or m.artifact_type = ?) and m.digest > ? order by m.digest limit ?`, repo, d, artifactType, artifactType, p.After, limit(p))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []artifact.Descriptor{}
	for rows.Next() {
		x, _, err := scanManifest(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, rows.Err()
}

// Setting returns a value that [Store.SetOnce] kept, or registry.ErrNotFound.
func (s *Store) Setting(ctx context.Context, key string) (value string, err error) {
	err = s.read.QueryRowContext(ctx, `select value from setting where key = ?`, key).Scan(&value)
	return value, missing("setting", key, err)
}

// SetOnce keeps a value under a key that has none yet.
func (s *Store) SetOnce(ctx context.Context, key, value string) error {
	_, err := s.write.ExecContext(ctx, `insert into setting values (?, ?)`, key, value)
	return err
}
