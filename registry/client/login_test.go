package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/version"
)

// known answers questions for credentials and counts them.
type known struct {
	host  string // that must be asked for; "": any
	all   []client.Credential
	err   error
	asked atomic.Int32
}

func (k *known) Credential(_ context.Context, host string) (client.Credential, error) {
	n := int(k.asked.Add(1))
	if k.host != "" && host != k.host {
		return client.Credential{}, fmt.Errorf("asked for %s", host)
	}
	if k.err != nil {
		return client.Credential{}, k.err
	}
	return k.all[min(n, len(k.all))-1], nil
}

// closed lets in who has the header.
func closed(header *atomic.Value, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != header.Load() {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		then(w, r)
	}
}

func withCredentials(t *testing.T, address string, k client.Credentials) *client.Client {
	t.Helper()
	c, err := client.New(address, client.Options{Token: token, Credentials: k, Retry: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var joe = client.Credential{User: "joe", Password: secret}

func TestReadingWithCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		k      client.Credential
		header string
	}{
		"basic":  {joe, "Basic " + basic("joe:"+secret)},
		"bearer": {client.Credential{Token: secret}, "Bearer " + secret},
	} {
		var header atomic.Value
		header.Store(c.header)
		var requests atomic.Int32
		gate := closed(&header, answer(200, "", "hello"))
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { requests.Add(1); gate(w, r) }))
		defer s.Close()
		k := &known{host: strings.TrimPrefix(s.URL, "http://"), all: []client.Credential{c.k}}
		x := withCredentials(t, s.URL, k)
		for range 3 {
			if got, err := readAll(t.Context(), x, content("hello")); err != nil || got != "hello" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		if k.asked.Load() != 1 || requests.Load() != 4 {
			t.Errorf("%s: asked %d times, %d requests", name, k.asked.Load(), requests.Load())
		}
	}
}

