package client_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/ocitest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
)

// repository returns a repository of a plain registry.
func repository(t *testing.T, g *ocitest.Registry, name string) *client.Repository {
	t.Helper()
	c, err := client.New(g.URL, client.Options{Plain: true, Retry: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	return c.Repository(name)
}

func TestTags(t *testing.T) {
	g := ocitest.New(t)
	want := []string{"1.0.0", "1.1.0", "_index", "a", "b", "latest"}
	for _, tag := range want {
		g.Tag("a/b", tag, artifact.MediaManifest, []byte(`{}`))
	}
	for _, page := range []int{0, 1, 2, 3, 5, 6, 7} {
		g.Set(func() { g.Page = page })
		r := repository(t, g, "a/b")
		if got, err := r.Tags(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Errorf("pages of %d: %q, %v", page, got, err)
		}
	}
	r := repository(t, g, "a/nobody")
	if r.Name() != "a/nobody" {
		t.Errorf("name %s", r.Name())
	}
	if got, err := r.Tags(t.Context()); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTagsOfAPlace that is no registry, or a strange one.
func TestTagsOfAPlace(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"a code of its own":  {404, `{"errors":[{"code":"NOT_FOUND","message":"x"}]}`, registry.ErrNotFound},
		"a page of a hotel":  {404, `<html>`, client.ErrProtocol},
		"another page":       {200, `<html>`, client.ErrProtocol},
		"forbidden":          {403, `{"errors":[{"code":"DENIED"}]}`, client.ErrLogin},
		"unknown challenge":  {401, ``, client.ErrLogin},
		"down":               {503, ``, client.ErrUnreachable},
		"null":               {200, `{"tags":null}`, nil},
		"nothing":            {200, `{}`, nil},
		"the same tag again": {200, `{"tags":["a","a"]}`, nil},
	} {
		g := ocitest.New(t)
		g.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
			return true
		})
		got, err := repository(t, g, "a/b").Tags(t.Context())
		if !errors.Is(err, c.want) || c.want == nil && err != nil || len(got) > 1 {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if missing := errors.Is(err, registry.ErrNotFound); missing != (c.want == registry.ErrNotFound) {
			t.Errorf("%s: counts as missing: %t", name, missing)
		}
	}
}

func TestManifests(t *testing.T) {
	g := ocitest.New(t)
	raw := []byte(`{"schemaVersion":2}`)
	g.Tag("a/b", "t", artifact.MediaManifest, raw)
	r := repository(t, g, "a/b")
	want := artifact.Describe(artifact.MediaManifest, raw)
	d, got, err := r.Manifest(t.Context(), "t", artifact.MediaManifest, int64(len(raw)))
	if err != nil || d.Digest != want.Digest || d.Size != want.Size || d.MediaType != want.MediaType || string(got) != string(raw) {
		t.Errorf("%+v %s, %v", d, got, err)
	}
	if d, err := r.Digest(t.Context(), "t", artifact.MediaManifest); err != nil || d != want.Digest {
		t.Errorf("%s, %v", d, err)
	}
	if _, _, err := r.Manifest(t.Context(), "t", artifact.MediaManifest, int64(len(raw))-1); !errors.Is(err, client.ErrProtocol) {
		t.Errorf("beyond the limit: %v", err)
	}
	if _, _, err := r.Manifest(t.Context(), "none", artifact.MediaManifest, 100); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("no tag: %v", err)
	}
	if _, err := r.Digest(t.Context(), "none", artifact.MediaManifest); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("no tag: %v", err)
	}
}

// TestDigestsOfARegistry are compared when they are of an algorithm that is known.
func TestDigestsOfARegistry(t *testing.T) {
	g := ocitest.New(t)
	for said, c := range map[string]struct{ manifest, digest error }{
		"": {}, "sha512:" + strings.Repeat("a", 128): {}, "nonsense": {},
		string(artifact.DigestOf([]byte("{}"))): {}, string(artifact.DigestOf(nil)): {manifest: artifact.ErrDigest},
	} {
		g.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Docker-Content-Digest", said)
			w.Header().Set("Content-Type", artifact.MediaIndex+"; charset=utf-8")
			io.WriteString(w, "{}")
			return true
		})
		r := repository(t, g, "a/b")
		d, _, err := r.Manifest(t.Context(), "t", artifact.MediaIndex, 100)
		if !errors.Is(err, c.manifest) || err == nil && (d.MediaType != artifact.MediaIndex || d.Digest != artifact.DigestOf([]byte("{}"))) {
			t.Errorf("%q: %+v, %v", said, d, err)
		}
		got, err := r.Digest(t.Context(), "t", artifact.MediaIndex)
		if err != nil || got != "" && string(got) != said || (got == "") != !strings.HasPrefix(said, "sha256:") {
			t.Errorf("%q: digest %q, %v", said, got, err)
		}
	}
}
