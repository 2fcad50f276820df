package registry_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/version"
)

// release makes one version of acme/hello, whose summary names it.
func release(t testing.TB, v string) *registry.Release {
	t.Helper()
	rec := index.Record{Facts: artifact.Facts{ID: "acme/hello", Version: version.MustParse(v)}, Digest: artifact.DigestOf([]byte(v)), Size: 1, Packages: []index.Package{}}
	r, err := index.NewRelease(rec)
	if err != nil {
		t.Fatal(err)
	}
	return &registry.Release{Header: index.Header{ID: "acme/hello", Summary: "as of " + v}, Release: r}
}

func publishAll(t testing.TB, versions ...string) (p *index.Plugin) {
	t.Helper()
	for _, v := range versions {
		next, err := registry.Publish(p, release(t, v))
		if err != nil {
			t.Fatal(err)
		}
		p = next
	}
	return p
}

// TestHeaderFollowsTheLatest publishes in several orders. What a search shows must
// describe the version that an install brings.
func TestHeaderFollowsTheLatest(t *testing.T) {
	for versions, want := range map[string]string{
		"1.0.0":                                 "1.0.0",
		"1.0.0 1.1.0":                           "1.1.0",
		"1.1.0 1.0.1":                           "1.1.0",
		"1.0.0 2.0.0-rc.1":                      "1.0.0",
		"1.0.0 2.0.0-rc.1 2.0.0":                "2.0.0",
		"2.0.0-rc.1":                            "2.0.0-rc.1",
		"2.0.0-rc.1 2.0.0-rc.2":                 "2.0.0-rc.2",
		"2.0.0-rc.1 1.0.0":                      "1.0.0",
		"1.9.0 1.10.0 1.9.1":                    "1.10.0",
		"1.0.0 1.0.0+b.1":                       "1.0.0",
		"2.0.0-rc.2 2.0.0-rc.1 1.0.0-a 1.0.0-b": "2.0.0-rc.2",
	} {
		p := publishAll(t, strings.Fields(versions)...)
		latest, ok := p.Latest()
		if !ok || p.Summary != "as of "+want || latest.Version.String() != want {
			t.Errorf("%s: summary %q, latest %s, want %s", versions, p.Summary, latest.Version, want)
		}
		var order []string
		for _, r := range p.Releases {
			order = append(order, r.Version.String())
		}
		if got := strings.Join(order, " "); got != versions {
			t.Errorf("the order of publication %s became %s", versions, got)
		}
	}
}

// TestPublishLeavesTheOldAlone: readers hold the old document while a new one is made.
func TestPublishLeavesTheOldAlone(t *testing.T) {
	old := publishAll(t, "1.0.0", "1.1.0")
	old.Releases = slices.Grow(old.Releases, 10)
	before, err := old.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	a, err1 := registry.Publish(old, release(t, "1.2.0"))
	b, err2 := registry.Publish(old, release(t, "1.3.0"))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if after, err := old.Bytes(); err != nil || string(after) != string(before) {
		t.Errorf("changed to\n%s", after)
	}
	if _, ok := a.Find(version.MustParse("1.2.0")); !ok || len(a.Releases) != 3 || len(b.Releases) != 3 {
		t.Errorf("two documents share their releases: %v, %v", a.Releases, b.Releases)
	}
	if _, err := registry.Publish(old, release(t, "1.1.0")); !errors.Is(err, registry.ErrBound) {
		t.Errorf("a version that exists: %v", err)
	}
}

func TestYank(t *testing.T) {
	p := publishAll(t, "1.0.0", "1.1.0")
	v := version.MustParse("1.1.0")
	for i, c := range []struct {
		y       registry.Yank
		changed bool
		reason  string
		latest  string
	}{
		{registry.Yank{Version: v, Undo: true}, false, "", "1.1.0"},
		{registry.Yank{Version: v, Reason: "bad"}, true, "bad", "1.0.0"},
		{registry.Yank{Version: v, Reason: "bad"}, false, "bad", "1.0.0"},
		{registry.Yank{Version: v, Reason: "worse"}, true, "worse", "1.0.0"},
		{registry.Yank{Version: v}, true, "", "1.0.0"},
		{registry.Yank{Version: v, Undo: true, Reason: "ignored"}, true, "", "1.1.0"},
		{registry.Yank{Version: v, Undo: true}, false, "", "1.1.0"},
	} {
		changed, err := c.y.Apply(p)
		latest, _ := p.Latest()
		r, _ := p.Find(v)
		reason := ""
		if r.State.Yanked != nil {
			reason = r.State.Yanked.Reason
		}
		if err != nil || changed != c.changed || reason != c.reason || latest.Version.String() != c.latest {
			t.Errorf("%d: changed %t, reason %q, latest %s, %v", i, changed, reason, latest.Version, err)
		}
	}
	if _, err := (&registry.Yank{Version: version.MustParse("9.0.0")}).Apply(p); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a version that is none: %v", err)
	}
	// With everything withdrawn there is nothing to recommend.
	for _, r := range slices.Clone(p.Releases) {
		if _, err := (&registry.Yank{Version: r.Version}).Apply(p); err != nil {
			t.Fatal(err)
		}
	}
	if r, ok := p.Latest(); ok {
		t.Errorf("latest is %s", r.Version)
	}
}

