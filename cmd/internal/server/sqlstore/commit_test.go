package sqlstore_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/version"
)

// TestEvents checks that every change leaves one event, in order, with who did it,
// and that nothing else leaves any.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := registrytest.Serve(t, s).Client()
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, c.Target("acme/hello"), p)
	plugintest.Push(t, c.Target("acme/hello"), p)
	y := registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0"), Reason: "x"}
	for range 2 {
		if _, err := c.Yank(t.Context(), y); err != nil {
			t.Fatal(err)
		}
	}
	dry, err := s.Commit(t.Context(), registry.Commit{Edit: &registry.Yank{ID: y.ID, Version: y.Version, Undo: true}, DryRun: true})
	if err != nil || dry.Existed {
		t.Fatal(dry, err)
	}
	none, err := s.Commit(t.Context(), registry.Commit{Edit: &y})
	if err != nil || !none.Existed {
		t.Fatal(none, err)
	}
	y.Undo = true
	last, err := s.Commit(t.Context(), registry.Commit{Edit: &y, Actor: "somebody"})
	if err != nil || last.Existed || last.Position != none.Position+1 {
		t.Fatal(last, none, err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`select actor, what from event where what not like 'push %' order by position`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var actor, what string
		if err := rows.Scan(&actor, &what); err != nil {
			t.Fatal(err)
		}
		got = append(got, actor+": "+what)
	}
	want := []string{"tester: publish acme/hello 1.0.0 " + string(p.Digest), "tester: yank acme/hello 1.0.0", "somebody: unyank acme/hello 1.0.0"}
	if !slices.Equal(got, want) || rows.Err() != nil {
		t.Errorf("got %q, %v", got, rows.Err())
	}
}

func TestMount(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	d := artifact.DigestOf([]byte("hello"))
	name, err := s.NewUpload(t.Context(), "a/b", artifact.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	u, err := s.Upload(t.Context(), "a/b", name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(u.Commit(t.Context(), strings.NewReader("hello"), d), u.Close()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.OpenBlob(t.Context(), "c/d", d); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a blob shows in another repository: %v", err)
	}
	if err := s.MountBlob(t.Context(), "c/d", "x/y", d); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("mount from nowhere: %v", err)
	}
	for range 2 {
		if err := s.MountBlob(t.Context(), "c/d", "a/b", d); err != nil {
			t.Fatal(err)
		}
	}
	b, n, err := s.OpenBlob(t.Context(), "c/d", d)
	if err != nil || n != 5 {
		t.Fatal(n, err)
	}
	if _, ok := b.(*os.File); !ok {
		t.Errorf("%T cannot be sent without copying", b)
	}
	b.Close()
	if err := os.RemoveAll(filepath.Join(dir, "blobs", "sha256")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.OpenBlob(t.Context(), "c/d", d); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a file that is gone: %v", err)
	}
}
