package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// access says who this user is in one repository of a plain registry: by the credentials
// themselves, or by tokens that a token server gives for them. Reads and changes have a
// token each, because they ask for different permissions.
type access struct {
	account *account
	base    *url.URL
	ask     *Client       // of token servers: it says nothing about this user by itself
	turn    chan struct{} // has room for whoever asks

	mu   sync.Mutex
	keys [2]key // for reads and for changes
}

// key is what opened a repository the last time.
type key struct {
	header string
	until  time.Time // zero: for ever
	from   challenge // to ask again
}

// usable reports whether k can be sent at a time.
func (k key) usable(now time.Time) bool {
	return k.header != "" && (k.until.IsZero() || now.Before(k.until))
}

// Limits of tokens.
const (
	maxToken   = 64 << 10         // bytes
	tokenLife  = 60 * time.Second // of a token whose life is not told
	tokenEarly = 5 * time.Second  // before its end a token is not used any more
)

func newAccess(c *Client, a *account) *access {
	ask := *c
	ask.login, ask.access, ask.token = nil, nil, ""
	return &access{account: a, base: c.base, ask: &ask, turn: make(chan struct{}, 1)}
}

func (a *access) get(kind int) key {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.keys[kind]
}

func (a *access) set(kind int, k key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys[kind] = k
}

// send sends r with what opened the repository before, and answers a challenge.
func (a *access) send(c *http.Client, r *http.Request) (*http.Response, error) {
	kind := 0
	if !reads(r.Method) {
		kind = 1
	}
	value, err := a.before(r.Context(), kind)
	if err != nil {
		return nil, &loginError{a.base.Host, err}
	}
	for n := 0; ; n++ {
		r = r.Clone(r.Context())
		if value != "" {
			r.Header.Set("Authorization", value)
		}
		res, err := c.Do(r)
		if err != nil || res.StatusCode != http.StatusUnauthorized || !sameOrigin(res.Request.URL, a.base) || !again(r) {
			return res, err
		}
		ch, ok := chooseChallenge(res.Header.Values("WWW-Authenticate"))
		res.Body.Close()
		switch {
		case n == 2:
			err = errRefused
		case !ok:
			err = errScheme
		default:
			value, err = a.answer(r.Context(), kind, ch, value)
		}
		if err != nil {
			return nil, &loginError{a.base.Host, err}
		}
	}
}

var errScheme = errors.New("it names no way to say so that is known here")

// again makes the body of a request that was sent ready to be sent again, if that is possible.
func again(r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody {
		return true
	}
	if r.GetBody == nil {
		return false
	}
	b, err := r.GetBody()
	r.Body = b
	return err == nil
}

// before returns what to send with the first try. A token that is too old is replaced now:
// a body that is a stream cannot be sent twice.
func (a *access) before(ctx context.Context, kind int) (string, error) {
	k := a.get(kind)
	if k.header == "" || k.usable(time.Now()) {
		return k.header, nil
	}
	return a.answer(ctx, kind, k.from, k.header)
}

// answer returns another header than the one that was refused, or is too old.
func (a *access) answer(ctx context.Context, kind int, ch challenge, refused string) (string, error) {
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	defer func() { <-a.turn }()
	if k := a.get(kind); k.header != refused && k.usable(time.Now()) {
		return k.header, nil // another request asked meanwhile
	}
	k, err := a.open(ctx, ch, refused)
	if err == nil {
		a.set(kind, k)
	}
	return k.header, err
}

// open finds the header that answers a challenge.
func (a *access) open(ctx context.Context, ch challenge, refused string) (key, error) {
	cred, err := a.account.get(ctx, refused)
	if err != nil && (ch.scheme == "basic" || !errors.Is(err, ErrNoCredential)) {
		return key{}, err
	}
	if ch.scheme == "bearer" && cred.Token == "" {
		k, err := a.fetch(ctx, ch, cred)
		if errors.Is(err, ErrUnauthorized) {
			err = errors.Join(err, a.account.forget(ctx))
		}
		return k, err
	}
	header, err := cred.header()
	if err == nil && header == refused {
		err = errRefused
	}
	return key{header: header, from: ch}, err
}

// fetch asks the token server of a challenge, as the distribution project describes it.
// cred may be empty: many registries want a token of everybody.
func (a *access) fetch(ctx context.Context, ch challenge, cred Credential) (key, error) {
	u, err := a.realm(ch)
	if err != nil {
		return key{}, err
	}
	r, err := a.ask.requestAt(ctx, http.MethodGet, u, nil)
	if err != nil {
		return key{}, err
	}
	if cred != (Credential{}) {
		header, err := cred.header()
		if err != nil {
			return key{}, err
		}
		r.Header.Set("Authorization", header)
	}
	res, err := a.ask.get(r, 2*maxToken, http.StatusOK)
	if err != nil {
		return key{}, fmt.Errorf("token server %.200q: %w", u.Host, err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return key{}, err
	}
	k, err := parseToken(b, time.Now())
	if err != nil {
		return key{}, fmt.Errorf("token server %.200q: %w", u.Host, err)
	}
	k.from = ch
	return k, nil
}

// realm returns the address to ask for a token: one that nobody can listen to, and on this
// machine only if the registry is here too.
func (a *access) realm(ch challenge) (*url.URL, error) {
	u, err := url.Parse(ch.params["realm"])
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || !confidential(u) ||
		u.Scheme != "https" && (u.Scheme != "http" || a.base.Scheme != "http") {
		return nil, fmt.Errorf("%w: token server %.200q", ErrProtocol, ch.params["realm"])
	}
	q := u.Query()
	for _, name := range []string{"service", "scope"} {
		if v := ch.params[name]; v != "" {
			q.Set(name, v)
		}
	}
	u.RawQuery = q.Encode()
	return u, nil
}

// parseToken reads the answer of a token server. No part of it becomes part of an error.
func parseToken(b []byte, now time.Time) (key, error) {
	var x struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	bad := fmt.Errorf("%w: no token", ErrProtocol)
	if json.Unmarshal(b, &x) != nil {
		return key{}, bad
	}
	c := Credential{Token: cmp.Or(x.Token, x.AccessToken)}
	if c.Token == "" || len(c.Token) > maxToken {
		return key{}, bad
	}
	header, err := c.header()
	if err != nil {
		return key{}, bad
	}
	life := tokenLife
	if x.ExpiresIn > 0 {
		life = time.Duration(min(x.ExpiresIn, 24*3600)) * time.Second
	}
	return key{header: header, until: now.Add(life - tokenEarly)}, nil
}

// account is who this user is at a host. It is asked for once, and again when it is refused.
type account struct {
	from Credentials
	host string

	turn  chan struct{} // has room for whoever asks
	known bool
	value Credential
	err   error
}

func newAccount(from Credentials, host string) *account {
	return &account{from: from, host: host, turn: make(chan struct{}, 1)}
}

// forget makes the next get ask.
func (a *account) forget(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
		a.known = false
		<-a.turn
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// get returns the credentials of this user, or [ErrNoCredential]. refused is a header that
// did not work: if it is made of what is known, that is asked for again.
func (a *account) get(ctx context.Context, refused string) (Credential, error) {
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return Credential{}, context.Cause(ctx)
	}
	defer func() { <-a.turn }()
	if header, _ := a.value.header(); a.known && (refused == "" || header != refused) {
		return a.value, a.err
	}
	if a.from == nil {
		return Credential{}, ErrNoCredential
	}
	c, err := a.from.Credential(ctx, a.host)
	if a.known = err == nil || errors.Is(err, ErrNoCredential); a.known {
		a.value, a.err = c, err
	}
	return c, err
}
