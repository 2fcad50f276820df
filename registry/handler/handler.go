// Package handler serves a registry.Backend over HTTP: the bytes under /v2 (OCI
// Distribution 1.1), the index under /index, search and yank under /api/v1.
//
// Reading is open; writing asks Options.Allow. Nothing here keeps state, so any
// number of handlers may serve one backend.
package handler

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// Options are the optional properties of a handler.
type Options struct {
	// Allow decides whether a request may write to a repository ("" for none in
	// particular) and names who does. ErrNoToken and ErrWrongToken become 401; any
	// other error says that it could not be found out. Default: nobody may write.
	Allow func(r *http.Request, repo string) (actor string, err error)
	// Redirect sends who gets a blob to the address that the backend has for it, if it
	// is a registry.Redirector and has one. The address is good for a minute.
	Redirect bool
	// MaxBlob is the largest upload in bytes. Default 4 GiB.
	MaxBlob int64
	// Log gets internal errors. Default: they are dropped.
	Log *slog.Logger
	// Now is the clock of publications. Default time.Now.
	Now func() time.Time
}

// Errors that Allow returns.
var (
	ErrNoToken    = errors.New("a token is needed")
	ErrWrongToken = errors.New("the token is wrong")
)

const maxBody = 64 << 10 // of API requests

// New returns the handler of b.
func New(b registry.Backend, o Options) http.Handler {
	h := &handler{b: b, o: o}
	if h.o.Allow == nil {
		h.o.Allow = func(*http.Request, string) (string, error) { return "", ErrWrongToken }
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
	m := http.NewServeMux()
	m.HandleFunc("GET "+registry.RouteDiscovery, h.discovery)
	m.HandleFunc("GET "+registry.RouteIndex, h.document)
	m.HandleFunc("GET "+registry.RouteIndexAt, h.documentAt)
	m.HandleFunc("GET "+registry.RouteRevision, h.revision)
	m.HandleFunc("GET "+registry.RouteSearch, h.search)
	m.HandleFunc("PUT "+registry.RouteYank, h.yank)
	m.HandleFunc("DELETE "+registry.RouteYank, h.yank)
	m.HandleFunc(registry.RouteOCI, h.oci)
	return m
}

type handler struct {
	b registry.Backend
	o Options
}

// allow reports whether r may write, and answers it if not.
func (h *handler) allow(w http.ResponseWriter, r *http.Request, repo string) (actor string, ok bool) {
	actor, err := h.o.Allow(r, repo)
	switch {
	case err == nil:
		return actor, true
	case errors.Is(err, ErrNoToken):
		w.Header().Set("WWW-Authenticate", `Basic realm="plugstead"`)
		h.fail(w, r, &registry.Error{Code: registry.CodeUnauthorized, Detail: "a token is needed for this"})
	case errors.Is(err, ErrWrongToken):
		w.Header().Set("WWW-Authenticate", `Basic realm="plugstead"`)
		h.fail(w, r, &registry.Error{Code: registry.CodeUnauthorized, Detail: "the token is wrong", Err: err})
	default:
		h.fail(w, r, registry.AsError(err, registry.CodeInternal))
	}
	return "", false
}

// fail answers with an error: the OCI form under /v2, problem+json elsewhere.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, e *registry.Error) {
	if e.Code == registry.CodeInternal {
		if r.Context().Err() == nil {
			h.o.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", e.Err)
		}
	}
	if len(r.URL.Path) >= 4 && r.URL.Path[:4] == "/v2/" {
		ociFail(w, e)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
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
	writeJSON(w, map[string]any{"protocol": 1, "index": "/index/v1/", "oci": "/v2/", "api": "/api/v1/", "log": nil})
}

// readManifest reads the body of a manifest upload.
func readManifest(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, artifact.MaxManifest+1))
	if err != nil {
		return nil, &registry.Error{Code: registry.CodeManifestInvalid, Detail: "the body ended early", Err: err}
	}
	if len(raw) > artifact.MaxManifest {
		return nil, &registry.Error{Code: registry.CodeSizeInvalid, Detail: "a manifest has at most 4 MiB"}
	}
	return raw, nil
}

// detached keeps a change going when the client leaves after it was decided.
func detached(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }
