package memory_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/version"
)

func release(t testing.TB, id manifest.ID, v string) *registry.Release {
	t.Helper()
	r, err := index.NewRelease(index.Record{Facts: artifact.Facts{ID: id, Version: version.MustParse(v)}, Digest: artifact.DigestOf([]byte(v)), Size: 1, Packages: []index.Package{}})
	if err != nil {
		t.Fatal(err)
	}
	return &registry.Release{Header: index.Header{ID: id, Summary: "the " + string(id)}, Release: r}
}

func document(raw string) *registry.Manifest {
	return &registry.Manifest{Descriptor: artifact.Describe(artifact.MediaIndex, []byte(raw)), Raw: []byte(raw)}
}

func commit(t testing.TB, r *memory.Registry, c registry.Commit) registry.Receipt {
	t.Helper()
	rec, err := r.Commit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// TestPositions follows the receipts: a position grows with a change and only then.
func TestPositions(t *testing.T) {
	r := memory.New()
	one := document("{}")
	yank := &registry.Yank{ID: "acme/a", Version: version.MustParse("1.0.0")}
	for i, c := range []struct {
		c       registry.Commit
		pos     int64
		existed bool
	}{
		{registry.Commit{Repo: "acme/a", Manifest: one}, 1, false},
		{registry.Commit{Repo: "acme/a", Manifest: one}, 1, true},
		{registry.Commit{Repo: "acme/b", Manifest: one}, 2, false},
		{registry.Commit{Repo: "acme/a", Manifest: one, Tags: []string{"1.0.0"}, Release: release(t, "acme/a", "1.0.0"), DryRun: true}, 2, false},
		{registry.Commit{Repo: "acme/a", Manifest: one, Tags: []string{"1.0.0"}, Release: release(t, "acme/a", "1.0.0")}, 3, false},
		{registry.Commit{Repo: "acme/a", Manifest: one, Tags: []string{"1.0.0"}, Release: release(t, "acme/a", "1.0.0")}, 3, true},
		{registry.Commit{Repo: "acme/a", Edit: yank, DryRun: true}, 3, false},
		{registry.Commit{Repo: "acme/a", Edit: yank}, 4, false},
		{registry.Commit{Repo: "acme/a", Edit: yank}, 4, true},
		{registry.Commit{}, 4, true},
	} {
		if rec := commit(t, r, c.c); rec.Position != c.pos || rec.Existed != c.existed {
			t.Errorf("%d: %+v, want position %d, existed %t", i, rec, c.pos, c.existed)
		}
	}
}

// TestRefusedCommitsChangeNothing runs commits that are half right.
func TestRefusedCommitsChangeNothing(t *testing.T) {
	r := memory.New()
	commit(t, r, registry.Commit{Repo: "acme/a", Manifest: document("{}"), Tags: []string{"1.0.0"}, Release: release(t, "acme/a", "1.0.0")})
	before, _, err := r.Document(t.Context(), "acme/a")
	if err != nil {
		t.Fatal(err)
	}
	other := document(`{"other":1}`)
	for name, c := range map[string]struct {
		c    registry.Commit
		want error
	}{
		"moved tag":           {registry.Commit{Repo: "acme/a", Manifest: other, Tags: []string{"1.0.0"}, Release: release(t, "acme/a", "1.0.0")}, registry.ErrBound},
		"version under a tag": {registry.Commit{Repo: "acme/a", Manifest: other, Tags: []string{"1.0.0_"}, Release: release(t, "acme/a", "1.0.0")}, registry.ErrBound},
		"unknown plugin":      {registry.Commit{Repo: "acme/b", Edit: &registry.Yank{ID: "acme/b", Version: version.MustParse("1.0.0")}}, registry.ErrNotFound},
		"unknown version":     {registry.Commit{Repo: "acme/a", Manifest: other, Edit: &registry.Yank{ID: "acme/a", Version: version.MustParse("1.0.1")}}, registry.ErrNotFound},
	} {
		for _, dry := range []bool{true, false} {
			c.c.DryRun = dry
			if _, err := r.Commit(t.Context(), c.c); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if _, _, err := r.Manifest(t.Context(), "acme/a", string(other.Digest)); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: the manifest was kept: %v", name, err)
		}
		if after, _, err := r.Document(t.Context(), "acme/a"); err != nil || string(after) != string(before) {
			t.Errorf("%s: the index changed: %v", name, err)
		}
	}
	if tags, err := r.Tags(t.Context(), "acme/a", registry.Page{}); err != nil || fmt.Sprint(tags) != "[1.0.0]" {
		t.Errorf("tags %v, %v", tags, err)
	}
}

// TestManifestBytesAreCopied: the sender may use its buffer again.
func TestManifestBytesAreCopied(t *testing.T) {
	r := memory.New()
	m := document("{}")
	commit(t, r, registry.Commit{Repo: "acme/a", Manifest: m})
	clear(m.Raw)
	if _, raw, err := r.Manifest(t.Context(), "acme/a", string(m.Digest)); err != nil || string(raw) != "{}" {
		t.Errorf("%q, %v", raw, err)
	}
}

// TestDocumentsByDigest keeps the present document only, in both ways to ask.
func TestDocumentsByDigest(t *testing.T) {
	r := memory.New()
	var digests []artifact.Digest
	for _, v := range []string{"1.0.0", "1.1.0"} {
		commit(t, r, registry.Commit{Repo: "acme/a", Release: release(t, "acme/a", v)})
		b, d, err := r.Document(t.Context(), "acme/a")
		if err != nil || artifact.DigestOf(b) != d {
			t.Fatalf("%s %v", d, err)
		}
		if at, err := r.DocumentAt(t.Context(), d); err != nil || string(at) != string(b) {
			t.Errorf("by digest: %q, %v", at, err)
		}
		digests = append(digests, d)
	}
	if _, err := r.DocumentAt(t.Context(), digests[0]); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("the old document: %v", err)
	}
	if _, _, err := r.Document(t.Context(), "acme/b"); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("unknown plugin: %v", err)
	}
}

