package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/version"
)

const token = "secret-token"

// atOnce tries again without waiting.
var atOnce = fetch.Retry{Sleep: func(context.Context, time.Duration) error { return nil }}

// against returns a client of a server that answers with f.
func against(t *testing.T, f http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return connect(t, s.URL)
}

func connect(t *testing.T, address string) *client.Client {
	t.Helper()
	c, err := client.New(address, client.Options{Token: token, Retry: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func content(s string) artifact.Descriptor { return artifact.Describe("text/plain", []byte(s)) }

func TestNewRefusesAddresses(t *testing.T) {
	for _, bad := range []string{"", "registry.example", "ftp://registry.example", "http://", "http://user:pw@registry.example", "http://x/?q=1", "http://[::1", "\x00"} {
		if c, err := client.New(bad, client.Options{}); err == nil {
			t.Errorf("%q: %s", bad, c.Identity())
		}
	}
	if got := connect(t, "https://registry.example/prefix/").Identity(); got != "https://registry.example/prefix" {
		t.Errorf("identity %q", got)
	}
}

// endless writes until the client is gone.
func endless(chunk string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}
}

// truncated promises more than it sends.
func truncated(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100000")
	io.WriteString(w, `{"v":1,"id":"acme/hello"}`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

const page = "<!doctype html><title>Welcome to the hotel network</title>"

func TestDocumentOfABadServer(t *testing.T) {
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  error
	}{
		"truncated":           {truncated, client.ErrUnreachable},
		"endless":             {endless(strings.Repeat(" ", 1<<16)), index.ErrDocument},
		"page":                {answer(200, "text/html", page), index.ErrDocument},
		"empty":               {answer(200, "application/jsonl", ""), index.ErrDocument},
		"of another plugin":   {answer(200, "application/jsonl", `{"v":1,"id":"acme/other"}`+"\n"), index.ErrDocument},
		"unchanged, at once":  {answer(304, "", ""), client.ErrProtocol},
		"unknown plugin":      {answer(404, "application/problem+json", `{"code":"PLUGIN_UNKNOWN"}`), index.ErrNotFound},
		"page not found":      {answer(404, "text/html", page), index.ErrNotFound},
		"500":                 {answer(500, "text/plain", "oops"), client.ErrUnreachable},
		"500 with a code":     {answer(500, "application/problem+json", `{"code":"INTERNAL","detail":"x"}`), client.ErrUnreachable},
		"503 with a page":     {answer(503, "text/html", page), client.ErrUnreachable},
		"429":                 {answer(429, "text/plain", "slow down"), client.ErrUnreachable},
		"403":                 {answer(403, "text/html", page), client.ErrUnauthorized},
		"418":                 {answer(418, "text/plain", "teapot"), client.ErrProtocol},
		"201":                 {answer(201, "application/jsonl", "{}"), client.ErrProtocol},
		"redirect in circles": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, client.ErrProtocol},
		"endless refusal":     {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(400); endless("x")(w, r) }, client.ErrProtocol},
		"hangs up":            {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, client.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := against(t, c.serve).Plugin(t.Context(), "acme/hello")
			if p != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), "acme/hello") {
				t.Errorf("%+v, %v; want %v", p, err, c.want)
			}
		})
	}
}

func TestSearchOfABadServer(t *testing.T) {
	hits := `{"hits":[` + strings.Repeat(`{"id":"acme/hello","version":"1.0.0"},`, 300) + `{"id":"acme/hello","version":"1.0.0"}]}`
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  error
	}{
		"page":          {answer(200, "text/html", page), client.ErrProtocol},
		"endless":       {endless(strings.Repeat("[", 1<<16)), client.ErrProtocol},
		"truncated":     {truncated, client.ErrUnreachable},
		"bad id":        {answer(200, "application/json", `{"hits":[{"id":"../../etc","version":"1.0.0"}]}`), client.ErrProtocol},
		"bad version":   {answer(200, "application/json", `{"hits":[{"id":"acme/x","version":"latest"}]}`), client.ErrProtocol},
		"too many hits": {answer(200, "application/json", hits), client.ErrProtocol},
		"no such route": {answer(404, "text/html", page), client.ErrProtocol},
		"refused":       {answer(400, "application/problem+json", `{"code":"QUERY_INVALID","detail":"q"}`), &registry.Error{}},
	} {
		var last error
		for h, err := range against(t, c.serve).Search(t.Context(), index.Query{Text: "x"}) {
			if last = err; err == nil {
				t.Errorf("%s: hit %+v", name, h)
			}
		}
		if _, ok := c.want.(*registry.Error); ok {
			if e, ok := errors.AsType[*registry.Error](last); !ok || e.Code != registry.CodeQueryInvalid {
				t.Errorf("%s: %v", name, last)
			}
		} else if !errors.Is(last, c.want) {
			t.Errorf("%s: %v, want %v", name, last, c.want)
		}
	}
	c := against(t, answer(200, "application/json", `{"hits":[{"id":"acme/x","version":"1.0.0","summary":"a\u001b[31mred\u202e\u0007"}]}`))
	for h, err := range c.Search(t.Context(), index.Query{}) {
		if err != nil || h.Summary != "a [31mred  " {
			t.Errorf("%q %v", h.Summary, err)
		}
	}
}

