package sqlstore

import (
	"context"
	"iter"
	"strings"
	"unicode"

	"github.com/plugstead/plugstead/index"
)

// Search implements registry.Documents. An exact id comes first, then the better
// match; names count most, then summaries, then keywords.
func (s *Store) Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	return func(yield func(index.Hit, error) bool) {
		query, args, ok := searchSQL(q)
		if !ok {
			return
		}
		rows, err := s.read.QueryContext(ctx, query, args...)
		if err != nil {
			yield(index.Hit{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var h index.Hit
			var version string
			err := rows.Scan(&h.ID, &version, &h.Summary)
			if err == nil {
				err = h.Version.UnmarshalText([]byte(version))
			}
			if !yield(h, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(index.Hit{}, err)
		}
	}
}

// searchSQL makes the statement of a query. It is not ok if no plugin can match.
func searchSQL(q index.Query) (query string, args []any, ok bool) {
	match, ok := matchText(q.Text)
	if !ok {
		return "", nil, false
	}
	var b strings.Builder
	b.WriteString(`select p.id, p.latest, p.summary from plugin p`)
	where, order := []string{`p.searched`}, `p.id`
	if match != "" {
		b.WriteString(` join search on search.rowid = p.number`)
		where, args = append(where, `search match ?`), append(args, match)
		order = `bm25(search, 10.0, 4.0, 2.0), p.id`
	}
	if q.Point != "" {
		where, args = append(where, `exists (select 1 from plugin_point x where x.plugin = p.number and x.point = ?)`), append(args, q.Point)
	}
	if q.Runtime != "" {
		where, args = append(where, `exists (select 1 from plugin_runtime x where x.plugin = p.number and x.runtime = ?)`), append(args, q.Runtime)
	}
	b.WriteString(` where ` + strings.Join(where, ` and `) + ` order by p.id <> ?, ` + order + ` limit ?`)
	args = append(args, strings.ToLower(strings.TrimSpace(q.Text)), q.EffectiveLimit())
	return b.String(), args, true
}

// matchText turns what a person wrote into an FTS5 expression: every run of letters
// and digits is a quoted prefix, so nothing of it can be syntax. A text without any
// such run matches nothing; an empty one matches everything.
func matchText(text string) (match string, ok bool) {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	if len(words) == 0 {
		return "", strings.TrimSpace(text) == ""
	}
	var b strings.Builder
	for _, w := range words {
		b.WriteString(`"` + w + `"* `)
	}
	return b.String(), true
}
