package fetch_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/resolve"
)

// atOnce tries again without waiting.
var atOnce = fetch.Retry{Sleep: func(context.Context, time.Duration) error { return nil }}

// big is how many bytes the payload of a bad line has at least.
const big = 1 << 20

// fault spoils one answer. whole is what an honest registry says.
type fault func(w http.ResponseWriter, r *http.Request, whole *httptest.ResponseRecorder)

// line is a registry whose answers about one payload are spoiled, one fault a request;
// when they are used up it is honest.
type line struct {
	*httptest.Server
	payload artifact.Descriptor
	mu      sync.Mutex
	faults  []fault
	rest    fault    // when faults are used up; nil: none
	ranges  []string // of the requests for the payload
}

// pack returns a plugin with a payload that does not compress.
func pack(t *testing.T, id string) *artifact.Packed {
	t.Helper()
	b := make([]byte, big)
	rand.NewChaCha8([32]byte(fmt.Appendf(nil, "%-32s", id))).Read(b)
	return plugintest.PackFolder(t, plugintest.Folder(t, map[string]string{"plugin.yaml": plugintest.YAML(id, "1.0.0"), "m.wasm": string(b)}))
}

// newLine serves p over a bad line until the test ends.
func newLine(t *testing.T, p *artifact.Packed, faults ...fault) *line {
	t.Helper()
	b := memory.New()
	good := registrytest.Serve(t, b)
	plugintest.Push(t, good.Client().Target(p.Manifest.ID), p)
	h := handler.New(b, handler.Options{})
	payload := choices(t, good.ClientWith(""), p.Manifest.ID)[0].Package.Payload
	l := &line{faults: faults, payload: artifact.Descriptor{MediaType: artifact.MediaTarGzip, Digest: payload.Digest, Size: payload.Size}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, string(l.payload.Digest)) {
			h.ServeHTTP(w, r)
			return
		}
		whole := httptest.NewRecorder()
		h.ServeHTTP(whole, r)
		l.next(r)(w, r, whole)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *line) next(r *http.Request) fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ranges = append(l.ranges, r.Header.Get("Range"))
	if len(l.faults) > 0 {
		f := l.faults[0]
		l.faults = l.faults[1:]
		return f
	}
	if l.rest != nil {
		return l.rest
	}
	return honest
}

// asked returns the ranges of the requests so far and forgets them.
func (l *line) asked() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := strings.Join(l.ranges, " ")
	l.ranges = nil
	return s
}

func (l *line) source(t *testing.T) fetch.Source {
	t.Helper()
	c, err := client.New(l.URL, client.Options{Retry: atOnce, Stall: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (l *line) choices(t *testing.T) []resolve.Choice { return choices(t, l.source(t), "acme/a") }

// send writes the first n bytes of an answer, all if n is negative.
func send(w http.ResponseWriter, whole *httptest.ResponseRecorder, n int) {
	maps.Copy(w.Header(), whole.Header())
	w.WriteHeader(whole.Code)
	b := whole.Body.Bytes()
	if n >= 0 {
		b = b[:n]
	}
	w.Write(b)
	w.(http.Flusher).Flush()
}

func honest(w http.ResponseWriter, _ *http.Request, whole *httptest.ResponseRecorder) {
	send(w, whole, -1)
}

// cut breaks the connection after n bytes.
func cut(n int) fault {
	return func(w http.ResponseWriter, _ *http.Request, whole *httptest.ResponseRecorder) {
		send(w, whole, n)
		panic(http.ErrAbortHandler)
	}
}

// ends ends the answer in order after n bytes, as a proxy does that lost its server.
func ends(n int) fault {
	return func(w http.ResponseWriter, _ *http.Request, whole *httptest.ResponseRecorder) {
		whole.Header().Del("Content-Length")
		send(w, whole, n)
	}
}

// stalls keeps the connection open after n bytes.
func stalls(n int) fault {
	return func(w http.ResponseWriter, r *http.Request, whole *httptest.ResponseRecorder) {
		send(w, whole, n)
		<-r.Context().Done()
	}
}

// corrupts changes one byte of what it sends.
func corrupts(at int) fault {
	return func(w http.ResponseWriter, _ *http.Request, whole *httptest.ResponseRecorder) {
		whole.Body.Bytes()[at] ^= 1
		send(w, whole, -1)
	}
}

// corruptsAndCuts changes the first byte and breaks the connection after n.
func corruptsAndCuts(n int) fault {
	return func(w http.ResponseWriter, r *http.Request, whole *httptest.ResponseRecorder) {
		whole.Body.Bytes()[0] ^= 1
		cut(n)(w, r, whole)
	}
}

// resets ends the connection with a TCP reset before an answer.
func resets(w http.ResponseWriter, _ *http.Request, _ *httptest.ResponseRecorder) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

func status(code int, header ...string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ *httptest.ResponseRecorder) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// all is the answer of a server that knows no ranges: the part that was asked for, as if
// it were all.
func all(f fault) fault {
	return func(w http.ResponseWriter, r *http.Request, whole *httptest.ResponseRecorder) {
		plain := httptest.NewRecorder()
		plain.Body = whole.Body
		f(w, r, plain)
	}
}

// lies answers with another part than that it was asked for.
func lies(contentRange string) fault {
	return func(w http.ResponseWriter, r *http.Request, whole *httptest.ResponseRecorder) {
		whole.Header().Set("Content-Range", contentRange)
		send(w, whole, -1)
	}
}
