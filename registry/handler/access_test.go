package handler_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
)

// TestAccess asks for every repository by its own name, and tells wrong tokens from missing
// ones, and both from those that do not allow enough.
func TestAccess(t *testing.T) {
	var asked []string
	h := handler.New(memory.New(), handler.Options{Access: func(r *http.Request, a handler.Access) (string, error) {
		asked = append(asked, string(a.Action)+" "+a.Repo)
		if a.Action == handler.ActionPull && a.Repo != "secret/x" {
			return "", nil
		}
		switch _, token, ok := r.BasicAuth(); {
		case !ok:
			return "", handler.ErrNoToken
		case token == "down":
			return "", errors.New("ldap at 10.0.0.7 is down")
		case token == "denied":
			return "", &registry.Error{Code: registry.CodeDenied, Detail: "read-only"}
		case token != "good":
			return "", fmt.Errorf("token of bob: %w", handler.ErrWrongToken)
		case a.Action == handler.ActionDelete:
			return "", fmt.Errorf("bob may not delete: %w", handler.ErrDenied)
		case a.Repo != "" && a.Repo != "acme/x":
			return "", &registry.Error{Code: registry.CodeDenied, Detail: "not yours"}
		}
		return "tester", nil
	}})
	as := func(token, method, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		if token != "" {
			r.SetBasicAuth("anybody", token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	const at = "/v2/acme/x/blobs/uploads/"
	for token, c := range map[string]struct {
		code int
		want string
	}{
		"": {401, "a token is needed"}, "bad": {401, "the token is wrong"}, "down": {500, "internal error"}, "denied": {403, "read-only"}, "good": {202, ""},
	} {
		w := as(token, "POST", at)
		want(t, token, w, c.code, c.want)
		if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (c.code == 401) {
			t.Errorf("%q: challenge %q", token, challenge)
		}
		if strings.Contains(w.Body.String(), "10.0.0.7") || strings.Contains(w.Body.String(), "bob") {
			t.Errorf("%q: tells %s", token, w.Body)
		}
	}
	want(t, "another repository", as("good", "POST", "/v2/acme/xx/blobs/uploads/"), 403, "not yours")
	want(t, "its plugin", as("good", "PUT", "/api/v1/plugins/acme/xx/versions/1.0.0/yank"), 403, "not yours")
	if got := asked[len(asked)-2:]; got[0] != "push acme/xx" || got[1] != "push acme/xx" {
		t.Errorf("asked for %q", got)
	}
	asked = nil
	want(t, "ping without", as("", "GET", "/v2/"), 401, "a token is needed")
	want(t, "reading", as("bad", "GET", "/v2/acme/x/tags/list"), 404, "")
	want(t, "reading what is not for everybody", as("", "HEAD", "/v2/secret/x/tags/list"), 401, "a token is needed")
	want(t, "reading what is for others", as("good", "GET", "/v2/secret/x/tags/list"), 403, "not yours")
	want(t, "deleting", as("good", "DELETE", "/v2/acme/x/manifests/1"), 403, "the token does not allow this")
	if got := strings.Join(asked, ","); got != " ,pull acme/x,pull secret/x,pull secret/x,delete acme/x" {
		t.Errorf("asked for %q", got)
	}
	asked = nil
	want(t, "ping with a wrong one", as("bad", "GET", "/v2/"), 401, "the token is wrong")
	want(t, "ping with a right one", as("good", "GET", "/v2/"), 200, "{}")
	if strings.Join(asked, ",") != " , " {
		t.Errorf("pings asked for %q", asked)
	}
}

// TestChallenge says what a token must allow.
func TestChallenge(t *testing.T) {
	h := handler.New(memory.New(), handler.Options{
		Access: func(*http.Request, handler.Access) (string, error) { return "", handler.ErrNoToken },
		Challenge: func(_ *http.Request, repo string, actions []handler.Action) string {
			return fmt.Sprintf("Bearer scope=%q", fmt.Sprintf("repository:%s:%s", repo, actions))
		},
	})
	for target, scope := range map[string]string{
		"GET /v2/": "repository::[]", "HEAD /v2/a/b/manifests/1": "repository:a/b:[pull]",
		"PATCH /v2/a/b/blobs/uploads/1": "repository:a/b:[pull push]", "DELETE /v2/a/b/manifests/1": "repository:a/b:[delete]",
		"PUT /api/v1/plugins/a/b/versions/1.0.0/yank": "repository:a/b:[pull push]",
	} {
		method, path, _ := strings.Cut(target, " ")
		w := send(h, method, path, nil)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != 401 || got != `Bearer scope="`+scope+`"` {
			t.Errorf("%s: %d %s", target, w.Code, got)
		}
	}
}

// TestRoutes sends a request to every route of the table: each is served, and asks for what
// the table says and nothing else. Those that are open ask for nothing but a ping.
func TestRoutes(t *testing.T) {
	var asked []handler.Access
	h := handler.New(memory.New(), handler.Options{Access: func(_ *http.Request, a handler.Access) (string, error) {
		asked = append(asked, a)
		return "", handler.ErrDenied
	}})
	fill := strings.NewReplacer("{repo}", "acme/x", "{ns}", "acme", "{name}", "x", "{version}", "1.0.0", "{$}", "", "{upload}", "u",
		"{digest}", string(artifact.DigestOf(nil)), "{reference}", "1.0.0")
	for _, x := range handler.Routes() {
		asked = nil
		w := send(h, x.Method, fill.Replace(x.Path), nil)
		if w.Code == http.StatusMethodNotAllowed || strings.Contains(w.Body.String(), "no such route") {
			t.Errorf("%s %s: %d %s", x.Method, x.Path, w.Code, w.Body)
		}
		want := []handler.Access{{Repo: "acme/x", Action: x.Action}}
		if x.Action == "" {
			want = nil
		}
		if strings.HasSuffix(x.Path, "{$}") {
			want = []handler.Access{{}}
		}
		if !slices.Equal(asked, want) || len(want) > 0 && w.Code != http.StatusForbidden {
			t.Errorf("%s %s: %d, asked for %v", x.Method, x.Path, w.Code, asked)
		}
	}
}
