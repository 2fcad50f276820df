package sqlstore

import (
	"context"
	"encoding/json"
	"math"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

const manifestColumns = `m.digest, m.media_type, m.artifact_type, m.annotations, length(m.body)`

// scanManifest reads manifestColumns and what is selected behind them.
func scanManifest(scan func(...any) error, more ...any) (d artifact.Descriptor, err error) {
	var annotations string
	if err = scan(append([]any{&d.Digest, &d.MediaType, &d.ArtifactType, &annotations, &d.Size}, more...)...); err != nil {
		return d, err
	}
	return d, json.Unmarshal([]byte(annotations), &d.Annotations)
}

// Manifest implements registry.Manifests.
func (s *Store) Manifest(ctx context.Context, repo, ref string) (artifact.Descriptor, []byte, error) {
	query := `select ` + manifestColumns + `, m.body from manifest m where m.repo = $1 and m.digest = $2`
	if _, err := artifact.ParseAnyDigest(ref); err != nil {
		query = `select ` + manifestColumns + `, m.body from tag t join manifest m on m.repo = t.repo and m.digest = t.digest where t.repo = $1 and t.tag = $2`
	}
	var body []byte
	d, err := scanManifest(s.read.QueryRowContext(ctx, query, repo, ref).Scan, &body)
	return d, body, missing("manifest", ref, err)
}

// Tags implements registry.Manifests.
func (s *Store) Tags(ctx context.Context, repo string, p registry.Page) ([]string, error) {
	out := []string{}
	rows, err := s.read.QueryContext(ctx, `select tag from tag where repo = $1 and tag > $2 order by tag limit $3`, repo, p.After, limit(p))
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
	err = s.read.QueryRowContext(ctx, `select 1 from manifest where repo = $1 union select 1 from repo_blob where repo = $1 limit 1`, repo).Scan(&n)
	return out, missing("repository", repo, err)
}

// limit is that of a page as a number.
func limit(p registry.Page) int64 {
	if p.Limit <= 0 {
		return math.MaxInt64
	}
	return int64(p.Limit)
}

// Referrers implements registry.Manifests.
func (s *Store) Referrers(ctx context.Context, repo string, d artifact.Digest, artifactType string, p registry.Page) ([]artifact.Descriptor, error) {
	rows, err := s.read.QueryContext(ctx, `select `+manifestColumns+` from manifest m where m.repo = $1 and m.subject = $2
		and (cast($3 as text) = '' or m.artifact_type = $3) and m.digest > $4 order by m.digest limit $5`, repo, d, artifactType, p.After, limit(p))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []artifact.Descriptor{}
	for rows.Next() {
		x, err := scanManifest(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, rows.Err()
}
