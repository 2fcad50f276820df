package registrytest

import (
	"errors"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
)

// blobsOf pushes everything of p but its index.
func (s *Server) blobsOf(t *testing.T, repo string, p *artifact.Packed) {
	t.Helper()
	for _, b := range p.Blobs() {
		if b.Digest == p.Digest {
			continue
		}
		raw, path, method := string(readAll(t, p, b.Descriptor)), "/v2/"+repo+"/blobs/uploads/?digest="+string(b.Digest), "POST"
		if registry.IsManifest(b.MediaType) {
			path, method = "/v2/"+repo+"/manifests/"+string(b.Digest), "PUT"
		}
		if code, _, body := s.call(t, method, path, raw, "Content-Type", b.MediaType); code != 201 {
			t.Fatalf("%s: %d %s", b.MediaType, code, body)
		}
	}
}

// pluginKind: in a namespace that nobody has made a tag is a version, is published, and stays.
func pluginKind(t *testing.T, s *Server) {
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	raw := string(readAll(t, p, p.Descriptor))
	s.blobsOf(t, "acme/hello", p)
	push := func(what, ref string, want int, code string) {
		t.Helper()
		if got, _, body := s.call(t, "PUT", "/v2/acme/hello/manifests/"+ref, raw, "Content-Type", artifact.MediaIndex); got != want || !strings.Contains(body, code) {
			t.Errorf("%s: %d %s", what, got, body)
		}
	}
	push("a tag that is no version", "latest", 422, "PLUGIN_INVALID")
	push("another version", string(p.Digest)+"?tag=1.0.1", 422, "PLUGIN_INVALID")
	push("two tags", string(p.Digest)+"?tag=1.0.0&tag=1.0", 422, "PLUGIN_INVALID")
	push("by SHA-512", string(artifact.SHA512.DigestOf([]byte(raw)))+"?tag=1.0.0", 422, "PLUGIN_INVALID")
	push("without a tag", string(p.Digest), 201, "")
	if _, err := s.Client().Plugin(t.Context(), "acme/hello"); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("published without a tag: %v", err)
	}
	if ns, err := s.Backend.Namespace(t.Context(), "acme"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("namespace %+v, %v", ns, err)
	}
	push("a tag with the digest", string(p.Digest)+"?tag=1.0.0", 201, "")
	if doc := s.plugin(t, "acme/hello"); len(doc.Releases) != 1 || doc.Releases[0].Digest != p.Digest {
		t.Errorf("%+v", doc)
	}
	if ns, err := s.Backend.Namespace(t.Context(), "acme"); err != nil || ns.Kind != registry.KindPlugin {
		t.Errorf("namespace %+v, %v", ns, err)
	}
	ns := &registry.Namespace{Name: "acme", Kind: registry.KindOCI}
	if _, err := s.Backend.Commit(t.Context(), registry.Commit{Namespace: ns}); !errors.Is(err, registry.ErrBound) {
		t.Errorf("another kind: %v", err)
	}
	push("again", "1.0.0", 201, "")
	s.push(t, plugintest.Pack(t, "acme/hello", "1.1.0"))
	s.staysAsItIs(t, p)
}

// staysAsItIs tries to move and delete what belongs to p, which is published with others.
func (s *Server) staysAsItIs(t *testing.T, p *artifact.Packed) {
	t.Helper()
	other := plugintest.Pack(t, "acme/hello", "1.0.0", "license: MIT")
	s.blobsOf(t, "acme/hello", other)
	if code, _, body := s.call(t, "PUT", "/v2/acme/hello/manifests/"+string(other.Digest)+"?tag=1.0.0", string(readAll(t, other, other.Descriptor)), "Content-Type", artifact.MediaIndex); code != 409 {
		t.Errorf("moved: %d %s", code, body)
	}
	refs := []string{"manifests/1.0.0", "manifests/none", "blobs/" + string(artifact.DigestOf(nil))}
	for _, b := range p.Blobs() {
		refs = append(refs, "manifests/"+string(b.Digest), "blobs/"+string(b.Digest))
	}
	for _, ref := range refs {
		if code, h, body := s.call(t, "DELETE", "/v2/acme/hello/"+ref, ""); code != 405 || !strings.Contains(body, "UNSUPPORTED") || h.Get("Allow") == "" {
			t.Errorf("delete of %s: %d %s", ref, code, body)
		}
	}
	if _, err := artifact.Read(t.Context(), s.Client().Blobs("acme/hello"), p.Descriptor); err != nil {
		t.Error(err)
	}
}

// ociKind: what looks like a plugin is not published in a namespace that is not of plugins.
func ociKind(t *testing.T, s *Server) {
	ns := &registry.Namespace{Name: "acme", Kind: registry.KindOCI}
	for _, existed := range []bool{false, true} {
		if rec, err := s.Backend.Commit(t.Context(), registry.Commit{Namespace: ns}); err != nil || rec.Existed != existed {
			t.Fatal(rec, err)
		}
	}
	if got, err := s.Backend.Namespace(t.Context(), "acme"); err != nil || got != *ns {
		t.Fatal(got, err)
	}
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	raw := string(readAll(t, p, p.Descriptor))
	s.blobsOf(t, "acme/hello", p)
	for _, tag := range []string{"1.0.0", "latest"} {
		if code, h, body := s.call(t, "PUT", "/v2/acme/hello/manifests/"+tag, raw, "Content-Type", artifact.MediaIndex); code != 201 || h.Get("Warning") != "" {
			t.Errorf("%d %s", code, body)
		}
	}
	if _, err := s.Client().Plugin(t.Context(), "acme/hello"); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("published: %v", err)
	}
	// A blob of one kind can be mounted in the other.
	s.push(t, plugintest.Pack(t, "zed/hello", "1.0.0"))
	from := plugintest.Pack(t, "zed/hello", "1.0.0").Blobs()[0]
	if code, _, body := s.call(t, "POST", "/v2/acme/x/blobs/uploads/?mount="+string(from.Digest)+"&from=zed/hello", ""); code != 201 {
		t.Errorf("mount: %d %s", code, body)
	}
}
