package client

import (
	"fmt"
	"net/http"
	"net/url"
)

// redirects decides where answers may send the client.
type redirects struct {
	next func(*http.Request, []*http.Request) error // of the caller, or nil
}

// check refuses redirects that leave TLS, long chains, and those that would carry
// a token or what is being published to another origin. The standard library drops
// the token for another host only: another port or scheme would get it. A reader is
// anonymous at another origin.
func (c redirects) check(r *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) >= 5:
		return fmt.Errorf("%w: too many redirects", ErrProtocol)
	case first.URL.Scheme == "https" && r.URL.Scheme != "https":
		return fmt.Errorf("%w: redirect from https to http refused", ErrProtocol)
	case !reads(first.Method) && !sameOrigin(first.URL, r.URL):
		return fmt.Errorf("%w: redirect of a change to another host refused: %.200q", ErrProtocol, r.URL.Scheme+"://"+r.URL.Host)
	}
	if !sameOrigin(first.URL, r.URL) {
		r.Header.Del("Authorization") // of the reader
	}
	if c.next != nil {
		return c.next(r, via)
	}
	return nil
}

// reads reports whether a request with this method changes nothing.
func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
