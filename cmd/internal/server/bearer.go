package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/handler"
)

// Container tools ask GET /v2/ how they are to authenticate, and hold on to what they are told.
// The challenge "Basic" would forbid them to read without credentials, so they get "Bearer": they
// exchange their credentials, or none, for a token at routeToken, as the distribution
// project's "Token Authentication Specification" has it. Who has no credentials gets the
// token "anonymous", which may read; others get back the token that they sent, which is
// checked at each use for what it may do. So nothing new has to be kept or to expire.

const (
	routeToken = "/api/v1/oci/token"
	anonymous  = "anonymous"
	tokenLife  = 300 // seconds after which a tool asks again
)

// challenge is the WWW-Authenticate header of a 401. public is the address of the registry; "":
// that under which the request came.
func challenge(public string) func(*http.Request, string, []handler.Action) string {
	return func(r *http.Request, repo string, actions []handler.Action) string {
		if !strings.HasPrefix(r.URL.Path, registry.RouteOCI) {
			return `Basic realm="plugstead"`
		}
		at := strings.TrimSuffix(public, "/")
		if at == "" {
			at = "http://" + r.Host
			if r.TLS != nil {
				at = "https://" + r.Host
			}
		}
		c := fmt.Sprintf(`Bearer realm=%q,service="plugstead"`, at+routeToken)
		if repo != "" {
			var list []string
			for _, a := range actions {
				list = append(list, string(a))
			}
			c += fmt.Sprintf(`,scope="repository:%s:%s"`, repo, strings.Join(list, ","))
		}
		return c
	}
}

// tokenHandler exchanges credentials for a bearer token.
func tokenHandler(s *sqlstore.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		token := sentToken(r)
		if token == "" {
			token = anonymous
		}
		if err := checkToken(r.Context(), s, token); err != nil && token != anonymous {
			status := http.StatusInternalServerError
			if errors.Is(err, handler.ErrWrongToken) {
				status = http.StatusUnauthorized
			}
			http.Error(w, http.StatusText(status), status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"token": token, "access_token": token, "expires_in": tokenLife, "issued_at": time.Now().UTC().Format(time.RFC3339)})
	})
}
