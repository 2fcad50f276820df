package sqlstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
	"github.com/plugstead/plugstead/cmd/internal/server/servertest"
	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/registrytest"
)

func open(t testing.TB, dir string) *sqlstore.Store {
	t.Helper()
	b, err := blobs.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlstore.Open(context.Background(), sqlstore.Options{File: filepath.Join(dir, "registry.db"), Blobs: b})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// openPostgres opens a store with an empty database and bucket.
func openPostgres(t testing.TB) *sqlstore.Store {
	t.Helper()
	b, err := blobs.OpenBucket(t.Context(), servertest.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlstore.Open(context.Background(), sqlstore.Options{Postgres: servertest.Postgres(t), Blobs: b})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// each runs a test over both databases, with the blobs that usually go with them.
func each(t *testing.T, part func(*testing.T, *sqlstore.Store)) {
	t.Run("sqlite", func(t *testing.T) { part(t, open(t, t.TempDir())) })
	t.Run("postgres", func(t *testing.T) { part(t, openPostgres(t)) })
}

func TestMain(m *testing.M) { servertest.Main(m) }

func TestBackend(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		registrytest.Run(t, func(t *testing.T) registry.Backend { return open(t, t.TempDir()) })
	})
	t.Run("postgres", func(t *testing.T) {
		registrytest.Run(t, func(t *testing.T) registry.Backend { return openPostgres(t) })
	})
}

func TestConformance(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		registrytest.Conformance(t, func(t *testing.T) registry.Backend { return open(t, t.TempDir()) })
	})
	t.Run("postgres", func(t *testing.T) {
		registrytest.Conformance(t, func(t *testing.T) registry.Backend { return openPostgres(t) })
	})
}

func TestReopenKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, registrytest.Serve(t, s).Client().Target("acme/hello"), p)
	before, digest, err := s.Document(t.Context(), "acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	after, again, err := s.Document(t.Context(), "acme/hello")
	if err != nil || string(before) != string(after) || digest != again {
		t.Fatalf("%s\n%s\n%v", before, after, err)
	}
	for _, b := range p.Blobs() {
		r, err := registry.RepoBlobs{Backend: s, Repo: "acme/hello"}.Open(t.Context(), b.Descriptor)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
}

// TestNewerDatabase opens one that a later program made: it is refused only if that program
// said that this one cannot read it.
func TestNewerDatabase(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).Close()
	b, err := blobs.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	o := sqlstore.Options{File: filepath.Join(dir, "registry.db"), Blobs: b}
	set := func(query string) {
		t.Helper()
		if _, err := database(t, dir).Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	set(`pragma user_version = 9999`)
	s, err := sqlstore.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("a schema that this program can read: %v", err)
	}
	s.Close()
	set(`update program set reads = 9999`)
	if _, err := sqlstore.Open(t.Context(), o); !errors.Is(err, sqlstore.ErrNewer) {
		t.Fatal(err)
	}
}

func TestSettings(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.Setting(t.Context(), "k"); !errors.Is(err, registry.ErrNotFound) {
		t.Fatal(err)
	}
	for _, v := range []string{"v", "w"} {
		if kept, err := s.SetOnce(t.Context(), "k", v); err != nil || kept != (v == "v") {
			t.Fatal(v, kept, err)
		}
	}
	if v, err := s.Setting(t.Context(), "k"); err != nil || v != "v" {
		t.Fatal(v, err)
	}
}

// FuzzSearch checks that no text is ever a syntax error.
func FuzzSearch(f *testing.F) {
	s := open(f, f.TempDir())
	for _, seed := range []string{"hello", `"`, `a"b`, "NEAR(a,b)", "a* OR b", "id:x", "^a", "-a", "\x00", "é", "a\u0301"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, err := range s.Search(t.Context(), index.Query{Text: strings.ToValidUTF8(text, "")}) {
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}
