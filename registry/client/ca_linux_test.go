package client_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/registry/client"
)

// TestAuthorityOfTheEnvironment trusts the authorities that SSL_CERT_FILE has, and no
// others. Only on Linux does crypto/x509 read that variable and nothing of the system.
func TestAuthorityOfTheEnvironment(t *testing.T) {
	s := httptest.NewTLSServer(answer(200, "", "hello"))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := inChild(t, s.URL, "SSL_CERT_FILE="+file); err != nil || got != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	got, err := inChild(t, s.URL, "SSL_CERT_FILE=")
	if err == nil || !strings.Contains(got, client.ErrUnreachable.Error()) || !strings.Contains(got, "certificate") || strings.Contains(got, "tried") {
		t.Errorf("an authority that nobody trusts: %q, %v", got, err)
	}
}
