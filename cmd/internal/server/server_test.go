package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry/client"
)

const loopback = "127.0.0.1:0"

// running is a server that answers until stop or the end of the test.
type running struct {
	url, token string
	stop       func() error
}

// start opens and serves a data folder.
func start(t testing.TB, data string) *running {
	t.Helper()
	s, err := server.Open(t.Context(), server.Options{Data: data, Listen: loopback})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	r := &running{url: s.URL(), token: s.FirstToken}
	r.stop = func() error {
		cancel()
		r.stop = func() error { return nil }
		return <-done
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return r
}

func (r *running) client(t testing.TB, token string) *client.Client {
	t.Helper()
	c, err := client.New(r.url, client.Options{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// call sends a request with an Authorization header, which may be "".
func (r *running) call(t testing.TB, method, path, authorization string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestFirstTokenIsShownOnce(t *testing.T) {
	data := t.TempDir()
	first := start(t, data)
	if !strings.HasPrefix(first.token, "pst_") {
		t.Fatalf("first token %q", first.token)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		again := start(t, data)
		if again.token != "" {
			t.Fatal("a token is shown again")
		}
		plugintest.Push(t, again.client(t, first.token).Target("acme/hello"), plugintest.Pack(t, "acme/hello", "1.0.0"))
		if err := again.stop(); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(data, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), first.token) {
			t.Errorf("%s holds the token", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// exchanged trades credentials for bearer tokens, as container tools do.
func exchanged(t *testing.T, s *running, basic func(user, password string) string, wrong string) {
	t.Helper()
	for name, c := range map[string]struct {
		header     string
		code, push int
	}{
		"right": {basic("token", s.token), 200, 202}, "nobody": {"", 200, 401}, "wrong": {basic("token", wrong), 401, 0}, "anonymous": {basic("x", "anonymous"), 200, 401},
	} {
		code, body := s.call(t, "GET", "/api/v1/oci/token?service=plugstead&scope=repository:acme/hello:pull,push", c.header)
		if code != c.code {
			t.Errorf("%s: %d %s", name, code, body)
		}
		if code != 200 {
			continue
		}
		var x struct {
			Token string `json:"token"`
		}
		if err := json.Unmarshal([]byte(body), &x); err != nil || x.Token == "" {
			t.Fatalf("%s: %s, %v", name, body, err)
		}
		if code, body := s.call(t, "GET", "/v2/", "Bearer "+x.Token); code != 200 {
			t.Errorf("%s: ping %d %s", name, code, body)
		}
		if code, body := s.call(t, "POST", "/v2/acme/hello/blobs/uploads/", "Bearer "+x.Token); code != c.push {
			t.Errorf("%s: push %d %s", name, code, body)
		}
	}
}

func TestTokens(t *testing.T) {
	s, other := start(t, t.TempDir()), start(t, t.TempDir())
	basic := func(user, password string) string {
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	typo := s.token[:len(s.token)-1] + "x"
	for name, c := range map[string]struct {
		header string
		want   int
	}{
		"basic":                    {basic("token", s.token), http.StatusAccepted},
		"any user":                 {basic("", s.token), http.StatusAccepted},
		"bearer":                   {"Bearer " + s.token, http.StatusAccepted},
		"bearer in small letters":  {"bearer " + s.token, http.StatusAccepted},
		"none":                     {"", http.StatusUnauthorized},
		"empty password":           {basic("token", ""), http.StatusUnauthorized},
		"token as user":            {basic(s.token, ""), http.StatusUnauthorized},
		"token of another server":  {"Bearer " + other.token, http.StatusUnauthorized},
		"typing mistake":           {"Bearer " + typo, http.StatusUnauthorized},
		"cut":                      {"Bearer " + s.token[:10], http.StatusUnauthorized},
		"longer":                   {"Bearer " + s.token + "0", http.StatusUnauthorized},
		"prefix alone":             {"Bearer pst_", http.StatusUnauthorized},
		"no token at all":          {"Bearer ", http.StatusUnauthorized},
		"other scheme":             {"Digest " + s.token, http.StatusUnauthorized},
		"basic that is not base64": {"Basic !!!", http.StatusUnauthorized},
		"token alone":              {s.token, http.StatusUnauthorized},
	} {
		if code, body := s.call(t, "POST", "/v2/acme/hello/blobs/uploads/", c.header); code != c.want {
			t.Errorf("%s: %d %s", name, code, body)
		}
		if code, body := s.call(t, "GET", "/v2/", c.header); code == http.StatusOK != (c.want == http.StatusAccepted) {
			t.Errorf("%s: ping %d %s", name, code, body)
		}
	}
	res, err := http.Post(s.url+"/v2/acme/hello/blobs/uploads/", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header.Get("WWW-Authenticate"); got != `Bearer realm="`+s.url+`/api/v1/oci/token",service="plugstead",scope="repository:acme/hello:pull,push"` {
		t.Errorf("challenge %q", got)
	}
	exchanged(t, s, basic, other.token)
}

// openFiles lists what this process has open below dir, on systems that tell.
func openFiles(t *testing.T, dir string) []string {
	t.Helper()
	if runtime.GOOS != "linux" {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if at, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(at, dir) {
			out = append(out, at)
		}
	}
	return out
}

func TestOpenFailsCleanly(t *testing.T) {
	used := t.TempDir()
	first := start(t, used)
	if _, err := server.Open(t.Context(), server.Options{Data: used, Listen: loopback}); !errors.Is(err, server.ErrLocked) {
		t.Errorf("locked folder: %v", err)
	}
	if code, _ := first.call(t, "GET", "/healthz", ""); code != http.StatusOK {
		t.Errorf("the first server answers %d", code)
	}

	fresh := filepath.Join(t.TempDir(), "made", "on", "the", "way")
	taken := strings.TrimPrefix(first.url, "http://")
	if _, err := server.Open(t.Context(), server.Options{Data: fresh, Listen: taken}); !errors.Is(err, server.ErrPortTaken) {
		t.Errorf("taken port: %v", err)
	}
	if left := openFiles(t, fresh); len(left) > 0 {
		t.Errorf("open after a failure: %v", left)
	}
	if s := start(t, fresh); s.token == "" {
		t.Error("the failed start used up the token")
	}
}

func TestOpenFreesThePort(t *testing.T) {
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for name, content := range map[string]string{"registry.db": strings.Repeat("this is no database ", 500), "blobs": "a file where a folder belongs"} {
		data := t.TempDir()
		if err := os.WriteFile(filepath.Join(data, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := server.Open(t.Context(), server.Options{Data: data, Listen: address})
		if err == nil || s != nil {
			t.Fatalf("%s: opened", name)
		}
		if left := openFiles(t, data); len(left) > 0 {
			t.Errorf("%s: open after %v: %v", name, err, left)
		}
	}
	data := t.TempDir()
	s, err := server.Open(t.Context(), server.Options{Data: data, Listen: address})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("second close: %v", err)
	}
	for _, bad := range []string{"nonsense", "127.0.0.1:99999"} {
		if s, err := server.Open(t.Context(), server.Options{Data: data, Listen: bad}); err == nil {
			s.Close()
			t.Errorf("listens on %q", bad)
		}
	}
}

func TestRestartKeepsReleases(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, s.client(t, s.token).Target("acme/hello"), p)
	before, err := s.client(t, "").Plugin(t.Context(), "acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, data)
	c := s.client(t, "")
	after, err := c.Plugin(t.Context(), "acme/hello")
	if err != nil || after.Document != before.Document {
		t.Fatal(after, err)
	}
	for _, b := range p.Blobs() {
		if _, err := artifact.ReadBlob(t.Context(), c.Blobs("acme/hello"), b.Descriptor, b.Size); err != nil {
			t.Error(err)
		}
	}
}

func TestHealth(t *testing.T) {
	s := start(t, t.TempDir())
	if code, body := s.call(t, "GET", "/healthz", ""); code != http.StatusOK || body != "ok\n" {
		t.Errorf("%d %q", code, body)
	}
}

func TestLargeHeadersAreRefused(t *testing.T) {
	s := start(t, t.TempDir())
	for size, want := range map[int]int{8 << 10: http.StatusOK, 64 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		// The server may answer before it read everything, so a failed write is no news.
		go fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", size))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		conn.Close()
		if res.StatusCode != want {
			t.Errorf("%d bytes: %s", size, res.Status)
		}
	}
}

// TestShutdownFinishesRequests stops a server in the middle of an upload: the port
// is closed at once, the upload is finished.
func TestShutdownFinishesRequests(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	const content = "the first half and the second half"
	d := artifact.DigestOf([]byte(content))
	body, feed := io.Pipe()
	defer feed.Close()
	reading := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(reading) }})
	req, err := http.NewRequestWithContext(ctx, "POST", s.url+"/v2/acme/x/blobs/uploads/?digest="+string(d), body)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("token", s.token)
	req.Header.Set("Expect", "100-continue") // sent when the handler begins to read
	answer := make(chan error, 1)
	go func() {
		res, err := (&http.Transport{ExpectContinueTimeout: 1 << 40}).RoundTrip(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode != http.StatusCreated {
				err = errors.New(res.Status)
			}
		}
		answer <- err
	}()
	<-reading
	if _, err := io.WriteString(feed, content[:14]); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	for { // until the port is closed
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			break
		}
		conn.Close()
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request under way: %v", err)
	default:
	}
	if _, err := io.WriteString(feed, content[14:]); err != nil {
		t.Fatal(err)
	}
	feed.Close()
	if err := <-answer; err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	again := start(t, data)
	if code, got := again.call(t, "GET", "/v2/acme/x/blobs/"+string(d), ""); code != http.StatusOK || got != content {
		t.Errorf("%d %q", code, got)
	}
}
