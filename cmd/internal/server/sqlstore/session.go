package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// session is a connection whose statements are prepared once: SQLite takes longer to
// understand a statement than to do it.
type session struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

func newSession(ctx context.Context, db *sql.DB) (*session, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{c, map[string]*sql.Stmt{}}, nil
}

// close ends the connection, and with it a transaction.
func (s *session) close() {
	for _, p := range s.prepared {
		p.Close()
	}
	s.conn.Raw(func(any) error { return driver.ErrBadConn }) // not back into the pool
	s.conn.Close()
}

func (s *session) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if p := s.prepared[query]; p != nil {
		return p, nil
	}
	p, err := s.conn.PrepareContext(ctx, query)
	if err == nil {
		s.prepared[query] = p
	}
	return p, err
}

// ExecContext implements querier.
func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	p, err := s.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return p.ExecContext(ctx, args...)
}

// QueryContext implements querier.
func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p, err := s.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return p.QueryContext(ctx, args...)
}

// QueryRowContext implements querier.
func (s *session) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	p, err := s.stmt(ctx, query)
	if err != nil {
		return s.conn.QueryRowContext(ctx, query, args...) // which has the same error
	}
	return p.QueryRowContext(ctx, args...)
}
