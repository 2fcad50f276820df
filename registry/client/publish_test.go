package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// TestSourceThatChanges publishes a file that is not what it was, or breaks: that is
// nothing the registry did, and nothing may be kept.
func TestSourceThatChanges(t *testing.T) {
	s := registrytest.New(t)
	to := s.Client().Target("acme/hello")
	d := content(strings.Repeat("hello", 100_000))
	broken := errors.New("disk on fire")
	for name, c := range map[string]struct {
		r    io.Reader
		want error
	}{
		"other bytes": {strings.NewReader(strings.Repeat("hullo", 100_000)), artifact.ErrDigest},
		"shorter":     {strings.NewReader("hello"), artifact.ErrDigest},
		"breaks":      {io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(broken)), broken},
	} {
		if err := to.Put(t.Context(), d, c.r); !errors.Is(err, c.want) || errors.Is(err, client.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := s.Backend.OpenBlob(t.Context(), "acme/hello", d.Digest); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: kept: %v", name, err)
		}
	}
	manifest := artifact.Describe(artifact.MediaIndex, []byte("{}"))
	if err := to.Put(t.Context(), manifest, strings.NewReader("[]")); !errors.Is(err, artifact.ErrDigest) {
		t.Errorf("manifest: %v", err)
	}
}

func TestTagNeedsAPush(t *testing.T) {
	to := registrytest.New(t).Client().Target("acme/hello")
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	if err := to.Tag(t.Context(), "acme/hello", "1.0.0", p.Descriptor); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("tag before push: %v", err)
	}
	if err := to.Tag(t.Context(), "acme/other", "1.0.0", p.Descriptor); err == nil {
		t.Error("tagged in another repository")
	}
}

func TestEmptyBlob(t *testing.T) {
	s := registrytest.New(t)
	if err := s.Client().Target("acme/hello").Put(t.Context(), content(""), strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	if _, n, err := s.Backend.OpenBlob(t.Context(), "acme/hello", content("").Digest); err != nil || n != 0 {
		t.Error(n, err)
	}
}

// TestPrefix publishes to a registry below a path, behind a proxy that keeps the
// locations as they are and behind one that changes them.
func TestPrefix(t *testing.T) {
	access := func(*http.Request, handler.Access) (string, error) { return "tester", nil }
	for name, rewrite := range map[string]bool{"kept": false, "changed": true} {
		h := http.StripPrefix("/plugins", handler.New(memory.New(), handler.Options{Access: access}))
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if rewrite {
				w = prefixed{w}
			}
			h.ServeHTTP(w, r)
		}))
		defer s.Close()
		c := connect(t, s.URL+"/plugins")
		p := plugintest.Pack(t, "acme/hello", "1.0.0")
		plugintest.Push(t, c.Target("acme/hello"), p)
		doc, err := c.Plugin(t.Context(), "acme/hello")
		if err != nil || len(doc.Releases) != 1 || doc.Releases[0].Digest != p.Digest {
			t.Errorf("locations %s: %v", name, err)
		}
	}
}

// prefixed is a proxy that changes locations.
type prefixed struct{ http.ResponseWriter }

func (p prefixed) WriteHeader(status int) {
	if at := p.Header().Get("Location"); at != "" {
		p.Header().Set("Location", "/plugins"+at)
	}
	p.ResponseWriter.WriteHeader(status)
}
