package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server"
)

// serving opens a server that ends with the test.
func serving(t *testing.T, o server.Options) *server.Server {
	t.Helper()
	o.Data, o.Listen = t.TempDir(), loopback
	s, err := server.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Serve(t.Context()) }()
	t.Cleanup(func() { <-done }) // the context of the test has ended
	return s
}

// TestTLS serves https with a certificate and a key from files.
func TestTLS(t *testing.T) {
	other := httptest.NewTLSServer(http.NotFoundHandler()) // has a certificate for 127.0.0.1
	defer other.Close()
	pair := other.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o := server.Options{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	for path, block := range map[string]*pem.Block{o.Cert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, o.Key: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := serving(t, o)
	if !strings.HasPrefix(s.URL(), "https://") {
		t.Error(s.URL())
	}
	res, err := other.Client().Get(s.URL() + "/healthz")
	if err != nil || res.StatusCode != http.StatusOK || res.TLS.Version < tls.VersionTLS12 {
		t.Fatal(res, err)
	}
	res.Body.Close()
}

// TestCollector lets a server remove what nothing names while it runs.
func TestCollector(t *testing.T) {
	s := serving(t, server.Options{CollectEvery: time.Millisecond, CollectGrace: -time.Hour})
	d := string(artifact.DigestOf([]byte("nobody names this")))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/v2/acme/x/blobs/uploads/?digest="+d, strings.NewReader("nobody names this"))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("x", s.FirstToken)
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatal(res, err)
	}
	res.Body.Close()
	for status := 0; status != http.StatusNotFound; {
		res, err := http.Head(s.URL() + "/v2/acme/x/blobs/" + d)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		status = res.StatusCode
	}
}
