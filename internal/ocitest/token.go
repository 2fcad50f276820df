package ocitest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

var zero time.Time

// allowed reports whether a request may do what it asks for, and answers it if not.
func (g *Registry) allowed(w http.ResponseWriter, r *http.Request, name string) bool {
	if !g.Bearer && !g.Basic {
		return true
	}
	scope := "repository:" + name + ":pull"
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		scope += ",push"
	}
	given := r.Header.Get("Authorization")
	user, password, _ := r.BasicAuth()
	switch {
	case g.Basic && user == User && password == Password:
		return true
	case !g.Basic && (given == "Bearer "+tokenFor(scope) || given == "Bearer "+tokenFor(scope+",push")):
		return true
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="plain"`)
	if !g.Basic {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="plain",scope="%s"`, g.URL, scope))
	}
	fail(w, http.StatusUnauthorized, "UNAUTHORIZED")
	return false
}

func tokenFor(scope string) string {
	return "t-" + strings.NewReplacer(":", ".", "/", "-", ",", "_").Replace(scope)
}

// token answers as a token server. Anonymous users get tokens for reading.
func (g *Registry) token(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	scope := r.URL.Query().Get("scope")
	g.log = append(g.log, "TOKEN "+scope)
	user, password, known := r.BasicAuth()
	switch {
	case r.URL.Query().Get("service") != "plain":
		fail(w, http.StatusBadRequest, "UNSUPPORTED")
		return
	case known && (user != User || password != Password):
		fail(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	case !known && (g.Private || strings.HasSuffix(scope, ",push")):
		fail(w, http.StatusForbidden, "DENIED")
		return
	}
	fmt.Fprintf(w, `{"token":%q,"expires_in":300}`, tokenFor(scope))
}
