package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry/client"
)

// plain is a registry that wants a token of a server, and that server.
type plain struct {
	registry, tokens *httptest.Server
	realm            string       // in place of the address of tokens
	life             string       // of a token, as JSON
	answer           string       // of the token server, in place of a token
	asked            atomic.Int32 // for tokens
	requests         atomic.Int32 // to the registry
	given            atomic.Value // Authorization at the token server
	valid            atomic.Value // the token that opens
	then             http.Handler // behind the gate
}

func newPlain(t *testing.T) *plain {
	t.Helper()
	p := &plain{life: "300", then: answer(200, "", "hello")}
	p.valid.Store("")
	p.given.Store("")
	p.tokens = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := p.asked.Add(1)
		p.given.Store(r.Header.Get("Authorization"))
		if p.answer != "" {
			io.WriteString(w, p.answer)
			return
		}
		token := fmt.Sprintf("%s-%d", r.URL.Query().Get("scope"), n)
		p.valid.Store(token)
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":%s}`, token, p.life)
	}))
	t.Cleanup(p.tokens.Close)
	p.realm = p.tokens.URL
	p.registry = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		if valid := p.valid.Load(); valid == "" || r.Header.Get("Authorization") != "Bearer "+valid.(string) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="s",scope=%q`, p.realm, "to-"+r.Method))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		p.then.ServeHTTP(w, r)
	}))
	t.Cleanup(p.registry.Close)
	return p
}

func (p *plain) repository(t *testing.T, k client.Credentials) *client.Repository {
	t.Helper()
	c, err := client.New(p.registry.URL, client.Options{Plain: true, Token: token, Credentials: k, Retry: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	return c.Repository("acme/hello")
}

func readHello(ctx context.Context, r *client.Repository) error {
	b, err := artifact.ReadBlob(ctx, r, content("hello"), 100)
	if err == nil && string(b) != "hello" {
		err = errors.New(string(b))
	}
	return err
}

func TestTokens(t *testing.T) {
	for name, c := range map[string]struct {
		k     client.Credentials
		given string
	}{
		"nobody is known": {nil, ""},
		"nobody is there": {&known{err: client.ErrNoCredential}, ""},
		"somebody":        {&known{all: []client.Credential{joe}}, "Basic " + basic("joe:"+secret)},
	} {
		p := newPlain(t)
		r := p.repository(t, c.k)
		for range 3 {
			if err := readHello(t.Context(), r); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if p.asked.Load() != 1 || p.requests.Load() != 4 || p.given.Load() != c.given {
			t.Errorf("%s: %d tokens for %q, %d requests", name, p.asked.Load(), p.given.Load(), p.requests.Load())
		}
	}
}

// TestOwnToken sends a bearer token that the user has, and asks nobody for another.
func TestOwnToken(t *testing.T) {
	p := newPlain(t)
	p.valid.Store(secret)
	if err := readHello(t.Context(), p.repository(t, &known{all: []client.Credential{{Token: secret}}})); err != nil || p.asked.Load() != 0 {
		t.Errorf("%v, %d tokens", err, p.asked.Load())
	}
}

// TestTokensEnd replaces a token before its end, and one that is not taken any more.
func TestTokensEnd(t *testing.T) {
	p := newPlain(t)
	p.life = "1" // less than the margin
	r := p.repository(t, nil)
	for range 3 {
		if err := readHello(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	if p.asked.Load() != 3 || p.requests.Load() != 4 {
		t.Errorf("%d tokens, %d requests", p.asked.Load(), p.requests.Load())
	}
	p = newPlain(t)
	r = p.repository(t, nil)
	if err := readHello(t.Context(), r); err != nil {
		t.Error(err)
	}
	p.valid.Store("revoked")
	if err := readHello(t.Context(), r); err != nil || p.asked.Load() != 2 {
		t.Errorf("%v, %d tokens", err, p.asked.Load())
	}
}

// TestTokensOfNoUse end the request after a few tries, with nothing secret in the error.
func TestTokensOfNoUse(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		realm  string
		tokens int32
	}{
		"never the right one": {`{"token":"` + secret + `"}`, "", 2},
		"no token":            {`{}`, "", 1},
		"not JSON":            {`<html>` + secret, "", 1},
		"a header more":       {`{"token":"a\r\nX-Evil: b"}`, "", 1},
		"too long":            {`{"token":"` + strings.Repeat("a", 65<<10) + `"}`, "", 1},
		"in the clear":        {"", "http://tokens.example/t", 0},
		"no address":          {"", "not an address", 0},
		"with a password":     {"", "https://u:p@tokens.example/t", 0},
		"another scheme":      {"", "file:///etc/passwd", 0},
		"nobody there":        {"", "http://127.0.0.1:1/t", 0},
	} {
		p := newPlain(t)
		p.answer = c.answer
		if c.realm != "" {
			p.realm = c.realm
		}
		k := &known{all: []client.Credential{joe}}
		err := readHello(t.Context(), p.repository(t, k))
		if !errors.Is(err, client.ErrLogin) || !errors.Is(err, client.ErrUnauthorized) || p.asked.Load() != c.tokens {
			t.Errorf("%s: %v after %d tokens", name, err, p.asked.Load())
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
			t.Errorf("%s: a secret in %q", name, err)
		}
	}
}

// TestTokenServerNeedsTLS: a registry with TLS does not send credentials to this machine, nor
// anywhere in the clear.
func TestTokenServerNeedsTLS(t *testing.T) {
	tokens := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	defer tokens.Close()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+tokens.URL+`"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer s.Close()
	h := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	c, err := client.New(s.URL, client.Options{Plain: true, Credentials: &known{all: []client.Credential{joe}}, HTTP: h, Retry: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	if err := readHello(t.Context(), c.Repository("a/b")); !errors.Is(err, client.ErrProtocol) || !errors.Is(err, client.ErrLogin) {
		t.Error(err)
	}
}

// TestTokenServerThatRedirects gets no credentials where it points to.
func TestTokenServerThatRedirects(t *testing.T) {
	p := newPlain(t)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, p.tokens.URL+"?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	}))
	defer front.Close()
	p.realm = front.URL
	if err := readHello(t.Context(), p.repository(t, &known{all: []client.Credential{joe}})); err != nil {
		t.Error(err)
	}
	if p.given.Load() != "" || p.asked.Load() != 1 {
		t.Errorf("given %q at %d requests", p.given.Load(), p.asked.Load())
	}
}

// TestTokensStayHome follows a redirect to another origin without the token, and answers no
// challenge there.
func TestTokensStayHome(t *testing.T) {
	p := newPlain(t)
	var other atomic.Int32
	cdn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("a token elsewhere")
		}
		if other.Add(1) > 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+p.tokens.URL+`"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, "hello")
	}))
	defer cdn.Close()
	p.then = http.RedirectHandler(cdn.URL, http.StatusTemporaryRedirect)
	r := p.repository(t, &known{all: []client.Credential{joe}})
	if err := readHello(t.Context(), r); err != nil {
		t.Error(err)
	}
	if err := readHello(t.Context(), r); !errors.Is(err, client.ErrUnauthorized) || p.asked.Load() != 1 {
		t.Errorf("%v, %d tokens", err, p.asked.Load())
	}
}

// TestTokensForChanges are others than those for reads, and a body is sent again after the
// challenge if that is possible.
func TestTokensForChanges(t *testing.T) {
	p := newPlain(t)
	var bodies bytes.Buffer
	p.then = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, ok := r.BasicAuth(); ok {
			t.Errorf("password %q", password)
		}
		io.Copy(&bodies, r.Body)
		w.WriteHeader(http.StatusCreated)
	})
	raw := []byte(`{}`)
	d := artifact.Describe(artifact.MediaManifest, raw)
	to := p.repository(t, &known{all: []client.Credential{joe}}).Target()
	if err := to.Put(t.Context(), d, bytes.NewReader(raw)); err != nil || bodies.String() != "{}" || p.asked.Load() != 1 {
		t.Errorf("%v: %q with %d tokens", err, bodies.String(), p.asked.Load())
	}
	if got := p.valid.Load(); got != "to-PUT-1" {
		t.Errorf("the token is for %q", got)
	}
}

// TestNewPassword asks for the credentials again when the token server refuses them.
func TestNewPassword(t *testing.T) {
	p := newPlain(t)
	var right atomic.Value
	right.Store("Basic " + basic("joe:"+secret))
	real := p.tokens
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != right.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		real.Config.Handler.ServeHTTP(w, r)
	}))
	defer front.Close()
	p.realm = front.URL
	k := &known{all: []client.Credential{joe, {User: "joe", Password: "new"}}}
	r := p.repository(t, k)
	if err := readHello(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	right.Store("Basic " + basic("joe:new"))
	p.valid.Store("revoked")
	if err := readHello(t.Context(), r); !errors.Is(err, client.ErrLogin) {
		t.Errorf("the old password: %v", err)
	}
	if err := readHello(t.Context(), r); err != nil || k.asked.Load() != 2 {
		t.Errorf("the new password: %v, asked %d times", err, k.asked.Load())
	}
}

// TestPlainInTheClear sends nothing of this user where others listen.
func TestPlainInTheClear(t *testing.T) {
	k := &known{all: []client.Credential{joe}}
	w := wire(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Authorization") != "" || r.URL.Host != "registry.example" {
			t.Errorf("%s with %q", r.URL, r.Header.Get("Authorization"))
		}
		res := response(http.StatusUnauthorized, http.NoBody)
		res.Header = http.Header{"Www-Authenticate": {`Bearer realm="https://tokens.example"`}}
		res.Request = r
		return res, nil
	})
	c, err := client.New("http://registry.example", client.Options{Plain: true, Token: token, Credentials: k, HTTP: &http.Client{Transport: w}, Retry: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	if err := readHello(t.Context(), c.Repository("a/b")); !errors.Is(err, client.ErrLogin) || k.asked.Load() != 0 {
		t.Errorf("%v, asked %d times", err, k.asked.Load())
	}
}

// TestTokenServerEnds: who waits for a token can give up.
func TestTokenServerEnds(t *testing.T) {
	p := newPlain(t)
	ctx, cancel := context.WithCancel(t.Context())
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	defer hang.Close()
	p.realm = hang.URL
	if err := readHello(ctx, p.repository(t, nil)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
