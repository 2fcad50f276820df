package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"

	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/handler"
)

// A token is "pst_", random text, and a checksum that lets a scanner or a person
// tell a typing mistake from a wrong token.
const tokenPrefix = "pst_"

const tokenSetting = "publish-token-sha256"

func newToken() string {
	body := tokenPrefix + rand.Text()
	return body + checksum(body)
}

func checksum(body string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body))) }

// wellFormed reports whether a token has the right checksum.
func wellFormed(token string) bool {
	i := len(token) - 8
	return strings.HasPrefix(token, tokenPrefix) && i > len(tokenPrefix) && checksum(token[:i]) == token[i:]
}

func hashToken(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

// firstToken makes the publish token of a new data folder. It returns "" if there
// is one: only its hash is kept, so it cannot be shown again.
func firstToken(ctx context.Context, s *sqlstore.Store) (string, error) {
	_, err := s.Setting(ctx, tokenSetting)
	if !errors.Is(err, registry.ErrNotFound) {
		return "", err
	}
	token := newToken()
	kept, err := s.SetOnce(ctx, tokenSetting, hashToken(token))
	if err != nil || !kept { // another replica was first
		return "", err
	}
	return token, nil
}

// access lets everybody read. For anything else it checks the token of a request, sent as a
// bearer token or as the password of basic authentication. GET /v2/ is refused without
// credentials: that is how container tools learn where to get some, also for reading.
func access(s *sqlstore.Store) func(*http.Request, handler.Access) (string, error) {
	return func(r *http.Request, a handler.Access) (string, error) {
		if a.Action == handler.ActionPull {
			return "", nil
		}
		switch token := sentToken(r); {
		case token == anonymous && a == (handler.Access{}):
			return "", nil
		case token == "" || token == anonymous:
			return "", handler.ErrNoToken
		default:
			return "token", checkToken(r.Context(), s, token)
		}
	}
}

// checkToken returns handler.ErrWrongToken for a token that is none.
func checkToken(ctx context.Context, s *sqlstore.Store, token string) error {
	want, err := s.Setting(ctx, tokenSetting)
	if err != nil {
		return err
	}
	if !wellFormed(token) || subtle.ConstantTimeCompare([]byte(hashToken(token)), []byte(want)) != 1 {
		return handler.ErrWrongToken
	}
	return nil
}

// sentToken returns the token of a request, or "". Names of schemes have no case.
func sentToken(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
