package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"runtime"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/plugstead/plugstead/index"
)

// dialect is what differs between databases. All other statements are written so that both
// understand them: parameters are $1, $2, … (SQLite takes these names by number, too).
type dialect struct {
	name string // folder of its migrations
	// begin begins a transaction that waits for those of other processes.
	begin []string
	// version and setVersion read and write the number of the schema.
	version    func(context.Context, querier) (int, error)
	setVersion string // with a number
	// search makes the statement of a query, or reports that no plugin can match.
	search func(index.Query) (query string, args []any, ok bool)
	// found keeps what is searched of a plugin: number, id, summary, keywords, the
	// texts as words makes them.
	found string
	words func(text string) string
	// lost forgets it.
	lost string
	// contains is a condition: the column parts has $1 as a part of its text.
	contains string
}

// rows is what statements can be asked of.
type rows interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// querier is a database, a transaction, or a session.
type querier interface {
	rows
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

var sqlite = &dialect{
	name:  "sqlite",
	begin: []string{`begin immediate`},
	version: func(ctx context.Context, q querier) (n int, err error) {
		err = q.QueryRowContext(ctx, `pragma user_version`).Scan(&n)
		return n, err
	},
	setVersion: `pragma user_version = %d`,
	search:     sqliteSearch,
	found:      `insert into search (rowid, id, summary, keywords) values ($1, $2, $3, $4)`,
	lost:       `delete from search where rowid = $1`,
	words:      func(text string) string { return text },
	contains:   `instr(parts, $1) > 0`,
}

// changeLock is the number of the advisory lock that whoever changes a registry holds.
const changeLock = 0x706c7567

var postgres = &dialect{
	name:  "postgres",
	begin: []string{`begin`, fmt.Sprintf(`select pg_advisory_xact_lock(%d)`, changeLock)},
	version: func(ctx context.Context, q querier) (n int, err error) {
		var there bool
		// Not to_regclass, which would remember for the transaction that there is none.
		if err := q.QueryRowContext(ctx, `select exists (select 1 from pg_tables where tablename = 'schema_version' and schemaname = any (current_schemas(false)))`).Scan(&there); err != nil || !there {
			return 0, err
		}
		err = q.QueryRowContext(ctx, `select number from schema_version`).Scan(&n)
		return n, err
	},
	setVersion: `create table if not exists schema_version (number integer not null); delete from schema_version; insert into schema_version values (%d)`,
	search:     postgresSearch,
	found: `insert into search (plugin, words) values ($1, setweight(to_tsvector('simple', cast($2 as text)), 'A') ||
		setweight(to_tsvector('simple', cast($3 as text)), 'B') || setweight(to_tsvector('simple', cast($4 as text)), 'C'))`,
	words:    foldWords,
	lost:     `delete from search where plugin = $1`,
	contains: `strpos(parts, $1) > 0`,
}

// maxConnections is how many connections to PostgreSQL one process has at most.
const maxConnections = 16

func openPostgres(address string) (*sql.DB, error) {
	db, err := sql.Open("pgx", address)
	if err == nil {
		db.SetMaxOpenConns(maxConnections)
		db.SetMaxIdleConns(maxConnections)
	}
	return db, err
}

// openSQLite opens a file for one writer and many readers.
func openSQLite(file string) (read, write *sql.DB, err error) {
	dsn := func(extra string) string {
		u := url.URL{Scheme: "file", Opaque: url.PathEscape(file)}
		return u.String() + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)" + extra
	}
	if write, err = sql.Open("sqlite", dsn("&_txlock=immediate")); err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	if read, err = sql.Open("sqlite", dsn("&_pragma=query_only(1)")); err != nil {
		write.Close()
		return nil, nil, err
	}
	read.SetMaxOpenConns(max(4, 2*runtime.NumCPU()))
	return read, write, nil
}
