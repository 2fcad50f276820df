package registrytest

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/version"
)

// providers returns the providers of a name and the ETag of its document. It checks that
// the document is the one that writing it again gives, and can be had by its digest.
func (s *Server) providers(t *testing.T, id manifest.ID) (string, string) {
	t.Helper()
	code, h, body := s.call(t, "GET", "/index/v1/"+string(id), "")
	if code == http.StatusNotFound {
		if _, err := s.ClientWith("").Plugin(t.Context(), id); !errors.Is(err, index.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
		return "none", ""
	}
	p, err := index.Parse(id, []byte(body))
	if code != http.StatusOK || err != nil {
		t.Fatalf("%s: %d %v", id, code, err)
	}
	if again, err := p.Bytes(); err != nil || string(again) != body {
		t.Errorf("%s: written again:\n%s\nis\n%s%v", id, again, body, err)
	}
	if code, _, at := s.call(t, "GET", "/index/v1/at/"+p.Document.Hex(), ""); code != http.StatusOK || at != body {
		t.Errorf("%s by its digest: %d", id, code)
	}
	if h.Get("ETag") != `"`+p.Document.Hex()+`"` {
		t.Errorf("%s: ETag %s of %s", id, h.Get("ETag"), p.Document)
	}
	return fmt.Sprint(p.Providers), h.Get("ETag")
}

// offers follows a name from its first offer to its last.
func offers(t *testing.T, s *Server) {
	last, seen := "", map[string]bool{}
	expect := func(what, want string, changed bool) {
		t.Helper()
		got, tag := s.providers(t, "acme/kv")
		if got != want {
			t.Errorf("%s: offered by %s, want %s", what, got, want)
		}
		if (tag != last) != changed || changed && tag != "" && seen[tag] {
			t.Errorf("%s: ETag %s after %s", what, tag, last)
		}
		last, seen[tag] = tag, true
	}
	push := func(id, v string, more ...string) { s.push(t, plugintest.Pack(t, id, v, more...)) }
	yank := func(id manifest.ID, v string, undo bool) {
		t.Helper()
		y := registry.Yank{ID: id, Version: version.MustParse(v), Reason: "test", Undo: undo}
		if changed, err := s.Client().Yank(t.Context(), y); err != nil || !changed {
			t.Fatal(changed, err)
		}
	}
	expect("nothing", "none", false)
	push("acme/redis", "3.0.0", "offers: { acme/kv: 1.1.0 }")
	expect("an offer", "[acme/redis]", true)
	push("zed/memory", "0.1.0", "offers: { zed/other: 1.0.0, acme/kv: 2.0.0 }")
	expect("another", "[acme/redis zed/memory]", true)
	push("acme/redis", "3.1.0", "offers: { acme/kv: 1.2.0 }")
	expect("a newer version of one", "[acme/redis zed/memory]", false)
	push("acme/redis", "4.0.0")
	expect("a version that offers nothing", "[acme/redis zed/memory]", false)
	yank("acme/redis", "3.0.0", false)
	expect("one of two offers withdrawn", "[acme/redis zed/memory]", false)
	yank("acme/redis", "3.1.0", false)
	expect("both withdrawn", "[zed/memory]", true)
	yank("zed/memory", "0.1.0", false)
	expect("nobody left", "none", true)
	if got, _ := s.providers(t, "zed/other"); got != "none" {
		t.Errorf("zed/other: offered by %s", got)
	}
	yank("acme/redis", "3.0.0", true)
	if got, _ := s.providers(t, "acme/kv"); got != "[acme/redis]" {
		t.Errorf("taken back: offered by %s", got)
	}
}

// offersOfPublished has a name that is offered and published: neither touches the other.
func offersOfPublished(t *testing.T, s *Server) {
	s.push(t, plugintest.Pack(t, "acme/redis", "3.0.0", "offers: { acme/kv: 1.1.0 }"))
	_, before := s.providers(t, "acme/kv")
	if got := s.search(t, index.Query{Text: "kv"}); len(got) != 0 {
		t.Errorf("a name without releases is found: %v", got)
	}
	y := registry.Yank{ID: "acme/kv", Version: version.MustParse("1.0.0")}
	if _, err := s.Client().Yank(t.Context(), y); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("withdrawn without a release: %v", err)
	}
	s.push(t, plugintest.Pack(t, "acme/kv", "1.0.0"), plugintest.Pack(t, "acme/kv", "2.0.0-rc.1"), plugintest.Pack(t, "acme/kv", "0.9.0"))
	p := s.plugin(t, "acme/kv")
	if got, tag := s.providers(t, "acme/kv"); got != "[acme/redis]" || tag == before || len(p.Releases) != 3 || p.Summary != "The acme/kv plugin" {
		t.Fatalf("published: %+v", p)
	}
	if got := s.search(t, index.Query{Text: "kv"}); !slices.Equal(got, []string{"acme/kv"}) {
		t.Errorf("found: %v", got)
	}
	s.push(t, plugintest.Pack(t, "acme/memory", "1.0.0", "offers: { acme/kv: 1.1.0 }"))
	y = registry.Yank{ID: "acme/redis", Version: version.MustParse("3.0.0")}
	if _, err := s.Client().Yank(t.Context(), y); err != nil {
		t.Fatal(err)
	}
	q := s.plugin(t, "acme/kv")
	if got, _ := s.providers(t, "acme/kv"); got != "[acme/memory]" || q.Summary != p.Summary || len(q.Releases) != 3 {
		t.Fatalf("another provider: %+v", q)
	}
	for i, r := range q.Releases {
		if !bytes.Equal(r.Raw, p.Releases[i].Raw) {
			t.Errorf("the record of %s changed", r.Version)
		}
	}
	if got := s.search(t, index.Query{Text: "kv"}); !slices.Equal(got, []string{"acme/kv"}) {
		t.Errorf("found: %v", got)
	}
}

