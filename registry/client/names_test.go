package client_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
)

// TestHostileNames reads lists that no registry should send.
func TestHostileNames(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 80 {
		z.Write(bytes.Repeat([]byte("acme/a\n"), 1<<20/7))
	}
	z.Close()
	for name, x := range map[string]struct {
		body, coding string
		status       int
		want         error
	}{
		"cut off":   {body: "acme/a\nacme/b", want: client.ErrProtocol},
		"order":     {body: "acme/b\nacme/a\n", want: client.ErrProtocol},
		"twice":     {body: "acme/a\nacme/a\n", want: client.ErrProtocol},
		"no name":   {body: "acme/a\n../../etc\n", want: client.ErrProtocol},
		"empty":     {body: "acme/a\n\n", want: client.ErrProtocol},
		"windows":   {body: "acme/a\r\n", want: client.ErrProtocol},
		"page":      {body: "<html>\n", want: client.ErrProtocol},
		"too large": {body: bomb.String(), coding: "gzip", want: client.ErrProtocol},
		"none":      {status: 404, want: registry.ErrNotFound},
		"one":       {body: "acme/a\n"},
		"nothing":   {},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if x.coding != "" {
					w.Header().Set("Content-Encoding", x.coding)
				}
				if x.status != 0 {
					w.WriteHeader(x.status)
				}
				w.Write([]byte(x.body))
			}))
			defer s.Close()
			c, err := client.New(s.URL, client.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Names(t.Context())
			if !errors.Is(err, x.want) || err == nil && len(got) != strings.Count(x.body, "\n") {
				t.Errorf("%d names, %v", len(got), err)
			}
		})
	}
}
