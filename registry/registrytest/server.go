// Package registrytest is the suite that every registry.Backend passes, and a
// registry on loopback for tests of those who use one.
package registrytest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
)

// Token may publish to the registries of this package.
const Token = "test-token"

// Server is a registry on a loopback port.
type Server struct {
	URL     string
	Backend registry.Backend
	t       testing.TB
}

// New runs an empty registry in memory until the test ends.
func New(t testing.TB) *Server { return Serve(t, memory.New()) }

// Serve runs a registry over b until the test ends.
func Serve(t testing.TB, b registry.Backend) *Server {
	t.Helper()
	s := httptest.NewServer(handler.New(b, handler.Options{Access: access}))
	t.Cleanup(s.Close)
	return &Server{URL: s.URL, Backend: b, t: t}
}

// access lets everybody read.
func access(r *http.Request, a handler.Access) (string, error) {
	if a.Action == handler.ActionPull {
		return "", nil
	}
	_, token, ok := r.BasicAuth()
	switch {
	case !ok:
		return "", handler.ErrNoToken
	case token != Token:
		return "", handler.ErrWrongToken
	}
	return "tester", nil
}

// Client returns a client that may publish.
func (s *Server) Client() *client.Client { return s.ClientWith(Token) }

// ClientWith returns a client with a token, which may be "".
func (s *Server) ClientWith(token string) *client.Client {
	s.t.Helper()
	c, err := client.New(s.URL, client.Options{Token: token})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}
