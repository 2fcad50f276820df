package sqlstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// pushBlob uploads a text.
func pushBlob(t *testing.T, s *sqlstore.Store, repo, text string) artifact.Digest {
	t.Helper()
	d := artifact.DigestOf([]byte(text))
	if err := upload(t, s, repo)().Commit(t.Context(), strings.NewReader(text), d); err != nil {
		t.Fatal(err)
	}
	return d
}

// collect removes what is older than a day.
func collect(t *testing.T, s *sqlstore.Store) sqlstore.Collected {
	t.Helper()
	c, err := s.Collect(t.Context(), 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// there reports whether a repository has a blob.
func there(t *testing.T, s *sqlstore.Store, repo string, d artifact.Digest) bool {
	t.Helper()
	_, err := s.StatBlob(t.Context(), repo, d)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

// document is a manifest that names blobs.
func document(repo, tag string, children ...artifact.Digest) registry.Commit {
	raw := fmt.Appendf(nil, `{"of":%q,"names":%q}`, repo+tag, children)
	m := &registry.Manifest{Descriptor: artifact.Describe(artifact.MediaManifest, raw), Raw: raw}
	for _, d := range children {
		m.Children = append(m.Children, registry.Child{Digest: d})
	}
	c := registry.Commit{Repo: repo, Manifest: m, Move: true}
	if tag != "" {
		c.Tags = []string{tag}
	}
	return c
}

func commit(t *testing.T, s *sqlstore.Store, c registry.Commit) registry.Receipt {
	t.Helper()
	rec, err := s.Commit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// TestCollect keeps what something names, and what is young.
func TestCollect(t *testing.T) {
	s, c, b := withClock(t)
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, registrytest.Serve(t, s).Client().Target("acme/hello"), p)
	published := objects(t, b)
	lost := pushBlob(t, s, "acme/other", "nobody names this")
	commit(t, s, document("acme/other", "", pushBlob(t, s, "acme/other", "of a manifest without a tag")))
	commit(t, s, registry.Commit{Namespace: &registry.Namespace{Name: "raw", Kind: registry.KindOCI}})
	kept := pushBlob(t, s, "raw/x", "of a manifest without a tag")
	untagged := document("raw/x", "", kept)
	commit(t, s, untagged)
	if got := collect(t, s); got != (sqlstore.Collected{}) {
		t.Errorf("everything is young: %+v", got)
	}
	c.add(25 * time.Hour)
	young := pushBlob(t, s, "acme/other", "new")
	// The untagged manifest goes, with what it alone named in that repository; raw/x has
	// the blob still.
	if got := collect(t, s); got.Manifests != 1 || got.Blobs != 1 || got.Objects != 1 || got.Bytes != int64(len("nobody names this")) {
		t.Errorf("got %+v", got)
	}
	if there(t, s, "acme/other", lost) || !there(t, s, "acme/other", young) || !there(t, s, "raw/x", kept) || objects(t, b) != published+2 {
		t.Errorf("%d objects, %d published", objects(t, b), published)
	}
	if _, err := artifact.Read(t.Context(), registry.RepoBlobs{Backend: s, Repo: "acme/hello"}, p.Descriptor); err != nil {
		t.Errorf("what is published: %v", err)
	}
	// A manifest that is deleted leaves its blobs for a day.
	commit(t, s, registry.Commit{Repo: "raw/x", Delete: &registry.Delete{Manifest: untagged.Manifest.Digest}})
	if got := collect(t, s); got.Blobs != 0 || !there(t, s, "raw/x", kept) {
		t.Errorf("just deleted: %+v", got)
	}
	c.add(25 * time.Hour)
	if got := collect(t, s); got.Blobs != 2 || there(t, s, "raw/x", kept) || objects(t, b) != published {
		t.Errorf("a day later: %+v, %d objects", got, objects(t, b))
	}
}

// TestPushBeforeDelete pushes a blob again between the end of its row and the end of its
// object: the old object goes, and the blob stays.
func TestPushBeforeDelete(t *testing.T) {
	s, c, b := withClock(t)
	d := pushBlob(t, s, "a/b", "hello")
	c.add(25 * time.Hour)
	pushed := 0
	s.BeforeDelete(func(string) {
		if there(t, s, "a/b", d) {
			t.Error("a blob shows whose object is being deleted")
		}
		if pushed == 0 {
			pushBlob(t, s, "a/b", "hello")
		}
		pushed++
	})
	if got := collect(t, s); got.Objects != 1 || pushed != 1 {
		t.Fatalf("got %+v, pushed %d times", got, pushed)
	}
	if got := readAll(t, s, "a/b", d); got != "hello" || objects(t, b) != 1 {
		t.Errorf("got %q, %d objects", got, objects(t, b))
	}
	s.BeforeDelete(nil)
	if got := collect(t, s); got != (sqlstore.Collected{}) || readAll(t, s, "a/b", d) != "hello" {
		t.Errorf("again: %+v", got)
	}
}

// TestOrphans puts objects that no row names, as a kill leaves them.
func TestOrphans(t *testing.T) {
	s, c, b := withClock(t)
	d := pushBlob(t, s, "a/b", "hello")
	for _, key := range []string{"sha256/aa/aa.ORPHAN", "uploads/x.0.ORPHAN", "something/else"} {
		if err := b.Put(t.Context(), key, strings.NewReader("half"), 4); err != nil {
			t.Fatal(err)
		}
	}
	if got := collect(t, s); got != (sqlstore.Collected{}) {
		t.Errorf("they are young: %+v", got)
	}
	commit(t, s, document("a/b", "latest", d))
	c.add(25 * time.Hour)
	get := upload(t, s, "a/b")
	if err := get().Append(t.Context(), strings.NewReader("arriving")); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, s); got.Objects != 3 || objects(t, b) != 2 {
		t.Errorf("got %+v, %d objects", got, objects(t, b))
	}
	if err := get().Commit(t.Context(), strings.NewReader("!"), artifact.DigestOf([]byte("arriving!"))); err != nil {
		t.Error(err)
	}
}

// TestMissingChild refuses a manifest of which something is not in the repository.
func TestMissingChild(t *testing.T) {
	each(t, func(t *testing.T, s *sqlstore.Store) {
		d := pushBlob(t, s, "a/b", "hello")
		if _, err := s.Commit(t.Context(), document("c/d", "x", d)); !errors.Is(err, registry.ErrChild) {
			t.Errorf("a blob of another repository: %v", err)
		}
		c := document("c/d", "x", d)
		c.Manifest.Children[0].Optional = true
		commit(t, s, c)
		commit(t, s, document("a/b", "x", d))
		commit(t, s, document("a/b", "y", document("a/b", "x", d).Manifest.Digest))
	})
}
