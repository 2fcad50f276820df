package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// reader is a pool of connections whose statements are prepared once, like a session.
type reader struct {
	db       *sql.DB
	mu       sync.RWMutex
	prepared map[string]*sql.Stmt
}

func newReader(db *sql.DB) *reader { return &reader{db: db, prepared: map[string]*sql.Stmt{}} }

// close ends all connections.
func (r *reader) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, p := range r.prepared {
		errs = append(errs, p.Close())
	}
	r.prepared = map[string]*sql.Stmt{}
	return errors.Join(append(errs, r.db.Close())...)
}

// maxPrepared bounds what is remembered; searches have as many statements as filters.
const maxPrepared = 200

func (r *reader) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.RLock()
	p, n := r.prepared[query], len(r.prepared)
	r.mu.RUnlock()
	if p != nil || n >= maxPrepared {
		return p, nil
	}
	p, err := r.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.prepared[query]; other != nil {
		return other, p.Close()
	}
	r.prepared[query] = p
	return p, nil
}

// QueryContext is that of sql.DB.
func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p, err := r.stmt(ctx, query)
	if p == nil || err != nil {
		return r.db.QueryContext(ctx, query, args...)
	}
	return p.QueryContext(ctx, args...)
}

// QueryRowContext is that of sql.DB.
func (r *reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	p, err := r.stmt(ctx, query)
	if p == nil || err != nil {
		return r.db.QueryRowContext(ctx, query, args...)
	}
	return p.QueryRowContext(ctx, args...)
}
