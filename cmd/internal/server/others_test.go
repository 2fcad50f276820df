package server_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	cranelib "github.com/google/go-containerregistry/pkg/v1/remote"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/content/oci"
	oraslib "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/store/disk"
)

// orasRepo is a repository as oras sees it.
func orasRepo(t *testing.T, s *running, repo string) *oraslib.Repository {
	t.Helper()
	host := strings.TrimPrefix(s.url, "http://")
	r, err := oraslib.NewRepository(host + "/" + repo)
	if err != nil {
		t.Fatal(err)
	}
	r.PlainHTTP = true
	r.Client = &auth.Client{Credential: auth.StaticCredential(host, auth.Credential{Username: "token", Password: s.token})}
	return r
}

// craneRef is a tag as crane sees it.
func craneRef(t *testing.T, s *running, repo, tag string) name.Tag {
	t.Helper()
	ref, err := name.NewTag(strings.TrimPrefix(s.url, "http://")+"/"+repo+":"+tag, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func craneAuth(t *testing.T, s *running) []cranelib.Option {
	return []cranelib.Option{cranelib.WithAuth(&authn.Basic{Username: "token", Password: s.token}), cranelib.WithContext(t.Context())}
}

// toLayout writes packed plugins into an OCI image layout and returns its folder.
func toLayout(t *testing.T, list ...*artifact.Packed) string {
	t.Helper()
	dir := t.TempDir()
	d, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Push(t, d, list...)
	return dir
}

// published checks that the index names exactly p and that every byte can be read.
func published(t *testing.T, s *running, p *artifact.Packed) {
	t.Helper()
	c := s.client(t, "")
	doc, err := c.Plugin(t.Context(), p.Manifest.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Releases) != 1 || doc.Releases[0].Digest != p.Digest || doc.Releases[0].Version.Compare(p.Manifest.Version) != 0 {
		t.Fatalf("index %+v, want %s", doc.Releases, p.Digest)
	}
	for _, b := range p.Blobs() {
		if _, err := artifact.ReadBlob(t.Context(), c.Blobs(p.Manifest.ID), b.Descriptor, b.Size); err != nil {
			t.Error(err)
		}
	}
	if _, err := artifact.Read(t.Context(), c.Blobs(p.Manifest.ID), doc.Releases[0].Image()); err != nil {
		t.Error(err)
	}
}

// digests lists the digest of every blob of p.
func digests(p *artifact.Packed) []string {
	set := map[string]bool{}
	for _, b := range p.Blobs() {
		set[string(b.Digest)] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func TestOrasPulls(t *testing.T) {
	s := start(t, t.TempDir())
	p := plugintest.Pack(t, "acme/hello", "1.0.0+build.7")
	plugintest.Push(t, s.client(t, s.token).Target("acme/hello"), p)
	to := memory.New()
	got, err := oras.Copy(t.Context(), orasRepo(t, s, "acme/hello"), "1.0.0_build.7", to, "here", oras.DefaultCopyOptions)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Digest) != string(p.Digest) || got.Size != p.Size || got.MediaType != p.MediaType {
		t.Fatalf("got %+v, want %+v", got, p.Descriptor)
	}
	if list := graph(t, to, got); !slices.Equal(list, digests(p)) {
		t.Errorf("pulled %v, want %v", list, digests(p))
	}
	var tags []string
	if err := orasRepo(t, s, "acme/hello").Tags(t.Context(), "", func(page []string) error { tags = append(tags, page...); return nil }); err != nil || !slices.Equal(tags, []string{"1.0.0_build.7"}) {
		t.Errorf("tags %v: %v", tags, err)
	}
}

// graph lists the digests of everything below root.
func graph(t *testing.T, from content.ReadOnlyStorage, root ocispec.Descriptor) []string {
	t.Helper()
	set := map[string]bool{}
	var walk func(ocispec.Descriptor)
	walk = func(d ocispec.Descriptor) {
		set[string(d.Digest)] = true
		if _, err := content.FetchAll(t.Context(), from, d); err != nil {
			t.Fatal(err)
		}
		next, err := content.Successors(t.Context(), from, d)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range next {
			walk(x)
		}
	}
	walk(root)
	return slices.Sorted(maps.Keys(set))
}

func TestOrasPushes(t *testing.T) {
	s := start(t, t.TempDir())
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	from, err := oci.New(toLayout(t, p))
	if err != nil {
		t.Fatal(err)
	}
	root, err := from.Resolve(t.Context(), string(p.Digest))
	if err != nil {
		t.Fatal(err)
	}
	to := orasRepo(t, s, "acme/hello")
	if err := oras.CopyGraph(t.Context(), from, to, root, oras.DefaultCopyGraphOptions); err != nil {
		t.Fatal(err)
	}
	if code, body := s.call(t, "GET", "/index/v1/acme/hello", ""); code != 404 {
		t.Fatalf("published before the tag: %d %s", code, body)
	}
	if err := to.Tag(t.Context(), root, "1.0.1"); err == nil {
		t.Error("tagged with another version")
	}
	if err := to.Tag(t.Context(), root, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	published(t, s, p)
}

func TestOrasNeedsTheToken(t *testing.T) {
	s := start(t, t.TempDir())
	from, err := oci.New(toLayout(t, plugintest.Pack(t, "acme/hello", "1.0.0")))
	if err != nil {
		t.Fatal(err)
	}
	to := orasRepo(t, s, "acme/hello")
	to.Client = &auth.Client{Credential: auth.StaticCredential(to.Reference.Registry, auth.Credential{Username: "token", Password: "wrong"})}
	if err := pushTag(t.Context(), from, to, "1.0.0"); err == nil {
		t.Fatal("pushed with a wrong token")
	}
	if code, _ := s.call(t, "GET", "/v2/acme/hello/tags/list", ""); code != 404 {
		t.Errorf("something is there: %d", code)
	}
}

// pushTag copies the only manifest of a layout under a tag.
func pushTag(ctx context.Context, from *oci.Store, to oras.Target, tag string) error {
	return from.Tags(ctx, "", func(tags []string) error {
		_, err := oras.Copy(ctx, from, tags[0], to, tag, oras.DefaultCopyOptions)
		return err
	})
}

func TestOrasReferrers(t *testing.T) {
	s := start(t, t.TempDir())
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, s.client(t, s.token).Target("acme/hello"), p)
	repo := orasRepo(t, s, "acme/hello")
	subject, err := repo.Resolve(t.Context(), "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	note, err := oras.PackManifest(t.Context(), repo, oras.PackManifestVersion1_1, "application/vnd.example.note", oras.PackManifestOptions{Subject: &subject})
	if err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]int{"": 1, "application/vnd.example.note": 1, "application/vnd.example.other": 0} {
		var found []ocispec.Descriptor
		err := repo.Referrers(t.Context(), subject, filter, func(page []ocispec.Descriptor) error { found = append(found, page...); return nil })
		if err != nil || len(found) != want {
			t.Errorf("%q: %v %v", filter, found, err)
			continue
		}
		if want == 1 && (found[0].Digest != note.Digest || found[0].ArtifactType != "application/vnd.example.note") {
			t.Errorf("%q: %+v", filter, found[0])
		}
	}
	published(t, s, p)
}

func TestCranePulls(t *testing.T) {
	s := start(t, t.TempDir())
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, s.client(t, s.token).Target("acme/hello"), p)
	idx, err := cranelib.Index(craneRef(t, s, "acme/hello", "1.0.0"), cranelib.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := idx.Digest(); err != nil || d.String() != string(p.Digest) {
		t.Fatal(d, err)
	}
	dir := t.TempDir()
	to, err := layout.Write(dir, idx)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range p.Blobs()[:len(p.Blobs())-1] { // layout.Write makes index.json of the last, which is the index
		h, err := v1.NewHash(string(b.Digest))
		if err != nil {
			t.Fatal(err)
		}
		r, err := to.Blob(h)
		if err != nil {
			t.Errorf("%s %s: %v", b.MediaType, b.Digest, err)
			continue
		}
		if _, err := io.Copy(io.Discard, artifact.Verify(r, b.Descriptor)); err != nil {
			t.Error(err)
		}
		r.Close()
	}
	raw, err := idx.RawManifest()
	if err != nil || artifact.DigestOf(raw) != p.Digest || !json.Valid(raw) {
		t.Errorf("index %s: %v", raw, err)
	}
}

func TestCranePushes(t *testing.T) {
	s := start(t, t.TempDir())
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	from, err := layout.ImageIndexFromPath(toLayout(t, p))
	if err != nil {
		t.Fatal(err)
	}
	h, err := v1.NewHash(string(p.Digest))
	if err != nil {
		t.Fatal(err)
	}
	idx, err := from.ImageIndex(h)
	if err != nil {
		t.Fatal(err)
	}
	ref := craneRef(t, s, "acme/hello", "1.0.0")
	if err := cranelib.WriteIndex(ref.Context().Digest(h.String()), idx, craneAuth(t, s)...); err != nil {
		t.Fatal(err)
	}
	if code, body := s.call(t, "GET", "/index/v1/acme/hello", ""); code != 404 {
		t.Fatalf("published before the tag: %d %s", code, body)
	}
	if err := cranelib.Tag(craneRef(t, s, "acme/hello", "2.0.0"), idx, craneAuth(t, s)...); err == nil {
		t.Error("tagged with another version")
	}
	for range 2 {
		if err := cranelib.Tag(ref, idx, craneAuth(t, s)...); err != nil {
			t.Fatal(err)
		}
	}
	published(t, s, p)

	other := plugintest.Pack(t, "acme/hello", "1.0.0", "license: MIT")
	from, err = layout.ImageIndexFromPath(toLayout(t, other))
	if err != nil {
		t.Fatal(err)
	}
	if h, err = v1.NewHash(string(other.Digest)); err != nil {
		t.Fatal(err)
	}
	if idx, err = from.ImageIndex(h); err != nil {
		t.Fatal(err)
	}
	if err := cranelib.WriteIndex(ref, idx, craneAuth(t, s)...); err == nil || !strings.Contains(err.Error(), "VERSION_BOUND") {
		t.Errorf("the tag moved: %v", err)
	}
	published(t, s, p)
}
