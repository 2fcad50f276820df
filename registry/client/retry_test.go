package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/version"
)

// wire answers requests without a network, so that time can be a fake.
type wire func(*http.Request) (*http.Response, error)

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

func (w wire) client(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	o.HTTP = &http.Client{Transport: w}
	c, err := client.New("http://registry.example", o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func response(status int, body io.Reader, header ...string) *http.Response {
	res := &http.Response{StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Header: http.Header{}, Body: io.NopCloser(body)}
	for i := 0; i < len(header); i += 2 {
		res.Header.Set(header[i], header[i+1])
	}
	return res
}

// most makes every wait as long as it may be.
func most() float64 { return 1 }

func readAll(ctx context.Context, c *client.Client, d artifact.Descriptor) (string, error) {
	r, err := c.Blobs("acme/hello").Open(ctx, d)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func TestRetriesOfReads(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for name, c := range map[string]struct {
		status int
		header []string
		err    error
		fails  int // how often, before it works
		want   error
		tries  int
		after  time.Duration
	}{
		"at once":           {fails: 0, tries: 1},
		"refused":           {err: refused, fails: 1, tries: 2, after: 200 * time.Millisecond},
		"reset":             {err: syscall.ECONNRESET, fails: 4, tries: 5, after: 3 * time.Second},
		"never":             {err: syscall.ECONNRESET, fails: 9, tries: 5, after: 3 * time.Second, want: syscall.ECONNRESET},
		"503":               {status: 503, fails: 2, tries: 3, after: 600 * time.Millisecond},
		"502":               {status: 502, fails: 9, tries: 5, after: 3 * time.Second, want: client.ErrUnreachable},
		"504":               {status: 504, fails: 1, tries: 2, after: 200 * time.Millisecond},
		"429":               {status: 429, fails: 1, tries: 2, after: 200 * time.Millisecond},
		"seconds":           {status: 429, header: []string{"Retry-After", "7"}, fails: 2, tries: 3, after: 14 * time.Second},
		"date":              {status: 503, header: []string{"Retry-After", "Sat, 01 Jan 2000 00:00:50 GMT"}, fails: 1, tries: 2, after: 50 * time.Second},
		"date that is gone": {status: 503, header: []string{"Retry-After", "Sat, 01 Jan 1994 00:00:50 GMT"}, fails: 1, tries: 2, after: 200 * time.Millisecond},
		"nonsense":          {status: 503, header: []string{"Retry-After", "soon"}, fails: 1, tries: 2, after: 200 * time.Millisecond},
		"the longest":       {status: 503, header: []string{"Retry-After", "60"}, fails: 1, tries: 2, after: time.Minute},
		"500":               {status: 500, fails: 1, tries: 1, want: client.ErrUnreachable},
		"404":               {status: 404, fails: 1, tries: 1, want: registry.ErrNotFound},
		"403":               {status: 403, fails: 1, tries: 1, want: client.ErrUnauthorized},
		"no such host":      {err: &net.DNSError{IsNotFound: true}, fails: 1, tries: 1, want: client.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				w := wire(func(*http.Request) (*http.Response, error) {
					if tries++; tries > c.fails {
						return response(200, strings.NewReader("hello")), nil
					}
					if c.err != nil {
						return nil, c.err
					}
					return response(c.status, http.NoBody, c.header...), nil
				})
				begin := time.Now()
				got, err := readAll(t.Context(), w.client(t, client.Options{Retry: fetch.Retry{Random: most}}), content("hello"))
				if !errors.Is(err, c.want) || (err == nil) != (got == "hello") || tries != c.tries || time.Since(begin) != c.after {
					t.Errorf("%q, %v after %d tries and %s", got, err, tries, time.Since(begin))
				}
				if says := strings.Contains(fmt.Sprint(err), fmt.Sprintf("(tried %d times)", tries)); says != (err != nil && tries > 1) {
					t.Errorf("after %d tries: %v", tries, err)
				}
			})
		})
	}
}

// TestLater has a registry that is away for longer than anybody waits.
func TestLater(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		at     time.Duration
	}{
		"seconds": {"61", 61 * time.Second},
		"date":    {"Sat, 01 Jan 2000 02:00:00 GMT", 2 * time.Hour},
		"endless": {"99999999999999999999999", 100 * 365 * 24 * time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			tries, begin := 0, time.Now()
			w := wire(func(*http.Request) (*http.Response, error) {
				tries++
				return response(503, http.NoBody, "Retry-After", c.header), nil
			})
			_, err := readAll(t.Context(), w.client(t, client.Options{}), content("hello"))
			later, ok := errors.AsType[*client.LaterError](err)
			if !ok || !errors.Is(err, client.ErrUnreachable) || !later.At.Equal(begin.Add(c.at)) || tries != 1 || time.Since(begin) != 0 {
				t.Errorf("%s: %v after %d tries and %s", name, err, tries, time.Since(begin))
			}
			if ok && !strings.Contains(err.Error(), later.At.UTC().Format(time.RFC3339)) {
				t.Errorf("%s: no time in %q", name, err)
			}
		})
	}
}

