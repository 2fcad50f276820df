package sqlstore

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// ErrNewer says that a newer program made the database, and this one cannot read it.
var ErrNewer = errors.New("database was made by a newer version of this program")

// migrate brings the schema up to date, one transaction for each step. Steps go forward
// only. A first line "-- reads N" in a step says that programs which know schema N can go
// on with the database after it; without that line those can that could before. So while
// replicas are replaced, the old ones serve on.
func migrate(ctx context.Context, db *sql.DB, d *dialect) error {
	entries, err := migrations.ReadDir("migrations/" + d.name)
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
		if err := step(ctx, db, d, e.Name(), n); err != nil {
			return fmt.Errorf("migration %s: %w", e.Name(), err)
		}
	}
	return readable(ctx, db, d, newest)
}

// step does one migration, unless it was done before or by somebody else meanwhile.
func step(ctx context.Context, db *sql.DB, d *dialect, name string, n int) error {
	text, err := migrations.ReadFile("migrations/" + d.name + "/" + name)
	if err != nil {
		return err
	}
	if have, err := d.version(ctx, db); err != nil || have >= n {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, q := range d.begin[1:] { // behind begin
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	if have, err := d.version(ctx, tx); err != nil || have >= n {
		return err
	}
	list := []string{string(text), fmt.Sprintf(d.setVersion, n)}
	if reads, ok := readsOf(text); ok {
		list = append(list, `delete from program`, fmt.Sprintf(`insert into program values (%d)`, reads))
	}
	for _, q := range list {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// readsOf reads the first line of a migration.
func readsOf(text []byte) (n int, ok bool) {
	s := bufio.NewScanner(bytes.NewReader(text))
	s.Scan()
	number, ok := strings.CutPrefix(s.Text(), "-- reads ")
	n, err := strconv.Atoi(number)
	return n, ok && err == nil
}

// readable fails if the database is too new for a program that knows schema newest.
func readable(ctx context.Context, db *sql.DB, d *dialect, newest int) error {
	have, err := d.version(ctx, db)
	if err != nil || have <= newest {
		return err
	}
	var reads int
	if err := db.QueryRowContext(ctx, `select reads from program`).Scan(&reads); err != nil {
		return err
	}
	if reads > newest {
		return fmt.Errorf("%w: schema %d, this program knows %d", ErrNewer, have, newest)
	}
	return nil
}