// TestBlobsStayInTheirRepository: knowing a digest gives no access to it elsewhere.
func TestBlobsStayInTheirRepository(t *testing.T) {
	r := memory.New()
	d := artifact.DigestOf([]byte("hello"))
	upload := func(repo, content string, want artifact.Digest) error {
		name, err := r.NewUpload(t.Context(), repo, artifact.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		u, err := r.Upload(t.Context(), repo, name)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(u.Commit(t.Context(), strings.NewReader(content), want))
		if _, gone := r.Upload(t.Context(), repo, name); !errors.Is(gone, registry.ErrNotFound) {
			t.Errorf("the upload is still there: %v", gone)
		}
		return err
	}
	if err := upload("acme/a", "hullo", d); !errors.Is(err, artifact.ErrDigest) {
		t.Errorf("other bytes: %v", err)
	}
	if _, _, err := r.OpenBlob(t.Context(), "acme/a", d); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("other bytes were kept: %v", err)
	}
	if err := upload("acme/a", "hello", d); err != nil {
		t.Fatal(err)
	}
	for _, repo := range []string{"acme/b", "acme", "acme/a/", ""} {
		if _, _, err := r.OpenBlob(t.Context(), repo, d); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%q: %v", repo, err)
		}
		if err := r.MountBlob(t.Context(), "acme/c", repo, d); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("mount from %q: %v", repo, err)
		}
	}
	if err := r.MountBlob(t.Context(), "acme/c", "acme/a", d); err != nil {
		t.Fatal(err)
	}
	b, n, err := r.OpenBlob(t.Context(), "acme/c", d)
	if err != nil || n != 5 {
		t.Fatal(n, err)
	}
	if got, err := io.ReadAll(b); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestUploadKeepsWhatArrived breaks the line in the middle, as a client that goes on
