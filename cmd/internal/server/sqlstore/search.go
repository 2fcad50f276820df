package sqlstore

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/plugstead/plugstead/index"
)

// Search implements registry.Documents. An exact id comes first, then the better
// match; names count most, then summaries, then keywords.
func (s *Store) Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	return func(yield func(index.Hit, error) bool) {
		query, args, ok := s.d.search(q)
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

// statement gathers the parts of a query and numbers its parameters.
type statement struct {
	from  string
	where []string
	order string
	args  []any
}

// arg adds a parameter and returns its name.
func (b *statement) arg(x any) string {
	b.args = append(b.args, x)
	return "$" + strconv.Itoa(len(b.args))
}

func newStatement() *statement {
	return &statement{from: `plugin p`, where: []string{`p.searched`}, order: `p.id`}
}

// finish adds what all databases do alike.
func (b *statement) finish(q index.Query) (string, []any, bool) {
	if q.Point != "" {
		b.where = append(b.where, `exists (select 1 from plugin_point x where x.plugin = p.number and x.point = `+b.arg(q.Point)+`)`)
	}
	if q.Runtime != "" {
		b.where = append(b.where, `exists (select 1 from plugin_runtime x where x.plugin = p.number and x.runtime = `+b.arg(q.Runtime)+`)`)
	}
	exact := b.arg(strings.ToLower(strings.TrimSpace(q.Text)))
	query := `select p.id, p.latest, p.summary from ` + b.from + ` where ` + strings.Join(b.where, ` and `) +
		` order by p.id <> ` + exact + `, ` + b.order + ` limit ` + b.arg(q.EffectiveLimit())
	return query, b.args, true
}

// sqliteSearch makes the statement of a query. It is not ok if no plugin can match.
func sqliteSearch(q index.Query) (query string, args []any, ok bool) {
	words, ok := wordsOf(q.Text)
	if !ok {
		return "", nil, false
	}
	b := newStatement()
	if len(words) > 0 {
		// Every word is a quoted prefix, so nothing of it can be syntax.
		b.from += ` join search on search.rowid = p.number`
		b.where = append(b.where, `search match `+b.arg(`"`+strings.Join(words, `"* "`)+`"*`))
		b.order = `bm25(search, 10.0, 4.0, 2.0), p.id`
	}
	return b.finish(q)
}

// postgresSearch is the same for PostgreSQL.
func postgresSearch(q index.Query) (query string, args []any, ok bool) {
	words, ok := wordsOf(fold(q.Text))
	if !ok {
		return "", nil, false
	}
	b := newStatement()
	if len(words) > 0 {
		query := `to_tsquery('simple', ` + b.arg(`'`+strings.Join(words, `':* & '`)+`':*`) + `)`
		b.from += ` join search s on s.plugin = p.number`
		b.where = append(b.where, `s.words @@ `+query)
		b.order = `ts_rank_cd(s.words, ` + query + `) desc, p.id`
	}
	return b.finish(q)
}

// wordsOf splits what a person wrote into runs of letters and digits. A text without
// any matches nothing; an empty one matches everything.
func wordsOf(text string) (words []string, ok bool) {
	words = strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	return words, len(words) > 0 || strings.TrimSpace(text) == ""
}

// fold makes letters small and takes their accents away, as FTS5 does by itself.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(text))
}

// foldWords splits a text like a query. PostgreSQL by itself would take an id for the
// path of a file, and as one word.
func foldWords(text string) string {
	words, _ := wordsOf(fold(text))
	return strings.Join(words, " ")
}
