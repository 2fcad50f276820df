package main

import (
	"net/http"
	"sync/atomic"
)

// switched is a server whose contents change from one moment to the next.
type switched struct {
	before, after http.Handler
	changed       atomic.Bool
}

func (s *switched) set(changed bool) { s.changed.Store(changed) }

// ServeHTTP implements http.Handler.
func (s *switched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := s.before
	if s.changed.Load() {
		h = s.after
	}
	h.ServeHTTP(w, r)
}