// later would see it.
func TestUploadKeepsWhatArrived(t *testing.T) {
	r := memory.New()
	name, err := r.NewUpload(t.Context(), "acme/a", artifact.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	u, err := r.Upload(t.Context(), "acme/a", name)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Append(t.Context(), io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(io.ErrUnexpectedEOF))); !errors.Is(err, io.ErrUnexpectedEOF) || u.Size() != 3 {
		t.Errorf("%d bytes, %v", u.Size(), err)
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := r.Upload(t.Context(), "acme/a", name)
	if err != nil || again.Size() != 3 {
		t.Fatalf("%v", err)
	}
	if err := again.Commit(t.Context(), strings.NewReader("lo"), artifact.DigestOf([]byte("hello"))); err != nil {
		t.Error(err)
	}
	for _, repo := range []string{"acme/a", "acme/b"} {
		if _, err := r.Upload(t.Context(), repo, name); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: %v", repo, err)
		}
	}
}

// TestSearchOrderAndLimit puts the exact name first and stops at the limit.
func TestSearchOrderAndLimit(t *testing.T) {
	r := memory.New()
	for i := range 60 {
		id := manifest.ID(fmt.Sprintf("acme/tool%02d", i))
		commit(t, r, registry.Commit{Repo: string(id), Release: release(t, id, "1.0.0")})
	}
	ids := func(q index.Query) (out []string) {
		for h, err := range r.Search(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, strings.TrimPrefix(string(h.ID), "acme/tool"))
		}
		return out
	}
	for _, c := range []struct {
		q    index.Query
		n    int
		want string
	}{
		{index.Query{}, 50, "00 01 02"},
		{index.Query{Limit: 3}, 3, "00 01 02"},
		{index.Query{Limit: 200}, 60, "00 01 02"},
		{index.Query{Text: "ACME/tool"}, 50, "00 01 02"},
		{index.Query{Text: " acme/tool5 "}, 10, "50 51 52"},
		{index.Query{Text: "tool 59"}, 1, "59"},
		{index.Query{Text: "Acme/Tool07"}, 1, "07"},
		{index.Query{Text: "tool", Runtime: "wasm"}, 0, ""},
	} {
		got := ids(c.q)
		if len(got) != c.n || strings.Join(got[:min(3, len(got))], " ") != c.want {
			t.Errorf("%+v: %d hits: %v", c.q, len(got), got)
		}
	}
	commit(t, r, registry.Commit{Release: release(t, "zed/tool", "1.0.0")})
	commit(t, r, registry.Commit{Release: release(t, "acme/zed-tool", "1.0.0")})
	var first manifest.ID
	for h := range r.Search(t.Context(), index.Query{Text: "zed/tool"}) {
		first = h.ID
		break
	}
	if first != "zed/tool" {
		t.Errorf("first is %s", first)
	}
	commit(t, r, registry.Commit{Edit: &registry.Yank{ID: "acme/tool59", Version: version.MustParse("1.0.0")}})
	if got := ids(index.Query{Text: "tool59"}); len(got) != 0 {
		t.Errorf("a plugin of yanked versions is found: %v", got)
	}
}

// TestReadersDuringPublications reads while versions come: every document is whole
// and never shorter than the one before.
func TestReadersDuringPublications(t *testing.T) {
	r := memory.New()
	commit(t, r, registry.Commit{Release: release(t, "acme/a", "1.0.0")})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			seen := 0
			for {
				b, d, err := r.Document(t.Context(), "acme/a")
				if err != nil || artifact.DigestOf(b) != d {
					t.Errorf("torn document: %v", err)
					return
				}
				p, err := index.Parse("acme/a", b)
				if err != nil || len(p.Releases) < seen {
					t.Errorf("%d releases after %d: %v", len(p.Releases), seen, err)
					return
				}
				seen = len(p.Releases)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 50 {
		commit(t, r, registry.Commit{Release: release(t, "acme/a", fmt.Sprintf("1.%d.0", i+1))})
	}
	close(done)
	wg.Wait()
}