// TestChangesAreSentOnce: nobody knows whether a change that broke off was made.
func TestChangesAreSentOnce(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"503": answer(503, "", ""), "429": answer(429, "", ""),
		"reset":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"truncated": truncated,
	} {
		var changes atomic.Int32
		c := against(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			changes.Add(1)
			fault(w, r)
		})
		_, err := c.Yank(t.Context(), registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0")})
		if !errors.Is(err, client.ErrUnreachable) || changes.Load() != 1 || strings.Contains(err.Error(), "tried") {
			t.Errorf("%s: yank: %v, sent %d times", name, err, changes.Load())
		}
		err = c.Target("acme/hello").Put(t.Context(), content("x"), strings.NewReader("x"))
		if err == nil || changes.Load() != 2 {
			t.Errorf("%s: put: %v, sent %d times", name, err, changes.Load()-1)
		}
	}
}

// TestContextEndsTheWait does not sleep to the end when nobody wants the answer any more.
func TestContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wire(func(*http.Request) (*http.Response, error) {
			return response(503, http.NoBody, "Retry-After", "30"), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		_, err := readAll(ctx, w.client(t, client.Options{}), content("hello"))
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, client.ErrUnreachable) || time.Since(begin) != 5*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

// TestDocumentsThatBreakOff come whole from the second try.
func TestDocumentsThatBreakOff(t *testing.T) {
	var tries atomic.Int32
	doc := `{"v":1,"id":"acme/hello"}` + "\n"
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		if tries.Add(1)%3 != 0 {
			truncated(w, r)
		}
		if r.URL.Path == registry.RouteRevision {
			doc = `{"revision":"abc"}`
		}
		io.WriteString(w, doc)
	})
	a, err := c.Document(t.Context(), "acme/hello", "")
	if err != nil || !bytes.Equal(a.Bytes, []byte(doc)) || tries.Load() != 3 {
		t.Errorf("%q, %v after %d tries", a.Bytes, err, tries.Load())
	}
	if rev, err := c.Revision(t.Context()); err != nil || rev != "abc" || tries.Load() != 6 {
		t.Errorf("%q, %v after %d tries", rev, err, tries.Load())
	}
}

// TestStall has bodies that stop coming without an end.
func TestStall(t *testing.T) {
	for name, c := range map[string]struct {
		stall time.Duration
		gap   time.Duration // between bytes
		want  error
		after time.Duration
	}{
		"slow":      {0, 29 * time.Second, nil, 29 * 5 * time.Second}, // the whole takes longer than any limit
		"stalled":   {0, time.Hour, client.ErrUnreachable, client.DefaultStall},
		"an option": {time.Second, 2 * time.Second, client.ErrUnreachable, time.Second},
		"for ever":  {-1, 100 * time.Hour, nil, 500 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := wire(func(r *http.Request) (*http.Response, error) {
					return response(200, &drip{r.Context(), c.gap, []byte("hello")}), nil
				})
				begin := time.Now()
				got, err := readAll(t.Context(), w.client(t, client.Options{Stall: c.stall}), content("hello"))
				if !errors.Is(err, c.want) || (err == nil) != (got == "hello") || time.Since(begin) != c.after {
					t.Errorf("%q, %v after %s", got, err, time.Since(begin))
				}
				if c.want != nil && !strings.Contains(err.Error(), "no byte for "+c.after.String()) {
					t.Error(err)
				}
			})
		})
	}
}

// drip gives one byte after each gap until ctx ends.
type drip struct {
	ctx  context.Context
	gap  time.Duration
	left []byte
}

func (d *drip) Read(p []byte) (int, error) {
	if len(d.left) == 0 {
		return 0, io.EOF
	}
	select {
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	case <-time.After(d.gap):
	}
	p[0], d.left = d.left[0], d.left[1:]
	return 1, nil
}

// TestSlowReaders do not make a connection stall.
func TestSlowReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wire(func(r *http.Request) (*http.Response, error) {
			return response(200, &drip{r.Context(), time.Second, []byte("hello")}), nil
		})
		r, err := w.client(t, client.Options{}).Blobs("acme/hello").Open(t.Context(), content("hello"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range 5 {
			time.Sleep(time.Hour) // of the bubble
			if n, err := r.Read(make([]byte, 10)); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
	})
}

// TestStalledConnection is a stall of a real server; the search tries again.
func TestStalledConnection(t *testing.T) {
	var tries atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"hits":[`)
		w.(http.Flusher).Flush()
		if tries.Add(1) == 1 {
			<-r.Context().Done()
			return
		}
		io.WriteString(w, `]}`)
	}))
	defer s.Close()
	c, err := client.New(s.URL, client.Options{Stall: 50 * time.Millisecond, Retry: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Search(t.Context(), index.Query{}) {
		t.Error(err)
	}
	if tries.Load() < 2 {
		t.Error("no second try")
	}
}
