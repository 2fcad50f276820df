package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/registrytest"
)

func part(status int, contentRange, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if contentRange != "" {
			w.Header().Set("Content-Range", contentRange)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestOpenAt(t *testing.T) {
	d := content("hello")
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  error
		class error // too
	}{
		"a part":            {part(206, "bytes 2-4/5", "llo"), nil, nil},
		"size unknown":      {part(206, "bytes 2-4/*", "llo"), nil, nil},
		"shorter":           {part(206, "bytes 2-3/5", "ll"), nil, nil}, // RFC 9110 section 15.3.7 allows it
		"all":               {answer(200, "", "hello"), fetch.ErrNoRange, nil},
		"416":               {part(416, "bytes */5", ""), fetch.ErrNoRange, nil},
		"another beginning": {part(206, "bytes 1-4/5", "ello"), fetch.ErrNoRange, client.ErrProtocol},
		"another size":      {part(206, "bytes 2-4/6", "llo"), fetch.ErrNoRange, client.ErrProtocol},
		"beyond":            {part(206, "bytes 2-5/*", "llo!"), fetch.ErrNoRange, client.ErrProtocol},
		"no Content-Range":  {part(206, "", "llo"), fetch.ErrNoRange, client.ErrProtocol},
		"nonsense":          {part(206, "bytes two-four/five", "llo"), fetch.ErrNoRange, client.ErrProtocol},
		"compressed": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			part(206, "bytes 2-4/5", "llo")(w, r)
		}, fetch.ErrNoRange, client.ErrProtocol},
		"not found":          {answer(404, "", ""), registry.ErrNotFound, nil},
		"forbidden":          {answer(403, "", ""), client.ErrUnauthorized, nil},
		"away":               {answer(503, "", ""), client.ErrUnreachable, nil},
		"broken":             {truncated, client.ErrUnreachable, nil},
		"steers the display": {part(206, "bytes \x1b[31m", "llo"), client.ErrUnreachable, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c0 := against(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") != "bytes=2-" {
					t.Errorf("range %q", r.Header.Get("Range"))
				}
				if name == "broken" {
					w.Header().Set("Content-Range", "bytes 2-4/5")
					w.Header().Set("Content-Length", "3")
					w.WriteHeader(206)
					io.WriteString(w, "l")
					return
				}
				c.serve(w, r)
			})
			r, err := c0.Blobs("acme/hello").(fetch.Ranger).OpenAt(t.Context(), d, 2)
			got := ""
			if err == nil {
				var b []byte
				b, err = io.ReadAll(r)
				got = string(b)
				r.Close()
			}
			if !errors.Is(err, c.want) || c.class != nil && !errors.Is(err, c.class) || err == nil && !strings.HasPrefix("llo", got) {
				t.Errorf("%q, %v", got, err)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x1b") {
				t.Errorf("%q", err)
			}
		})
	}
}

// TestOpenAtOfARegistry reads the end of a real payload.
func TestOpenAtOfARegistry(t *testing.T) {
	s := registrytest.New(t)
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, s.Client().Target("acme/hello"), p)
	b := s.ClientWith("").Blobs("acme/hello")
	for _, x := range p.Blobs() {
		if registry.IsManifest(x.MediaType) {
			continue
		}
		r, err := b.Open(t.Context(), x.Descriptor)
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(r)
		r.Close()
		if err != nil || len(all) < 2 {
			t.Fatal(len(all), err)
		}
		for _, offset := range []int64{1, x.Size / 2, x.Size - 1} {
			r, err := b.(fetch.Ranger).OpenAt(t.Context(), x.Descriptor, offset)
			if err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(r)
			r.Close()
			if err != nil || string(rest) != string(all[offset:]) {
				t.Errorf("%s from %d: %d bytes, %v", x.MediaType, offset, len(rest), err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.(fetch.Ranger).OpenAt(ctx, content("hello"), 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