// TestLimitsOfADocument publishes what no client would read: the registry must refuse
// it, or the versions before it are lost to everybody.
func TestLimitsOfADocument(t *testing.T) {
	b := memory.New()
	publish := func(r *registry.Release) error {
		_, err := b.Commit(t.Context(), registry.Commit{Repo: "acme/hello", Release: r})
		return err
	}
	if err := publish(release(t, "1.0.0")); err != nil {
		t.Fatal(err)
	}
	before, _, err := b.Document(t.Context(), "acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	wide := release(t, "1.1.0")
	for i := range 400 {
		wide.Packages = append(wide.Packages, index.Package{Runtime: "process", Platform: manifest.Platform{OS: "linux", Arch: fmt.Sprint("a", i)}, Manifest: index.Ref{Digest: wide.Digest, Size: 1}, Payload: index.Ref{Digest: wide.Digest, Size: 1}})
	}
	if wide.Release, err = index.NewRelease(wide.Record); err != nil {
		t.Fatal(err)
	}
	if err := publish(wide); !errors.Is(err, registry.ErrInvalid) || !errors.Is(err, index.ErrDocument) {
		t.Errorf("a record of %d bytes: %v", len(wide.Raw), err)
	}
	after, d, err := b.Document(t.Context(), "acme/hello")
	if err != nil || string(after) != string(before) || d != artifact.DigestOf(before) {
		t.Errorf("the document changed: %v", err)
	}
	if p, err := index.Parse("acme/hello", after); err != nil || len(p.Releases) != 1 {
		t.Errorf("%v, %v", p, err)
	}
}

// TestRepoBlobs reads an artifact out of a backend, and gives no reader with an error.
func TestRepoBlobs(t *testing.T) {
	b := memory.New()
	raw := []byte(`{"manifests":[]}`)
	d := artifact.Describe(artifact.MediaIndex, raw)
	if _, err := b.Commit(t.Context(), registry.Commit{Repo: "acme/hello", Manifest: &registry.Manifest{Descriptor: d, Raw: raw}}); err != nil {
		t.Fatal(err)
	}
	blobs := registry.RepoBlobs{Backend: b, Repo: "acme/hello"}
	if got, err := artifact.ReadBlob(t.Context(), blobs, d, 100); err != nil || string(got) != string(raw) {
		t.Errorf("%q, %v", got, err)
	}
	asBlob := d
	asBlob.MediaType = artifact.MediaTarGzip
	for name, c := range map[string]struct {
		repo string
		d    artifact.Descriptor
	}{
		"manifest elsewhere": {"acme/other", d}, "blob": {"acme/hello", asBlob}, "unknown manifest": {"acme/hello", artifact.Describe(artifact.MediaManifest, []byte("x"))},
	} {
		r, err := registry.RepoBlobs{Backend: b, Repo: c.repo}.Open(t.Context(), c.d)
		if r != nil || !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	r := registry.BytesBlob([]byte("hello"))
	if n, err := r.Seek(-2, io.SeekEnd); err != nil || n != 3 {
		t.Errorf("seek: %d, %v", n, err)
	}
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "lo" || r.Close() != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestIsManifest(t *testing.T) {
	for mediaType, want := range map[string]bool{
		artifact.MediaIndex: true, artifact.MediaManifest: true,
		"application/vnd.docker.distribution.manifest.v2+json": true, "application/vnd.docker.distribution.manifest.list.v2+json": true,
		"": false, artifact.MediaTarGzip: false, artifact.MediaPlugin: false, artifact.MediaIndex + "; charset=utf-8": false, "APPLICATION/VND.OCI.IMAGE.INDEX.V1+JSON": false,
	} {
		if registry.IsManifest(mediaType) != want {
			t.Errorf("%q: want %t", mediaType, want)
		}
	}
}

// TestChangedOffers compares documents of one plugin.
func TestChangedOffers(t *testing.T) {
	doc := func(names ...manifest.ID) *index.Plugin {
		p := &index.Plugin{Header: index.Header{ID: "acme/hello"}}
		for _, n := range names {
			r := index.Release{Record: index.Record{Facts: artifact.Facts{ID: "acme/hello", Offers: []manifest.Offer{{ID: n}}}}}
			p.Releases = append(p.Releases, r)
		}
		return p
	}
	withdrawn := doc("a/a", "b/b")
	withdrawn.Releases[0].State.Yanked = &index.Yank{}
	for _, c := range []struct {
		old, now *index.Plugin
		want     string
	}{
		{nil, nil, "[]"},
		{nil, doc(), "[]"},
		{nil, doc("b/b", "a/a"), "[a/a b/b]"},
		{doc("a/a"), nil, "[a/a]"},
		{doc("a/a"), doc("a/a", "a/a"), "[]"},
		{doc("b/b", "c/c"), doc("a/a", "c/c"), "[a/a b/b]"},
		{doc("a/a", "b/b"), withdrawn, "[a/a]"},
		{withdrawn, doc("b/b"), "[]"},
	} {
		if got := fmt.Sprint(registry.ChangedOffers(c.old, c.now)); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.old, c.now, got, c.want)
		}
	}
}

// TestPublishKeepsProviders: who publishes a name says nothing of who offers it.
func TestPublishKeepsProviders(t *testing.T) {
	r := release(t, "1.0.0")
	r.Header.Providers = []manifest.ID{"evil/provider"}
	if p, err := registry.Publish(nil, r); err != nil || p.Providers != nil {
		t.Errorf("%+v, %v", p, err)
	}
	old := &index.Plugin{Header: index.Header{ID: "acme/hello", Providers: []manifest.ID{"acme/redis"}}}
	p, err := registry.Publish(old, r)
	if err != nil || fmt.Sprint(p.Providers) != "[acme/redis]" || p.Summary != "as of 1.0.0" {
		t.Fatalf("%+v, %v", p, err)
	}
	if p, err = registry.Publish(p, release(t, "0.9.0")); err != nil || fmt.Sprint(p.Providers) != "[acme/redis]" || p.Summary != "as of 1.0.0" {
		t.Errorf("%+v, %v", p, err)
	}
}
