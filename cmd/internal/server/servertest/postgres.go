package servertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// postgresProgram finds a program of PostgreSQL, which Debian keeps out of the PATH.
func postgresProgram(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return ""
	}
	return slices.Max(found)
}

var databases atomic.Int64

// Postgres returns the address of a new, empty database, of a server that all tests of
// this program share.
func Postgres(t testing.TB) string {
	t.Helper()
	need(t, "PostgreSQL", postgresProgram("initdb") != "")
	address, err := NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// ErrAbsent says that a program is not installed.
var ErrAbsent = errors.New("program is not installed")

// NewDatabase is Postgres for programs that are no tests. It returns [ErrAbsent] if there
// is no PostgreSQL.
func NewDatabase(ctx context.Context) (string, error) {
	if postgresProgram("initdb") == "" {
		return "", fmt.Errorf("PostgreSQL: %w", ErrAbsent)
	}
	base, err := postgres()
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("test%d", databases.Add(1))
	db, err := sql.Open("pgx", base("postgres"))
	if err != nil {
		return "", err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "create database "+name); err != nil {
		return "", err
	}
	return base(name), nil
}

// postgres starts the server once.
var postgres = sync.OnceValues(func() (base func(database string) string, err error) {
	dir, err := os.MkdirTemp("", "plugstead-postgres-")
	if err != nil {
		return nil, err
	}
	mu.Lock()
	running = append(running, func() { os.RemoveAll(dir) })
	mu.Unlock()
	data := filepath.Join(dir, "data")
	initdb := exec.Command(postgresProgram("initdb"), "-D", data, "-U", "plugstead", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8")
	if !asUser(initdb, dir) {
		return nil, fmt.Errorf("initdb as root: there is no user postgres")
	}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	n, err := port()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(postgresProgram("postgres"), "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(n), "-k", dir, "-c", "max_connections=200")
	asUser(cmd, dir)
	s, err := start(cmd, syscall.SIGINT)
	if err != nil {
		return nil, err
	}
	base = func(database string) string {
		u := url.URL{Scheme: "postgres", User: url.User("plugstead"), Host: "127.0.0.1:" + strconv.Itoa(n), Path: "/" + database, RawQuery: "sslmode=disable"}
		return u.String()
	}
	return base, s.ready(context.Background(), func(ctx context.Context) error {
		db, err := sql.Open("pgx", base("postgres"))
		if err != nil {
			return err
		}
		defer db.Close()
		return db.PingContext(ctx)
	})
})
