package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// ids reads a list of names.
func ids(ctx context.Context, tx rows, query string, args ...any) ([]manifest.ID, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []manifest.ID
	for rows.Next() {
		var id manifest.ID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

// offers brings the table of offered names up to date with plugin p, which is row n, and
// makes the documents of the names that changed anew.
func (t *change) offers(p *index.Plugin, n int64) error {
	old, err := ids(t.ctx, t.tx, `select name from plugin_offer where plugin = $1`, n)
	if err != nil {
		return err
	}
	now := p.Offered()
	for _, name := range old {
		if slices.Contains(now, name) {
			continue
		}
		if err := t.exec(`delete from plugin_offer where plugin = $1 and name = $2`, n, name); err != nil {
			return err
		}
		if err := t.offered(name); err != nil {
			return err
		}
	}
	for _, name := range now {
		if slices.Contains(old, name) {
			continue
		}
		if err := t.exec(`insert into plugin_offer values ($1, $2)`, n, name); err != nil {
			return err
		}
		if err := t.offered(name); err != nil {
			return err
		}
	}
	return nil
}

// providers lists who offers a name, those that go into its document.
func (t *change) providers(name manifest.ID) ([]manifest.ID, error) {
	out, err := ids(t.ctx, t.tx, `select p.id from plugin_offer o join plugin p on p.number = o.plugin where o.name = $1
		order by substr(p.id, 1, length(cast($2 as text))) <> $2, p.id limit $3`, name, name.Namespace()+"/", index.MaxProviders)
	return index.ProvidersOf(name, out), err
}

// offered writes the document of a name that a plugin begins or ceases to offer. A name
// that nobody has published and nobody offers any more has none.
func (t *change) offered(name manifest.ID) error {
	providers, err := t.providers(name)
	if err != nil {
		return err
	}
	var old []byte
	err = t.tx.QueryRowContext(t.ctx, `select document from plugin where id = $1`, name).Scan(&old)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	raw, err := index.WithProviders(name, old, providers)
	if err != nil {
		return fmt.Errorf("%w: %w", registry.ErrInvalid, err)
	}
	if raw == nil {
		t.docs[name] = ""
		return t.exec(`delete from plugin where id = $1`, name)
	}
	t.docs[name] = artifact.DigestOf(raw)
	return t.exec(`insert into plugin (id, document, digest, latest, summary, searched) values ($1, $2, $3, '', '', false)
		on conflict (id) do update set document = $2, digest = $3`, name, raw, t.docs[name])
}
