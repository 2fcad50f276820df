package server

import (
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/quick"
)

// TestBrokenDatabase checks that trouble of the server is not blamed on the token.
func TestBrokenDatabase(t *testing.T) {
	s, err := Open(t.Context(), Options{Data: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	routes := s.routes()
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"GET /healthz":                       http.StatusServiceUnavailable,
		"POST /v2/acme/hello/blobs/uploads/": http.StatusInternalServerError,
		"GET /index/v1/acme/hello":           http.StatusInternalServerError,
		"GET /api/v1/search?q=x":             http.StatusInternalServerError,
	} {
		method, target, _ := strings.Cut(path, " ")
		r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
		r.SetBasicAuth("token", s.FirstToken)
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "sql") {
			t.Errorf("%s tells strangers %s", path, w.Body)
		}
	}
}

func TestTokenForm(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		token := newToken()
		if !wellFormed(token) || seen[token] {
			t.Fatal(token)
		}
		seen[token] = true
		for i := range token {
			b := []byte(token)
			b[i] ^= 1
			if wellFormed(string(b)) {
				t.Errorf("%s passes as %s", b, token)
			}
		}
	}
	if err := quick.Check(func(s string) bool { return !wellFormed(s) && !wellFormed(tokenPrefix+s) }, nil); err != nil {
		t.Error(err)
	}
	if crc32.ChecksumIEEE([]byte("123456789")) != 0xcbf43926 || checksum("123456789") != "cbf43926" {
		t.Error("the checksum is not CRC-32")
	}
}