func TestBlobsOfABadServer(t *testing.T) {
	d := content("hello")
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  error
	}{
		"other bytes": {answer(200, "", "hullo"), artifact.ErrDigest},
		"short":       {answer(200, "", "hell"), artifact.ErrDigest},
		"endless":     {endless("hello"), artifact.ErrDigest},
		"truncated": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "hel")
		}, client.ErrUnreachable},
		"page":      {answer(200, "text/html", page), artifact.ErrDigest},
		"not found": {answer(404, "application/json", `{"errors":[{"code":"BLOB_UNKNOWN","message":"x"}]}`), registry.ErrNotFound},
		"partial":   {answer(206, "", "hello"), client.ErrProtocol},
		"other codings": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "hello")
		}, client.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := against(t, c.serve).Blobs("acme/hello").Open(t.Context(), d)
			if err == nil {
				_, err = io.ReadAll(artifact.Verify(r, d))
				r.Close()
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestRefusalsCannotSteerTheTerminal lets a stranger write everything that becomes
// part of an error.
func TestRefusalsCannotSteerTheTerminal(t *testing.T) {
	evil := `\u001b]0;owned\u0007\r\u009b31m\u202e`
	long := strings.Repeat("é", 2000)
	for name, body := range map[string]string{
		"problem":        `{"code":"NAME_INVALID","detail":"` + evil + `"}`,
		"problem's code": `{"code":"NAME` + evil + `","detail":"x"}`,
		"oci":            `{"errors":[{"code":"NAME_INVALID","message":"` + evil + `"}]}`,
		"oci's code":     `{"errors":[{"code":"` + evil + `","message":"x"}]}`,
		"long":           `{"code":"NAME_INVALID","detail":"` + long + `"}`,
		"no JSON":        "\x1b[31m",
	} {
		_, err := against(t, answer(400, "application/json", body)).Plugin(t.Context(), "acme/hello")
		if err == nil || strings.ContainsAny(err.Error(), "\x1b\a\r\u009b\u202e\uFFFD") || len(err.Error()) > 600 {
			t.Errorf("%s: %q", name, err)
		}
	}
	c := against(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 500 \x1b[31mred\x07\r\nContent-Length: 0\r\n\r\n")
		conn.Close()
	})
	if _, err := c.Plugin(t.Context(), "acme/hello"); err == nil || strings.ContainsAny(err.Error(), "\x1b\a") {
		t.Errorf("status line: %q", err)
	}
}

func TestUnreachable(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c := connect(t, s.URL)
	if _, err := c.Plugin(t.Context(), "acme/hello"); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("index: %v", err)
	}
	if _, err := c.Yank(t.Context(), registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0")}); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("yank: %v", err)
	}
	if err := c.Target("acme/hello").Put(t.Context(), content("x"), strings.NewReader("x")); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("put: %v", err)
	}
}

// TestContextEndsWaiting has a server that never answers, or never ends its answer.
func TestContextEndsWaiting(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter){
		"headers": func(http.ResponseWriter) {},
		"body":    func(w http.ResponseWriter) { io.WriteString(w, "{"); w.(http.Flusher).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			asked, over := make(chan struct{}), make(chan struct{})
			c := against(t, func(w http.ResponseWriter, r *http.Request) {
				begin(w)
				close(asked)
				<-over
			})
			defer close(over)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-asked; cancel() }()
			if _, err := c.Plugin(ctx, "acme/hello"); !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrUnreachable) {
				t.Errorf("cancelled: %v", err)
			}
			ctx, cancel = context.WithDeadline(t.Context(), time.Unix(0, 0))
			defer cancel()
			if _, err := c.Plugin(ctx, "acme/hello"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, client.ErrUnreachable) {
				t.Errorf("late: %v", err)
			}
		})
	}
}

