// Package client speaks to a registry over HTTP. It is a fetch.Remote, an
// index.Searcher, and makes publish targets.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// Errors of a client. They come wrapped with the object they are about. Other
// answers of a registry are *registry.Error.
var (
	ErrUnreachable  = fetch.ErrUnreachable
	ErrUnauthorized = errors.New("not allowed by the registry")
	ErrProtocol     = errors.New("registry gave an answer that makes no sense")
)

const (
	maxAnswer = 1 << 20 // bytes of an API answer
	userAgent = "plugstead"
)

// Client is one registry. Its methods allow concurrent calls.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
	retry fetch.Retry
	stall time.Duration
	login *login // nil: nobody

	account *account // of a plain registry; nil: it is none, or nobody
	access  *access  // of one repository of it
	plain   bool
	warn    func(string) // nil: nobody listens
}

var (
	_ fetch.Remote   = (*Client)(nil)
	_ index.Lister   = (*Client)(nil)
	_ index.Searcher = (*Client)(nil)
)

// Options are the optional properties of a client.
type Options struct {
	Token string // for publishing; sent to this registry only
	// Credentials are asked who this user is when the registry answers a read with 401. They
	// go to this registry only, by https or on this machine, and are kept in memory. Nil:
	// reading is anonymous.
	Credentials Credentials
	// Plain says that the registry is any OCI registry, for [Client.Repository]: credentials are
	// for reads and changes, the challenges Basic and Bearer are answered, and Token is not used.
	Plain bool
	// HTTP makes the requests. It is copied; its CheckRedirect is asked after that of
	// the client. Default: one with time limits on connecting and headers, none on
	// bodies, and the proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name.
	HTTP *http.Client
	// Retry says how reads are tried again that end in a broken connection or in the
	// status 429, 502, 503 or 504. A Retry-After of the registry makes the wait longer, up
	// to [MaxRetryAfter]; beyond that the error is a [*LaterError]. Changes are sent once.
	Retry fetch.Retry
	// Stall is how long the next byte of an answer may take before the connection counts
	// as broken; default [DefaultStall], negative: for ever. The whole may take any time.
	Stall time.Duration
	// Warn gets what the registry has to say of a publication that it accepts, one line each,
	// in the order of the answers. It may be called from several goroutines. Nil: nobody
	// listens.
	Warn func(text string)
}

// DefaultStall is the default of Options.Stall.
const DefaultStall = 30 * time.Second

// New returns a client of the registry at an http or https address, or [ErrAddress].
// It touches no network.
func New(address string, o Options) (*Client, error) {
	u, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	c := &Client{base: u, token: o.Token, retry: o.Retry, stall: cmp.Or(o.Stall, DefaultStall), plain: o.Plain, warn: o.Warn}
	switch {
	case o.Plain:
		c.token = ""
		if confidential(u) {
			c.account = newAccount(o.Credentials, u.Host)
		}
	case o.Credentials != nil:
		c.login = newLogin(o.Credentials)
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Transport: transport()}
	}
	c.http = new(*o.HTTP)
	c.http.CheckRedirect = redirects{o.HTTP.CheckRedirect}.check
	return c, nil
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.ResponseHeaderTimeout = 30 * time.Second
	t.MaxIdleConnsPerHost = 16
	return t
}

// Identity implements fetch.Source: the address without a trailing slash.
func (c *Client) Identity() string { return c.base.String() }

// request makes a request below the address of c. path begins with a slash.
func (c *Client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	ref, err := url.Parse(path)
	if err != nil {
		return nil, err
	}
	u := *c.base
	u.Path, u.RawQuery = c.base.Path+ref.Path, ref.RawQuery
	return c.requestAt(ctx, method, &u, body)
}

// requestAt makes a request to an address of the registry.
func (c *Client) requestAt(ctx context.Context, method string, u *url.URL, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", userAgent)
	if c.token != "" && !reads(method) {
		r.SetBasicAuth("token", c.token)
	}
	return r, nil
}

// Search implements index.Searcher.
func (c *Client) Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	return func(yield func(index.Hit, error) bool) {
		hits, err := c.search(ctx, q)
		if err != nil {
			yield(index.Hit{}, fmt.Errorf("search: %w", err))
			return
		}
		for _, h := range hits {
			if !yield(h, nil) {
				return
			}
		}
	}
}

func (c *Client) search(ctx context.Context, q index.Query) ([]index.Hit, error) {
	v := url.Values{"q": {q.Text}, "limit": {strconv.Itoa(q.EffectiveLimit())}}
	if q.Point != "" {
		v.Set("point", q.Point)
	}
	if q.Runtime != "" {
		v.Set("runtime", q.Runtime)
	}
	var x struct{ Hits []index.Hit }
	if err := c.api(ctx, http.MethodGet, registry.RouteSearch+"?"+v.Encode(), nil, &x); err != nil {
		return nil, err
	}
	if len(x.Hits) > q.EffectiveLimit() {
		return nil, fmt.Errorf("%w: %d hits, asked for %d", ErrProtocol, len(x.Hits), q.EffectiveLimit())
	}
	for i, h := range x.Hits {
		if _, err := manifest.ParseID(string(h.ID)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		if h.Version.IsZero() {
			return nil, fmt.Errorf("%w: %s without a version", ErrProtocol, h.ID)
		}
		x.Hits[i].Summary = printable(h.Summary)
	}
	return x.Hits, nil
}

// api sends a request with an optional JSON body and reads a JSON answer into out.
func (c *Client) api(ctx context.Context, method, path string, in, out any) error {
	var send io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		send = bytes.NewReader(b)
	}
	r, err := c.request(ctx, method, path, send)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	err = c.readJSON(r, out)
	if _, coded := errors.AsType[*registry.Error](err); errors.Is(err, registry.ErrNotFound) && !coded {
		return fmt.Errorf("%w: %w", ErrProtocol, err) // a registry has this route
	}
	return err
}

// readJSON sends r and reads a JSON answer into out.
func (c *Client) readJSON(r *http.Request, out any) error {
	res, err := c.get(r, 4*maxAnswer, http.StatusOK)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return nil
}

// Blobs implements fetch.Source.
func (c *Client) Blobs(id manifest.ID) artifact.Blobs { return repo{c, string(id)} }

// repo is one repository of a registry.
type repo struct {
	c    *Client
	name string
}

// path returns where the bytes of d are.
func (b repo) path(d artifact.Descriptor) string {
	if registry.IsManifest(d.MediaType) {
		return "/v2/" + b.name + "/manifests/" + string(d.Digest)
	}
	return "/v2/" + b.name + "/blobs/" + string(d.Digest)
}

// Open implements artifact.Blobs.
func (b repo) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	r, err := b.c.request(ctx, http.MethodGet, b.path(d), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", d.MediaType)
	res, err := b.c.do(r, http.StatusOK)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Digest.Short(), err)
	}
	return res.Body, nil
}
