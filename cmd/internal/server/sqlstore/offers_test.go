package sqlstore_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/version"
)

func database(t testing.TB, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func offering(t testing.TB, id manifest.ID, v string, names ...string) registry.Commit {
	t.Helper()
	f := artifact.Facts{ID: id, Version: version.MustParse(v)}
	for _, n := range names {
		f.Offers = append(f.Offers, manifest.Offer{ID: manifest.ID(n), Version: version.MustParse("1.0.0")})
	}
	raw := fmt.Appendf(nil, `{"of":"%s %s"}`, id, v)
	d := artifact.Describe(artifact.MediaIndex, raw)
	rel, err := index.NewRelease(index.Record{Facts: f, Digest: d.Digest, Size: d.Size, Packages: []index.Package{}})
	if err != nil {
		t.Fatal(err)
	}
	return registry.Commit{
		Repo: string(id), Tags: []string{v}, Manifest: &registry.Manifest{Descriptor: d, Raw: raw},
		Release: &registry.Release{Header: index.Header{V: 1, ID: id}, Release: rel},
	}
}

// TestFirstSchemaIsMigrated makes a database as the first version did, with a plugin in
// it, and goes on with it.
func TestFirstSchemaIsMigrated(t *testing.T) {
	dir := t.TempDir()
	first, err := os.ReadFile("migrations/sqlite/0001_init.sql")
	if err != nil {
		t.Fatal(err)
	}
	db := database(t, dir)
	doc := `{"v":1,"id":"acme/kv","summary":"old"}` + "\n"
	for _, q := range []string{string(first), `pragma user_version = 1`} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(`insert into plugin (id, document, digest, latest, summary, searched) values ('acme/kv', ?, ?, '', 'old', 0)`, []byte(doc), artifact.DigestOf([]byte(doc))); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if b, _, err := s.Document(t.Context(), "acme/kv"); err != nil || string(b) != doc {
		t.Fatalf("%s, %v", b, err)
	}
	if _, err := s.Commit(t.Context(), offering(t, "acme/redis", "1.0.0", "acme/kv")); err != nil {
		t.Fatal(err)
	}
	b, _, err := s.Document(t.Context(), "acme/kv")
	if err != nil || string(b) != `{"v":1,"id":"acme/kv","summary":"old","providers":["acme/redis"]}`+"\n" {
		t.Errorf("%s, %v", b, err)
	}
}

// TestOffersFollowDocuments does the same random things to both backends: their documents
// are equal byte for byte, and the table says what the documents say.
func TestOffersFollowDocuments(t *testing.T) {
	dir := t.TempDir()
	s, m := open(t, dir), memory.New()
	rnd := rand.New(rand.NewPCG(3, 4))
	pool := []string{"a/a", "a/b", "b/a", "b/b", "c/a"}
	versions := map[string][]string{}
	changes := 0
	for i := range 150 {
		id := pool[rnd.IntN(len(pool))]
		var c registry.Commit
		if old := versions[id]; len(old) > 0 && rnd.IntN(2) == 0 {
			v := version.MustParse(old[rnd.IntN(len(old))])
			c = registry.Commit{Repo: id, Edit: &registry.Yank{ID: manifest.ID(id), Version: v, Undo: rnd.IntN(3) == 0}}
		} else {
			names := slices.DeleteFunc(slices.Clone(append(pool, "z/z")), func(n string) bool { return n == id || rnd.IntN(3) > 0 })
			v := fmt.Sprintf("1.%d.0", i)
			c = offering(t, manifest.ID(id), v, names...)
			if c.DryRun = rnd.IntN(5) == 0; !c.DryRun {
				versions[id] = append(versions[id], v)
			}
		}
		a, err1 := s.Commit(t.Context(), c)
		b, err2 := m.Commit(t.Context(), c)
		if err1 != nil || err2 != nil || a.Existed != b.Existed {
			t.Fatalf("%d: %+v %v, %+v %v", i, a, err1, b, err2)
		}
		if !a.Existed && !c.DryRun {
			changes++
		}
		for _, id := range append(pool, "z/z") {
			x, _, err1 := s.Document(t.Context(), manifest.ID(id))
			y, _, err2 := m.Document(t.Context(), manifest.ID(id))
			if string(x) != string(y) || errors.Is(err1, index.ErrNotFound) != errors.Is(err2, index.ErrNotFound) {
				t.Fatalf("%d: %s:\n%s%v\nis not\n%s%v", i, id, x, err1, y, err2)
			}
		}
	}
	db := database(t, dir)
	for what, query := range map[string]string{
		"offers of nobody":   `select count(*) from plugin_offer where plugin not in (select number from plugin)`,
		"names not told of":  `select count(*) from plugin_offer o join plugin p on p.number = o.plugin where not exists (select 1 from plugin n where n.id = o.name and instr(n.document, '"' || p.id || '"'))`,
		"names of nobody":    `select count(*) from plugin p where p.latest = '' and instr(p.document, '"providers"') = 0 and instr(p.document, '"r":') = 0`,
		"events besides one": fmt.Sprintf(`select count(*) - %d from event`, changes),
	} {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
}
