package web

import (
	"context"
	"errors"
	"html/template"
	"io"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/memory"
)

// faulty is a backend whose disk fails when it is told so, and that counts reads.
type faulty struct {
	registry.Backend
	noDocuments, noBlobs, noSearch atomic.Bool
	manifests                      atomic.Int64
}

var errDisk = errors.New("secret path /data is gone")

func (f *faulty) Document(ctx context.Context, id manifest.ID) ([]byte, artifact.Digest, error) {
	if f.noDocuments.Load() {
		return nil, "", errDisk
	}
	return f.Backend.Document(ctx, id)
}

func (f *faulty) OpenBlob(ctx context.Context, repo string, d artifact.Digest) (io.ReadSeekCloser, int64, error) {
	if f.noBlobs.Load() {
		return nil, 0, errDisk
	}
	return f.Backend.OpenBlob(ctx, repo, d)
}

func (f *faulty) Manifest(ctx context.Context, repo, ref string) (artifact.Descriptor, []byte, error) {
	f.manifests.Add(1)
	return f.Backend.Manifest(ctx, repo, ref)
}

func (f *faulty) Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	if f.noSearch.Load() {
		return func(yield func(index.Hit, error) bool) { yield(index.Hit{}, errDisk) }
	}
	return f.Backend.Search(ctx, q)
}

func TestFaults(t *testing.T) {
	f := &faulty{Backend: memory.New()}
	c := openOver(t, f)
	c.publish("acme/hello", "1.0.0", "# Hello")

	f.noBlobs.Store(true)
	c.shows("/p/acme/hello", 200, "The description cannot be read at the moment", "The acme/hello plugin")
	if !strings.Contains(c.log.String(), "artifact cannot be read") {
		t.Errorf("the log says %q", &c.log)
	}
	f.noBlobs.Store(false)
	c.shows("/p/acme/hello", 200, "readme-hello")

	f.noSearch.Store(true)
	c.shows("/p/acme/none", 404, "Nobody has published")
	f.noDocuments.Store(true)
	for _, path := range []string{"/", "/search?q=x", "/p/acme/hello", "/p/acme/hello/1.0.0", "/p/acme/hello/versions"} {
		body := c.get(path, 500)
		if !strings.Contains(body, "The registry has a problem") || strings.Contains(body, "secret") {
			t.Errorf("%s: %s", path, body)
		}
	}
	if strings.Count(c.log.String(), errDisk.Error()) < 5 {
		t.Errorf("the log says %q", &c.log)
	}
}

func TestArtifactsAreReadOnce(t *testing.T) {
	f := &faulty{Backend: memory.New()}
	c := openOver(t, f)
	c.publish("acme/hello", "1.0.0", "# Hello")
	c.get("/p/acme/hello", 200)
	before := f.manifests.Load()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if a := c.do("GET", "/p/acme/hello"); a.status != 200 {
				t.Error(a.status)
			}
		})
	}
	wg.Wait()
	if n := f.manifests.Load(); n != before {
		t.Errorf("%d manifests were read again", n-before)
	}
}

func TestCacheForgetsTheOldest(t *testing.T) {
	c := newDetailCache(nil)
	big := make([]byte, cacheSize/4)
	names := []artifact.Digest{"a", "b", "c", "d", "e"}
	for i, d := range names {
		c.keep(d, &details{Readme: template.HTML(big)})
		c.keep(d, &details{})
		if i == 2 && c.known("a") == nil {
			t.Fatal("a is gone too early")
		}
	}
	if c.known("a") == nil || c.known("b") != nil || c.known("e") == nil || c.used > cacheSize || c.age.Len() != len(c.of) {
		t.Fatalf("%d bytes, %d entries", c.used, c.age.Len())
	}
}