// TestManyReadersAskOnce has the first requests of a client in parallel.
func TestManyReadersAskOnce(t *testing.T) {
	var header atomic.Value
	header.Store("Basic " + basic("joe:"+secret))
	s := httptest.NewServer(closed(&header, answer(200, "", "hello")))
	defer s.Close()
	k := &known{all: []client.Credential{joe}}
	c := withCredentials(t, s.URL, k)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := readAll(t.Context(), c, content("hello")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if k.asked.Load() != 1 {
		t.Errorf("asked %d times", k.asked.Load())
	}
}

// TestCredentialsThatChange are asked for again when the old ones stop to work.
func TestCredentialsThatChange(t *testing.T) {
	var header atomic.Value
	header.Store("Basic " + basic("joe:"+secret))
	s := httptest.NewServer(closed(&header, answer(200, "", "hello")))
	defer s.Close()
	k := &known{all: []client.Credential{joe, {Token: "next"}}}
	c := withCredentials(t, s.URL, k)
	for _, now := range []string{"Basic " + basic("joe:"+secret), "Bearer next"} {
		header.Store(now)
		if _, err := readAll(t.Context(), c, content("hello")); err != nil {
			t.Error(err)
		}
	}
	header.Store("Bearer last")
	if _, err := readAll(t.Context(), c, content("hello")); !errors.Is(err, client.ErrLogin) || !errors.Is(err, client.ErrUnauthorized) || k.asked.Load() != 3 {
		t.Errorf("%v, asked %d times", err, k.asked.Load())
	}
}

func TestNobodyIsLetIn(t *testing.T) {
	var tries atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		tries.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer s.Close()
	endless := &known{}
	for i := range 20 {
		endless.all = append(endless.all, client.Credential{Token: fmt.Sprint("t", i)})
	}
	for name, c := range map[string]struct {
		k     *known
		want  error
		tries int32
	}{
		"unknown":       {&known{err: fmt.Errorf("x: %w", client.ErrNoCredential)}, client.ErrNoCredential, 1},
		"broken":        {&known{err: client.ErrDockerConfig}, client.ErrDockerConfig, 1},
		"refused":       {&known{all: []client.Credential{joe}}, client.ErrLogin, 2},
		"empty":         {&known{all: []client.Credential{{}}}, client.ErrNoCredential, 1},
		"two lines":     {&known{all: []client.Credential{{Token: secret + "\r\nX: y"}}}, client.ErrLogin, 1},
		"colon":         {&known{all: []client.Credential{{User: "a:b", Password: secret}}}, client.ErrLogin, 1},
		"always others": {endless, client.ErrLogin, 3},
	} {
		tries.Store(0)
		_, err := readAll(t.Context(), withCredentials(t, s.URL, c.k), content("hello"))
		if !errors.Is(err, c.want) || !errors.Is(err, client.ErrLogin) || !errors.Is(err, client.ErrUnauthorized) || tries.Load() != c.tries {
			t.Errorf("%s: %v after %d requests", name, err, tries.Load())
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
			t.Errorf("%s: a secret in %q", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readAll(ctx, withCredentials(t, s.URL, &known{}), content("hello")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestCredentialsStayHome sends the registry's readers elsewhere: to another port, which
// the standard library takes for the same host, and to where a 401 asks for more.
func TestCredentialsStayHome(t *testing.T) {
	var stolen, at atomic.Int32
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at.Add(1)
		if r.Header.Get("Authorization") != "" {
			stolen.Add(1)
		}
		if strings.HasSuffix(r.URL.Path, "401") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, "hello")
	}))
	defer thief.Close()
	var header atomic.Value
	header.Store("Basic " + basic("joe:"+secret))
	for _, path := range []string{"/x", "/401"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			s := httptest.NewServer(closed(&header, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, thief.URL+path, status)
			}))
			k := &known{all: []client.Credential{joe}}
			c := withCredentials(t, s.URL, k)
			for range 2 {
				got, err := readAll(t.Context(), c, content("hello"))
				if (path == "/x") != (err == nil && got == "hello") || path != "/x" && !errors.Is(err, client.ErrUnauthorized) {
					t.Errorf("%d to %s: %q, %v", status, path, got, err)
				}
				r, err := c.Blobs("acme/hello").(fetch.Ranger).OpenAt(t.Context(), content("hello"), 1)
				if err == nil {
					r.Close()
				}
			}
			if k.asked.Load() != 1 {
				t.Errorf("%d to %s: asked %d times", status, path, k.asked.Load())
			}
			s.Close()
		}
	}
	if stolen.Load() != 0 || at.Load() == 0 {
		t.Errorf("%d of %d requests brought credentials elsewhere", stolen.Load(), at.Load())
	}
}

// TestCredentialsAreForReading: a change carries the publish token, whatever is known.
func TestCredentialsAreForReading(t *testing.T) {
	k := &known{all: []client.Credential{joe}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != token {
			t.Errorf("%s with password %q", r.Method, password)
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer s.Close()
	c := withCredentials(t, s.URL, k)
	if _, err := c.Yank(t.Context(), registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0")}); !errors.Is(err, client.ErrUnauthorized) || k.asked.Load() != 0 {
		t.Errorf("%v, asked %d times", err, k.asked.Load())
	}
}

// TestCredentialsNeedTLS: on a plain connection to another machine anybody listens.
func TestCredentialsNeedTLS(t *testing.T) {
	for address, want := range map[string]int32{
		"http://registry.example": 0, "http://10.0.0.1:80": 0, "http://localhost.example": 0,
		"https://registry.example": 1, "http://localhost:1": 1, "http://127.0.0.1:1": 1, "http://[::1]:1": 1,
	} {
		k := &known{all: []client.Credential{joe}}
		w := wire(func(r *http.Request) (*http.Response, error) {
			if want == 0 && r.Header.Get("Authorization") != "" {
				t.Errorf("%s: credentials in the clear", address)
			}
			res := response(http.StatusUnauthorized, http.NoBody)
			res.Request = r
			return res, nil
		})
		c, err := client.New(address, client.Options{Credentials: k, HTTP: &http.Client{Transport: w}, Retry: atOnce})
		if err != nil {
			t.Fatal(err)
		}
		_, err = readAll(t.Context(), c, content("hello"))
		if !errors.Is(err, client.ErrUnauthorized) || min(k.asked.Load(), 1) != want {
			t.Errorf("%s: %v, asked %d times", address, err, k.asked.Load())
		}
	}
}
