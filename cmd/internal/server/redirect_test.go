package server_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/cmd/internal/server/servertest"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry/client"
)

// TestRedirect fetches blobs from the bucket: by hand, and with the client, which checks
// them. The address is in no log.
func TestRedirect(t *testing.T) {
	bucket := servertest.S3(t)
	var log bytes.Buffer
	s, err := server.Open(t.Context(), server.Options{
		Data: t.TempDir(), Listen: loopback, Bucket: &bucket, Redirect: true,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if strings.Contains(log.String(), "X-Amz-Signature") {
			t.Errorf("log: %s", log.String())
		}
	}()
	c, err := client.New(s.URL(), client.Options{Token: s.FirstToken})
	if err != nil {
		t.Fatal(err)
	}
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, c.Target("acme/hello"), p)
	im, err := artifact.Read(t.Context(), c.Blobs("acme/hello"), p.Descriptor)
	if err != nil {
		t.Fatal(err)
	}
	d := im.Documents["README.md"].Descriptor
	at := s.URL() + "/v2/acme/hello/blobs/" + string(d.Digest)
	direct := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := direct.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if where := res.Header.Get("Location"); res.StatusCode != http.StatusTemporaryRedirect || !strings.Contains(where, bucket.Endpoint) || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	for method, want := range map[string]int{http.MethodGet: http.StatusOK, http.MethodHead: http.StatusOK} {
		r, err := http.NewRequestWithContext(t.Context(), method, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != want || method == http.MethodGet && artifact.DigestOf(b) != d.Digest || res.ContentLength != d.Size {
			t.Errorf("%s: %s, %d bytes, %v", method, res.Status, len(b), err)
		}
	}
	if res, err := http.Get(s.URL() + "/v2/acme/hello/blobs/" + string(artifact.DigestOf([]byte("none")))); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("none: %v, %v", res, err)
	} else {
		res.Body.Close()
	}
}
