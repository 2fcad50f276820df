package main

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
)

// loopback is an empty registry on loopback that counts the requests it gets. The caller
// closes it.
type loopback struct {
	*httptest.Server
	client   *client.Client
	requests atomic.Int64
}

func openLoopback() (*loopback, error) {
	l := new(loopback)
	h := handler.New(memory.New(), handler.Options{Allow: func(*http.Request, string) (string, error) { return "bench", nil }})
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.requests.Add(1)
		h.ServeHTTP(w, r)
	}))
	c, err := client.New(l.URL, client.Options{Token: "any"})
	if err != nil {
		l.Close()
		return nil, err
	}
	l.client = c
	return l, nil
}
