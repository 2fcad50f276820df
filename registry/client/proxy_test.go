package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/plugstead/plugstead/registry/client"
)

// envChild makes the test program a client of the address that it holds: what the
// standard library reads from the environment, it reads once per process.
const envChild = "PLUGSTEAD_TEST_CLIENT_OF"

func TestMain(m *testing.M) {
	if name, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "docker-credential-"); ok {
		os.Exit(helper(strings.TrimSuffix(name, ".exe")))
	}
	address := os.Getenv(envChild)
	if address == "" {
		os.Exit(m.Run())
	}
	os.Exit(child(address))
}

// child prints what it reads.
func child(address string) int {
	c, err := client.New(address, client.Options{Retry: atOnce})
	if err == nil {
		var r io.ReadCloser
		if r, err = c.Blobs("acme/hello").Open(context.Background(), content("hello")); err == nil {
			_, err = io.Copy(os.Stdout, r)
			r.Close()
		}
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// inChild reads a blob at an address in a process with more environment.
func inChild(t *testing.T, address string, env ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	for _, e := range os.Environ() {
		if !strings.Contains(strings.ToUpper(e), "_PROXY=") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(append(cmd.Env, envChild+"="+address), env...)
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// TestProxyOfTheEnvironment reaches a host that does not exist.
func TestProxyOfTheEnvironment(t *testing.T) {
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.RequestURI)
		io.WriteString(w, "hello")
	}))
	defer proxy.Close()
	const address = "http://registry.invalid:8080"
	got, err := inChild(t, address, "HTTP_PROXY="+proxy.URL)
	if want := "GET " + address + "/v2/acme/hello/blobs/" + string(content("hello").Digest); err != nil || got != "hello" || asked.Load() != want {
		t.Errorf("%q, %v; the proxy was asked to %v", got, err, asked.Load())
	}
	asked.Store("")
	got, err = inChild(t, address, "HTTP_PROXY="+proxy.URL, "NO_PROXY=registry.invalid")
	if err == nil || asked.Load() != "" || !strings.Contains(got, client.ErrUnreachable.Error()) {
		t.Errorf("without a proxy: %q, %v; the proxy was asked to %v", got, err, asked.Load())
	}
}

// TestProxyForTLS is asked for a tunnel, and its refusal is an error.
func TestProxyForTLS(t *testing.T) {
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.RequestURI)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	got, err := inChild(t, "https://registry.invalid", "HTTPS_PROXY="+proxy.URL)
	if err == nil || asked.Load() != "CONNECT registry.invalid:443" || !strings.Contains(got, client.ErrUnreachable.Error()) {
		t.Errorf("%q, %v; the proxy was asked to %v", got, err, asked.Load())
	}
}
