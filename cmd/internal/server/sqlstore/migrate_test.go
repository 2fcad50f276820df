package sqlstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
	"github.com/plugstead/plugstead/cmd/internal/server/servertest"
	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
)

// TestBlobsAreMigrated makes a registry as it was before blobs had keys: blobs are found
// where they were, and a collection leaves what a manifest names.
func TestBlobsAreMigrated(t *testing.T) {
	dir := t.TempDir()
	db := database(t, dir)
	for i, name := range []string{"0001_init", "0002_offers", "0003_revision", "0004_namespace"} {
		text, err := os.ReadFile("migrations/sqlite/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{string(text), "pragma user_version = " + string(rune('1'+i))} {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
	}
	put := func(text string) artifact.Digest {
		d := artifact.DigestOf([]byte(text))
		file := filepath.Join(dir, "blobs", "sha256", d.Hex()[:2], d.Hex())
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, repo := range []string{"acme/a", "acme/b"} {
			if _, err := db.Exec(`insert into blob values (?, ?, ?)`, repo, d, len(text)); err != nil {
				t.Fatal(err)
			}
		}
		return d
	}
	config, layer, lost := put("config"), put("layer"), put("lost")
	manifest := `{"config":{"digest":"` + string(config) + `"},"layers":[{"digest":"` + string(layer) + `"}]}`
	index := `{"manifests":[{"digest":"` + string(artifact.DigestOf([]byte(manifest))) + `"}]}`
	for _, body := range []string{manifest, index} {
		if _, err := db.Exec(`insert into manifest values ('acme/a', ?, 'x', '', 'null', '', ?)`, artifact.DigestOf([]byte(body)), []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := blobs.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	later := func() time.Time { return time.Now().Add(48 * time.Hour) }
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{File: filepath.Join(dir, "registry.db"), Blobs: b, Now: later})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := readAll(t, s, "acme/b", lost); got != "lost" {
		t.Errorf("got %q", got)
	}
	if got := collect(t, s); got.Blobs != 1 || got.Objects != 1 || got.Manifests != 0 {
		t.Errorf("got %+v", got)
	}
	if got := readAll(t, s, "acme/a", config) + readAll(t, s, "acme/a", layer); got != "configlayer" {
		t.Errorf("got %q", got)
	}
	if there(t, s, "acme/b", layer) {
		t.Error("a blob stays in a repository that does not name it")
	}
}

// TestReplicasMigrateTogether opens an empty database many times at once.
func TestReplicasMigrateTogether(t *testing.T) {
	address := servertest.Postgres(t)
	done := make(chan error)
	for range 8 {
		go func() {
			s, err := sqlstore.Open(t.Context(), sqlstore.Options{Postgres: address})
			if err == nil {
				err = s.Close()
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestNoDatabase says which database does not answer, and not its password.
func TestNoDatabase(t *testing.T) {
	_, err := sqlstore.Open(t.Context(), sqlstore.Options{Postgres: "postgres://me:secret@127.0.0.1:1/none"})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
