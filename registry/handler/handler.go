// Package handler serves a registry.Backend over HTTP: the bytes under /v2 (OCI
// Distribution 1.1), the index under /index, search and yank under /api/v1.
//
// The table in routes.go says what there is and what Options.Access is asked for; by default
// reading is open. Nothing here keeps state, so any number of handlers may serve one backend.
package handler

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/plugstead/plugstead/registry"
)

// Options are the optional properties of a handler.
type Options struct {
	// Access decides whether a request may do something with a repository, and names who
	// does. ErrNoToken and ErrWrongToken become 401, ErrDenied 403; any other error says
	// that it could not be found out. The index and the search are open, and not asked for.
	// Default: everybody may pull, nobody may change anything.
	Access func(r *http.Request, a Access) (actor string, err error)
	// Challenge is the WWW-Authenticate header of a 401: what a token for the repository
	// ("" for none in particular) must allow. Default: basic authentication.
	Challenge func(r *http.Request, repo string, actions []Action) string
	// NoDelete refuses to delete tags, manifests and blobs, also in namespaces of kind oci.
	NoDelete bool
	// Redirect sends who gets a blob to the address that the backend has for it, if it
	// is a registry.Redirector and has one. The address is good for a minute.
	Redirect bool
	// Removal is how long after its publication a release can be removed. Default [DefaultRemoval];
	// negative: not at all.
	Removal time.Duration
	// MaxBlob is the largest upload in bytes. Default 4 GiB.
	MaxBlob int64
	// MinChunk advises clients that upload a blob in pieces to make them at least so many
	// bytes long. Default: no advice.
	MinChunk int64
	// Log gets internal errors. Default: they are dropped.
	Log *slog.Logger
	// Now is the clock of publications. Default time.Now.
	Now func() time.Time
}

const maxBody = 64 << 10 // of API requests

// New returns the handler of b.
func New(b registry.Backend, o Options) http.Handler {
	h := &handler{b: b, o: o}
	if h.o.Access == nil {
		h.o.Access = readOnly
	}
	if h.o.Challenge == nil {
		h.o.Challenge = basic
	}
	if h.o.Removal == 0 {
		h.o.Removal = DefaultRemoval
	}
	if h.o.MaxBlob == 0 {
		h.o.MaxBlob = 4 << 30
	}
	if h.o.Log == nil {
		h.o.Log = slog.New(slog.DiscardHandler)
	}
	if h.o.Now == nil {
		h.o.Now = time.Now
	}
	return h.mux()
}

type handler struct {
	b       registry.Backend
	o       Options
	encoded encoded
}

// fail answers with an error: the OCI form under /v2, problem+json elsewhere.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, e *registry.Error) {
	if e.Code == registry.CodeInternal {
		if r.Context().Err() == nil {
			h.o.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", e.Err)
		}
	}
	if e.Code == registry.CodeTooMany || e.Code == registry.CodeBehind {
		w.Header().Set("Retry-After", "10")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if strings.HasPrefix(r.URL.Path, registry.RouteOCI) {
		ociFail(w, e)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(e.Code.Status())
	json.NewEncoder(w).Encode(map[string]any{
		"type": "urn:plugstead:error:" + string(e.Code), "title": http.StatusText(e.Code.Status()),
		"status": e.Code.Status(), "detail": e.Detail, "code": e.Code,
	})
}

func ociFail(w http.ResponseWriter, e *registry.Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Code.Status())
	json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": string(e.Code), "message": e.Detail}}})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	json.NewEncoder(w).Encode(v)
}

func (h *handler) discovery(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "max-age=300")
	writeJSON(w, map[string]any{"protocol": 1, "index": "/index/v1/", "names": registry.RouteNames, "oci": "/v2/", "api": "/api/v1/", "log": nil})
}

// detached keeps a change going when the client leaves after it was decided.
func detached(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }
