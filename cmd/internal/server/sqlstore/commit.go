package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// Commit implements registry.Committer.
func (s *Store) Commit(ctx context.Context, c registry.Commit) (rec registry.Receipt, err error) {
	err = s.seq.do(ctx, func(ctx context.Context, tx querier) (keep bool, err error) {
		t := &change{ctx: ctx, tx: tx, s: s, c: c, docs: map[manifest.ID]artifact.Digest{}}
		if err := t.apply(); err != nil {
			return false, err
		}
		rec, err = t.receipt()
		return !c.DryRun && !rec.Existed, err
	})
	if err != nil {
		return registry.Receipt{}, err
	}
	return rec, nil
}

// change is one commit inside its transaction.
type change struct {
	ctx     context.Context
	tx      querier
	s       *Store
	c       registry.Commit
	changed bool
	docs    map[manifest.ID]artifact.Digest // that changed, "" for one that is gone
}

func (t *change) exec(query string, args ...any) error {
	r, err := t.tx.ExecContext(t.ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	t.changed = t.changed || n > 0
	return err
}

func (t *change) apply() error {
	if t.c.Namespace != nil {
		if err := t.namespace(t.c.Namespace); err != nil {
			return err
		}
	}
	if t.c.Manifest != nil {
		if err := t.manifest(t.c.Manifest); err != nil {
			return err
		}
	}
	if len(t.c.Tags) > 0 {
		bound, err := t.tags()
		if err == nil && bound && t.c.Release != nil {
			err = t.republish(t.c.Release)
		}
		if err != nil || bound {
			return err
		}
	}
	if t.c.Delete != nil {
		return t.delete(t.c.Delete)
	}
	if t.c.Release != nil {
		if err := t.release(t.c.Release); err != nil {
			return err
		}
	}
	if t.c.Edit != nil {
		return t.edit(t.c.Edit)
	}
	return nil
}

func (t *change) manifest(m *registry.Manifest) error {
	annotations, err := json.Marshal(m.Annotations)
	if err != nil {
		return err
	}
	for _, c := range m.Children {
		if err := t.child(m, c); err != nil {
			return err
		}
	}
	return t.exec(`insert into manifest values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
		t.c.Repo, m.Digest, m.MediaType, m.ArtifactType, string(annotations), m.Subject, m.Raw, t.s.now().Unix())
}

// child notes that a manifest names a blob or a manifest, which from now on is not collected.
func (t *change) child(m *registry.Manifest, c registry.Child) error {
	if !c.Optional {
		var n int
		err := t.tx.QueryRowContext(t.ctx, `select 1 from repo_blob where repo = $1 and digest = $2
			union all select 1 from manifest where repo = $1 and digest = $2 limit 1`, t.c.Repo, c.Digest).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%s: %w", c.Digest, registry.ErrChild)
		}
		if err != nil {
			return err
		}
	}
	_, err := t.tx.ExecContext(t.ctx, `insert into reference values ($1, $2, $3) on conflict do nothing`, t.c.Repo, m.Digest, c.Digest)
	return err
}

// tags binds the tags. bound tells that all of them name this manifest already.
func (t *change) tags() (bound bool, err error) {
	bound = true
	for _, tag := range t.c.Tags {
		b, err := t.tag(tag)
		if err != nil {
			return false, err
		}
		bound = bound && b
	}
	return bound, nil
}

func (t *change) tag(tag string) (bound bool, err error) {
	var old artifact.Digest
	err = t.tx.QueryRowContext(t.ctx, `select digest from tag where repo = $1 and tag = $2`, t.c.Repo, tag).Scan(&old)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, t.exec(`insert into tag values ($1, $2, $3)`, t.c.Repo, tag, t.c.Manifest.Digest)
	case err != nil:
		return false, err
	case old == t.c.Manifest.Digest:
		return true, nil
	case t.c.Move:
		return false, t.exec(`update tag set digest = $1 where repo = $2 and tag = $3`, t.c.Manifest.Digest, t.c.Repo, tag)
	}
	return false, fmt.Errorf("tag %s:%s: %w", t.c.Repo, tag, registry.ErrBound)
}

// namespace makes a namespace, unless it is there.
func (t *change) namespace(ns *registry.Namespace) error {
	var kind registry.Kind
	err := t.tx.QueryRowContext(t.ctx, `select kind from namespace where name = $1`, ns.Name).Scan(&kind)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return t.exec(`insert into namespace values ($1, $2)`, ns.Name, ns.Kind)
	case err == nil && kind != ns.Kind:
		return fmt.Errorf("namespace %s is of kind %s: %w", ns.Name, kind, registry.ErrBound)
	}
	return err
}

// delete removes an object of the repository. The bytes of a blob stay.
func (t *change) delete(d *registry.Delete) error {
	for _, x := range []struct{ what, of, query string }{
		{"tag", d.Tag, `delete from tag where repo = $1 and tag = $2`},
		{"manifest", string(d.Manifest), `delete from manifest where repo = $1 and digest = $2`},
		{"blob", string(d.Blob), `delete from repo_blob where repo = $1 and digest = $2`},
	} {
		if x.of == "" {
			continue
		}
		before := t.changed
		t.changed = false
		if err := t.exec(x.query, t.c.Repo, x.of); err != nil {
			return err
		}
		if !t.changed {
			return fmt.Errorf("%s %s: %w", x.what, x.of, registry.ErrNotFound)
		}
		t.changed = t.changed || before
	}
	if d.Manifest == "" {
		return nil
	}
	// Who has just seen that a blob is there may still name it.
	if err := t.exec(`update repo_blob set created = $1 where repo = $2 and digest in
		(select child from reference where repo = $2 and parent = $3)`, t.s.now().Unix(), t.c.Repo, d.Manifest); err != nil {
		return err
	}
	if err := t.exec(`delete from reference where repo = $1 and parent = $2`, t.c.Repo, d.Manifest); err != nil {
		return err
	}
	return t.exec(`delete from tag where repo = $1 and digest = $2`, t.c.Repo, d.Manifest)
}

func (t *change) plugin(id manifest.ID) (*index.Plugin, error) {
	var b []byte
	err := t.tx.QueryRowContext(t.ctx, `select document from plugin where id = $1`, id).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return index.Parse(id, b)
}

func (t *change) release(r *registry.Release) error {
	old, err := t.plugin(r.ID)
	if err != nil {
		return err
	}
	p, err := registry.Publish(old, r)
	if err != nil {
		return err
	}
	return t.save(p)
}

// republish looks whether a release that is tagged already may be published again.
func (t *change) republish(r *registry.Release) error {
	p, err := t.plugin(r.ID)
	if err != nil {
		return err
	}
	return registry.Republish(p, r)
}

func (t *change) edit(e registry.Edit) error {
	p, err := t.plugin(e.Plugin())
	if err != nil {
		return err
	}
	if p == nil || len(p.Releases) == 0 {
		return fmt.Errorf("plugin %s: %w", e.Plugin(), registry.ErrNotFound)
	}
	changed, err := e.Apply(p)
	if err != nil || !changed {
		return err
	}
	if x, ok := e.(*registry.Removal); ok {
		if err := t.forget(p, x); err != nil {
			return err
		}
	}
	return t.save(p)
}

// forget removes the manifest of a release, and what it kept from being collected. The tag
// stays, so that it is never free again.
func (t *change) forget(p *index.Plugin, x *registry.Removal) error {
	r, _ := p.Find(x.Version)
	for _, q := range []string{`delete from reference where repo = $1 and parent = $2`, `delete from manifest where repo = $1 and digest = $2`} {
		if err := t.exec(q, p.ID, r.Digest); err != nil {
			return err
		}
	}
	return nil
}

// save writes the document of p, all that is found by searching, and the documents of
// the names that p begins or ceases to offer.
func (t *change) save(p *index.Plugin) error {
	raw, err := p.Bytes()
	if err != nil {
		return fmt.Errorf("%w: %w", registry.ErrInvalid, err)
	}
	latest, ok := p.Latest() // none: everything is withdrawn, and nothing is found
	version := ""
	if ok {
		version = latest.Version.String()
	}
	digest := artifact.DigestOf(raw)
	t.docs[p.ID] = digest
	var n int64
	err = t.tx.QueryRowContext(t.ctx, `insert into plugin (id, document, digest, latest, summary, searched) values ($1, $2, $3, $4, $5, $6)
		on conflict (id) do update set document = $2, digest = $3, latest = $4, summary = $5, searched = $6 returning number`,
		p.ID, raw, digest, version, p.Summary, ok).Scan(&n)
	if err != nil {
		return err
	}
	t.changed = true
	if err := t.offers(p, n); err != nil {
		return err
	}
	for _, q := range []string{t.s.d.lost, `delete from plugin_point where plugin = $1`, `delete from plugin_runtime where plugin = $1`} {
		if err := t.exec(q, n); err != nil {
			return err
		}
	}
	if !ok {
		return nil
	}
	return t.found(p, latest, n)
}

// found writes what searches look at.
func (t *change) found(p *index.Plugin, latest *index.Release, n int64) error {
	words := t.s.d.words
	if err := t.exec(t.s.d.found, n, words(string(p.ID)), words(p.Summary), words(strings.Join(p.Keywords, " "))); err != nil {
		return err
	}
	for _, x := range latest.Provides {
		if err := t.exec(`insert into plugin_point values ($1, $2) on conflict do nothing`, n, x.ID); err != nil {
			return err
		}
	}
	for _, x := range latest.Packages {
		if err := t.exec(`insert into plugin_runtime values ($1, $2) on conflict do nothing`, n, x.Runtime); err != nil {
			return err
		}
	}
	return nil
}

// settingRevision is where the revision of the index is.
const settingRevision = "revision"

// revise writes the revision that follows when documents have changed.
func (t *change) revise() error {
	if len(t.docs) == 0 {
		return nil
	}
	var old string
	if err := t.tx.QueryRowContext(t.ctx, `select value from setting where key = $1`, settingRevision).Scan(&old); err != nil {
		return missing("setting", settingRevision, err)
	}
	return t.exec(`update setting set value = $1 where key = $2`, registry.NextRevision(old, t.docs), settingRevision)
}

// receipt writes the event of a change and returns its position.
func (t *change) receipt() (rec registry.Receipt, err error) {
	if !t.changed {
		rec.Existed = true
		err = t.tx.QueryRowContext(t.ctx, `select coalesce(max(position), 0) from event`).Scan(&rec.Position)
		return rec, err
	}
	if err := t.revise(); err != nil {
		return rec, err
	}
	err = t.tx.QueryRowContext(t.ctx, `insert into event (at, actor, what) values ($1, $2, $3) returning position`,
		t.s.now().UTC().Format(time.RFC3339), t.c.Actor, t.what()).Scan(&rec.Position)
	return rec, err
}

func (t *change) what() string {
	c := t.c
	switch {
	case c.Release != nil:
		return fmt.Sprintf("publish %s %s %s", c.Release.ID, c.Release.Version, c.Manifest.Digest)
	case c.Edit != nil:
		return c.Edit.String()
	case c.Delete != nil:
		return fmt.Sprintf("delete %s %s", c.Repo, cmp.Or(c.Delete.Tag, string(c.Delete.Manifest), string(c.Delete.Blob)))
	case c.Namespace != nil && c.Manifest == nil:
		return "namespace " + c.Namespace.Name
	case c.Manifest == nil:
		return fmt.Sprintf("import %d documents", len(t.docs))
	}
	return fmt.Sprintf("push %s %s", c.Repo, c.Manifest.Digest)
}