// offering makes the commit of a release that offers names.
func offering(t *testing.T, id manifest.ID, names ...manifest.ID) registry.Commit {
	t.Helper()
	f := artifact.Facts{ID: id, Version: version.MustParse("1.0.0")}
	for _, n := range names {
		f.Offers = append(f.Offers, manifest.Offer{ID: n, Version: version.MustParse("1.0.0")})
	}
	raw := fmt.Appendf(nil, `{"of":%q}`, id)
	d := artifact.Describe(artifact.MediaIndex, raw)
	rel, err := index.NewRelease(index.Record{Facts: f, Digest: d.Digest, Size: d.Size, Packages: []index.Package{}})
	if err != nil {
		t.Fatal(err)
	}
	return registry.Commit{
		Repo: string(id), Tags: []string{"1.0.0"}, Manifest: &registry.Manifest{Descriptor: d, Raw: raw},
		// Who publishes says nothing of who offers the name.
		Release: &registry.Release{Header: index.Header{V: 1, ID: id, Providers: []manifest.ID{"evil/provider"}}, Release: rel},
	}
}

// manyOffers has more providers than a document holds, all at once. Those of the
// namespace of the name may not be pushed out by others.
func manyOffers(t *testing.T, s *Server) {
	c := offering(t, "acme/z", "mid/kv")
	c.DryRun = true
	if _, err := s.Backend.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.providers(t, "mid/kv"); got != "none" {
		t.Errorf("after a dry run: offered by %s", got)
	}
	var list []registry.Commit
	var want []string
	for i := range index.MaxProviders + 5 {
		list = append(list, offering(t, manifest.ID(fmt.Sprintf("acme/p%03d", i)), "mid/kv"))
	}
	for _, id := range []string{"mid-a/x", "mid/a", "mid/z", "zed/a"} {
		list = append(list, offering(t, manifest.ID(id), "mid/kv", "mid/other"))
	}
	for i := range index.MaxProviders - 2 {
		want = append(want, fmt.Sprintf("acme/p%03d", i))
	}
	var wg sync.WaitGroup
	for part := range slices.Chunk(list, 60) {
		wg.Go(func() {
			for _, c := range part {
				if _, err := s.Backend.Commit(t.Context(), c); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got, _ := s.providers(t, "mid/kv"); got != "["+strings.Join(append(want, "mid/a", "mid/z"), " ")+"]" {
		t.Errorf("offered by %s", got)
	}
	if got, _ := s.providers(t, "mid/other"); got != "[mid-a/x mid/a mid/z zed/a]" {
		t.Errorf("offered by %s", got)
	}
	if got, _ := s.providers(t, "acme/p000"); got != "[]" {
		t.Errorf("who publishes named providers: %s", got)
	}
}
