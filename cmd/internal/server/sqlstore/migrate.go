package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrNewer says that a newer program made the database.
var ErrNewer = errors.New("database was made by a newer version of this program")

// migrate brings the schema up to date, one transaction for each step.
func migrate(ctx context.Context, db *sql.DB) error {
	var have int
	if err := db.QueryRowContext(ctx, `pragma user_version`).Scan(&have); err != nil {
		return err
	}
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		return err
	}
	newest := 0
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		n, err := strconv.Atoi(number)
		if err != nil {
			return fmt.Errorf("migration %s: %w", e.Name(), err)
		}
		newest = max(newest, n)
		if n <= have {
			continue
		}
		if err := step(ctx, db, e.Name(), n); err != nil {
			return fmt.Errorf("migration %s: %w", e.Name(), err)
		}
	}
	if have > newest {
		return fmt.Errorf("%w: schema %d, this program knows %d", ErrNewer, have, newest)
	}
	return nil
}

func step(ctx context.Context, db *sql.DB, name string, n int) error {
	text, err := migrations.ReadFile("migrations/" + name)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`pragma user_version = %d`, n)); err != nil {
		return err
	}
	return tx.Commit()
}
