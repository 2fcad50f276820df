package handler

import (
	"errors"
	"net/http"

	"github.com/plugstead/plugstead/registry"
)

// Action is what a request does with a repository.
type Action string

// The actions, named like those in the scopes of bearer tokens.
const (
	ActionPull   Action = "pull"
	ActionPush   Action = "push"
	ActionDelete Action = "delete"
	ActionAdmin  Action = "admin" // of who runs the registry
)

// Access is what a request wants. The zero value wants nothing: it is a GET of /v2/, by which
// clients find out whether they have to log in, and whether their credentials are right.
type Access struct {
	Repo   string
	Action Action
}

// Errors that Options.Access returns.
var (
	ErrNoToken    = errors.New("a token is needed")
	ErrWrongToken = errors.New("the token is wrong")
	ErrDenied     = errors.New("the token does not allow this")
)

// readOnly is the default of Options.Access.
func readOnly(r *http.Request, a Access) (string, error) {
	if a.Action == ActionPull || a == (Access{}) && r.Header.Get("Authorization") == "" {
		return "", nil
	}
	return "", ErrWrongToken
}

// basic is the default of Options.Challenge.
func basic(*http.Request, string, []Action) string { return `Basic realm="plugstead"` }

// needs lists the actions that a token must have for a: who pushes looks first whether
// something is there.
func (a Access) needs() []Action {
	switch a.Action {
	case "":
		return nil
	case ActionPush:
		return []Action{ActionPull, ActionPush}
	}
	return []Action{a.Action}
}

// allow reports whether r may have a, and answers it if not.
func (h *handler) allow(w http.ResponseWriter, r *http.Request, a Access) (actor string, ok bool) {
	actor, err := h.o.Access(r, a)
	if err == nil {
		return actor, true
	}
	unauthorized := func(detail string) {
		if c := h.o.Challenge(r, a.Repo, a.needs()); c != "" {
			w.Header().Set("WWW-Authenticate", c)
		}
		h.fail(w, r, &registry.Error{Code: registry.CodeUnauthorized, Detail: detail, Err: err})
	}
	switch {
	case errors.Is(err, ErrNoToken):
		unauthorized("a token is needed for this")
	case errors.Is(err, ErrWrongToken):
		unauthorized(ErrWrongToken.Error())
	case errors.Is(err, ErrDenied):
		h.fail(w, r, &registry.Error{Code: registry.CodeDenied, Detail: ErrDenied.Error(), Err: err})
	default:
		h.fail(w, r, registry.AsError(err, registry.CodeInternal))
	}
	return "", false
}
