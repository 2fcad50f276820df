package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// Errors of credentials for reading. ErrLogin comes with [ErrUnauthorized].
var (
	ErrLogin        = errors.New("no credentials that it takes")
	ErrNoCredential = errors.New("none are known for this host")
)

// Credentials knows who this user is at other hosts. Implementations allow concurrent
// calls.
type Credentials interface {
	// Credential returns what a host, which may have a port, wants to know before it lets
	// this user read. The error wraps [ErrNoCredential] if nothing is known, and has no
	// secret in its text.
	Credential(ctx context.Context, host string) (Credential, error)
}

// Credential is a user with a password, or a token.
type Credential struct {
	User, Password string
	Token          string // sent as a bearer token in place of the others
}

// String implements fmt.Stringer: no secret is in it.
func (Credential) String() string { return "(credential)" }

// GoString implements fmt.GoStringer: no secret is in it.
func (c Credential) GoString() string { return c.String() }

// header returns the value of an Authorization header.
func (c Credential) header() (string, error) {
	switch {
	case c.Token != "" && strings.IndexFunc(c.Token, notToken) < 0:
		return "Bearer " + c.Token, nil
	case c.Token != "":
		return "", errors.New("a token with characters that none has")
	case c.User == "" && c.Password == "":
		return "", ErrNoCredential
	case strings.Contains(c.User, ":"):
		return "", errors.New("a user name with a colon")
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password)), nil
}

func notToken(r rune) bool { return r <= ' ' || r >= 0x7f }

var errRefused = errors.New("those that are known were refused")

// login finds out who reads when the registry wants to know, once.
type login struct {
	from  Credentials
	turn  chan struct{}          // has room for whoever asks
	value atomic.Pointer[string] // of the header; nil until it is known
}

func newLogin(from Credentials) *login { return &login{from: from, turn: make(chan struct{}, 1)} }

// known returns the header that worked out before, or "".
func (l *login) known() string {
	if v := l.value.Load(); v != nil {
		return *v
	}
	return ""
}

// ask returns another header than the one that was refused.
func (l *login) ask(ctx context.Context, host, refused string) (string, error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	defer func() { <-l.turn }()
	if now := l.known(); now != refused {
		return now, nil // another request asked meanwhile
	}
	c, err := l.from.Credential(ctx, host)
	if err != nil {
		return "", err
	}
	value, err := c.header()
	if err == nil && value == refused {
		err = errRefused
	}
	if err == nil {
		l.value.Store(&value)
	}
	return value, err
}

// send sends r, with the credentials of this user if the registry has wanted them before,
// or wants them now. They go to the registry alone, and only on a connection where nobody
// listens.
func (c *Client) send(r *http.Request) (*http.Response, error) {
	if c.access != nil {
		return c.access.send(c.http, r)
	}
	if c.login == nil || !reads(r.Method) || !confidential(c.base) {
		return c.http.Do(r)
	}
	value := c.login.known()
	for n := 0; ; n++ {
		r = r.Clone(r.Context())
		if value != "" {
			r.Header.Set("Authorization", value)
		}
		res, err := c.http.Do(r)
		if err != nil || res.StatusCode != http.StatusUnauthorized || !sameOrigin(res.Request.URL, c.base) {
			return res, err
		}
		res.Body.Close()
		if value, err = c.login.ask(r.Context(), c.base.Host, value); n == 2 && err == nil {
			err = errRefused // what is known changes at every question
		}
		if err != nil {
			return nil, &loginError{c.base.Host, err}
		}
	}
}

// loginError says why there are no credentials for a host.
type loginError struct {
	host string
	err  error
}

func (e *loginError) Error() string {
	return fmt.Sprintf("%v: %s wants to know who asks: %v: %v", ErrUnauthorized, printable(e.host), ErrLogin, e.err)
}

func (e *loginError) Unwrap() []error { return []error{ErrUnauthorized, ErrLogin, e.err} }

// confidential reports whether what is sent to u is read by u alone.
func confidential(u *url.URL) bool {
	if u.Scheme == "https" || u.Hostname() == "localhost" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}