// TestTokenStaysHome counts what reaches another origin: not the token, and not what
// is published. The other origin differs in its port alone, where the standard
// library would send both.
func TestTokenStaysHome(t *testing.T) {
	var got atomic.Int32
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Method != http.MethodGet {
			got.Add(1)
		}
		io.WriteString(w, "hello")
	}))
	defer thief.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := against(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			http.Redirect(w, r, thief.URL+r.URL.Path, status)
		})
		if err := c.Target("acme/hello").Put(t.Context(), content("hello"), strings.NewReader("hello")); !errors.Is(err, client.ErrProtocol) {
			t.Errorf("%d: put: %v", status, err)
		}
		if _, err := c.Yank(t.Context(), registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0")}); !errors.Is(err, client.ErrProtocol) {
			t.Errorf("%d: yank: %v", status, err)
		}
		r, err := c.Blobs("acme/hello").Open(t.Context(), content("hello")) // reading may go elsewhere
		if err != nil {
			t.Errorf("%d: open: %v", status, err)
			continue
		}
		r.Close()
	}
	for name, location := range map[string]string{
		"other port": thief.URL + "/v2/x", "no scheme": "//" + strings.TrimPrefix(thief.URL, "http://") + "/v2/x",
		"none": "", "user": "http://user@HOST/v2/x", "https": "https://HOST/v2/x", "nonsense": "http://[::1",
	} {
		c := against(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.Header().Set("Location", strings.Replace(location, "HOST", r.Host, 1))
			w.WriteHeader(http.StatusAccepted)
		})
		if err := c.Target("acme/hello").Put(t.Context(), content("hello"), strings.NewReader("hello")); !errors.Is(err, client.ErrProtocol) {
			t.Errorf("upload location %s: %v", name, err)
		}
	}
	if n := got.Load(); n > 0 {
		t.Errorf("%d requests with a token or content went elsewhere", n)
	}
}

func TestRedirectsOutOfTLS(t *testing.T) {
	plain := httptest.NewServer(answer(200, "", "hello"))
	defer plain.Close()
	s := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer s.Close()
	asked := 0
	h := s.Client()
	h.CheckRedirect = func(*http.Request, []*http.Request) error { asked++; return nil }
	c, err := client.New(s.URL, client.Options{HTTP: h})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Blobs("acme/hello").Open(t.Context(), content("hello")); !errors.Is(err, client.ErrProtocol) || asked != 0 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	c, err = client.New(plain.URL, client.Options{HTTP: h})
	if err != nil {
		t.Fatal(err)
	}
	plain.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "" {
			http.Redirect(w, r, r.URL.Path+"?again", http.StatusFound)
		}
	})
	if r, err := c.Blobs("acme/hello").Open(t.Context(), content("hello")); err != nil || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	} else {
		r.Close()
	}
}

// TestTokenIsSentToWrite looks at the requests of an honest registry.
func TestTokenIsSentToWrite(t *testing.T) {
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		if reads := r.Method == http.MethodGet || r.Method == http.MethodHead; reads == (password == token) {
			t.Errorf("%s %s with password %q", r.Method, r.URL, password)
		}
		switch r.Method {
		case http.MethodPost:
			w.Header().Set("Location", "/v2/acme/hello/blobs/uploads/a%2Fb?state=1")
			w.WriteHeader(http.StatusAccepted)
		case http.MethodPut:
			if q := (url.Values{"state": {"1"}, "digest": {string(content("hello").Digest)}}).Encode(); r.URL.EscapedPath() != "/v2/acme/hello/blobs/uploads/a%2Fb" || r.URL.RawQuery != q {
				t.Errorf("upload to %s", r.URL)
			}
			w.WriteHeader(http.StatusCreated)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	if err := c.Target("acme/hello").Put(t.Context(), content("hello"), strings.NewReader("hello")); err != nil {
		t.Error(err)
	}
}
