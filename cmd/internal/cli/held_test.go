package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// heldBytes is how much of an upload "hold-uploads" lets through.
const heldBytes = 1 << 20

// uploads is a proxy in front of a registry in which every large upload stops half way.
type uploads struct {
	held chan struct{} // closed once the first one does
	end  chan struct{} // closed when the registry is killed
	once sync.Once
}

// holders finds the proxy of a script.
var holders sync.Map

// holdUploads puts a proxy in front of the registry: no upload gets further than
// [heldBytes].
func holdUploads(ts *testscript.TestScript, _ bool, _ []string) {
	to, err := url.Parse(ts.Getenv("PLUGSTEAD_REGISTRY"))
	ts.Check(err)
	u := &uploads{held: make(chan struct{}), end: make(chan struct{})}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadRequest) } // killed
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > heldBytes || r.ContentLength < 0 {
			r.Body = &heldBody{ReadCloser: r.Body, u: u, left: heldBytes}
		}
		proxy.ServeHTTP(w, r)
	}))
	ts.Defer(srv.CloseClientConnections)
	ts.Setenv("PLUGSTEAD_REGISTRY", srv.URL)
	holders.Store(ts, u)
}

// waitForUpload returns when the registry has the first bytes of an upload that is held.
func waitForUpload(ts *testscript.TestScript, _ bool, _ []string) {
	u, ok := holders.Load(ts)
	if !ok {
		ts.Fatalf("hold-uploads first")
	}
	<-u.(*uploads).held
}

// heldBody ends, once so many bytes were read, only when the registry is killed.
type heldBody struct {
	io.ReadCloser
	u    *uploads
	left int
}

func (b *heldBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		b.u.once.Do(func() { close(b.u.held) })
		<-b.u.end
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
