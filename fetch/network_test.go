package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store/disk"
)

// through fetches the payload of a line into a store with unfinished files.
func through(t *testing.T, src fetch.Source, into *disk.Store, list []resolve.Choice) error {
	t.Helper()
	_, err := fetch.Fetch(t.Context(), fetch.Sources{Default: src}, into, list, fetch.Options{Memory: 1, Retry: atOnce})
	return err
}

// unfinished returns the sizes of the files in partial/, and the names of others.
func unfinished(t *testing.T, s *disk.Store) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.Dir(), "partial"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := artifact.ParseDigest("sha256:" + e.Name()); err == nil {
			out = append(out, fmt.Sprint(info.Size()))
		} else if e.Name() != ".lock" {
			out = append(out, e.Name())
		}
	}
	return out
}

// TestBadLines ends with all bytes, or with an error of the right class and nothing in
// the store.
func TestBadLines(t *testing.T) {
	p := pack(t, "acme/a")
	noRange := func(f fault) fault {
		return func(w http.ResponseWriter, r *http.Request, whole *httptest.ResponseRecorder) {
			if r.Header.Get("Range") != "" {
				f(w, r, whole)
				return
			}
			cut(1000)(w, r, whole)
		}
	}
	five := func(f fault) []fault { return slices.Repeat([]fault{f}, 5) }
	for name, c := range map[string]struct {
		faults []fault
		rest   fault
		want   error
		ranges string // that were asked for; "?": not looked at
		left   string // sizes of unfinished files
	}{
		"honest":              {nil, nil, nil, "", ""},
		"cut":                 {[]fault{cut(1000)}, nil, nil, " bytes=1000-", ""},
		"cut twice":           {[]fault{cut(1000), cut(500)}, nil, nil, " bytes=1000- bytes=1500-", ""},
		"cut at once":         {[]fault{cut(0)}, nil, nil, " ", ""},
		"cut for ever":        {nil, cut(10), client.ErrUnreachable, " bytes=10- bytes=20- bytes=30- bytes=40-", "50"},
		"cut often, but far":  {slices.Repeat([]fault{cut(big / 3)}, 2), nil, nil, "?", ""},
		"ends early":          {[]fault{ends(1000)}, nil, nil, " bytes=1000-", ""},
		"stalls":              {[]fault{stalls(2000), stalls(0)}, nil, nil, " bytes=2000- bytes=2000-", ""},
		"resets":              {[]fault{resets, resets}, nil, nil, "?", ""},
		"503":                 {[]fault{status(503), cut(7), status(503, "Retry-After", "2")}, nil, nil, "  bytes=7- bytes=7-", ""},
		"429":                 {[]fault{status(429, "Retry-After", "1")}, nil, nil, " ", ""},
		"503 for ever":        {nil, status(503), client.ErrUnreachable, "    ", ""},
		"later":               {[]fault{cut(9), status(503, "Retry-After", "3600")}, nil, client.ErrUnreachable, " bytes=9-", "9"},
		"corrupt":             {nil, corrupts(77), artifact.ErrDigest, "", ""},
		"corrupt beginning":   {[]fault{corruptsAndCuts(50)}, nil, artifact.ErrDigest, " bytes=50-", ""},
		"404 in the middle":   {[]fault{cut(9), status(404)}, nil, registry.ErrNotFound, " bytes=9-", "9"},
		"no ranges":           {[]fault{cut(1000), all(cut(500)), all(cut(400))}, all(honest), nil, "?", ""},
		"416":                 {[]fault{cut(1000), status(416)}, nil, nil, " bytes=1000- ", ""},
		"another part":        {[]fault{cut(1000), lies("bytes 0-9/10")}, nil, nil, " bytes=1000- ", ""},
		"a part of another":   {[]fault{cut(1000), lies(fmt.Sprintf("bytes 1000-%d/%d", big, big+1))}, nil, nil, "?", ""},
		"no part":             {five(noRange(lies(""))), nil, nil, "?", ""},
		"ranges always wrong": {nil, noRange(lies("bytes x")), client.ErrUnreachable, "?", "1000"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t, p, c.faults...)
			l.rest = c.rest
			into := openStore(t)
			list := l.choices(t)
			err := through(t, l.source(t), into, list)
			if !errors.Is(err, c.want) || into.Has(l.payload) != (err == nil) {
				t.Errorf("%v, want %v; there: %t", err, c.want, into.Has(l.payload))
			}
			if got := l.asked(); c.ranges != "?" && got != c.ranges {
				t.Errorf("asked for %q, want %q", got, c.ranges)
			}
			if got := strings.Join(unfinished(t, into), " "); got != c.left {
				t.Errorf("left %q, want %q", got, c.left)
			}
			if err == nil {
				if _, err := artifact.ReadBlob(t.Context(), into, l.payload, 2*big); err != nil {
					t.Error(err)
				}
			}
			// The next run ends well when the line is good.
			l.mu.Lock()
			l.faults, l.rest = nil, nil
			l.mu.Unlock()
			if err := through(t, l.source(t), into, list); err != nil || !into.Has(l.payload) || len(unfinished(t, into)) != 0 {
				t.Errorf("the next run: %v, left %v", err, unfinished(t, into))
			}
			if c.left != "" && l.asked() != "bytes="+c.left+"-" {
				t.Error("the next run did not continue")
			}
		})
	}
}

// TestBadLinesIntoMemory takes payloads that no file is made for.
func TestBadLinesIntoMemory(t *testing.T) {
	p := pack(t, "acme/a")
	for name, c := range map[string]struct {
		faults []fault
		want   error
		ranges string
	}{
		"cut":     {[]fault{cut(1000), stalls(10)}, nil, " bytes=1000- bytes=1010-"},
		"corrupt": {[]fault{corrupts(0)}, artifact.ErrDigest, ""},
		"no part": {[]fault{cut(1000), all(honest)}, nil, " bytes=1000- "},
	} {
		l := newLine(t, p, c.faults...)
		into := openStore(t)
		var got []byte
		_, err := fetch.Fetch(t.Context(), fetch.Sources{Default: l.source(t)}, into, l.choices(t), fetch.Options{Retry: atOnce, Each: func(ctx context.Context, f fetch.Fetched) (err error) {
			got, err = artifact.ReadBlob(ctx, f.Payload, f.Package.Payload, 2*big)
			return err
		}})
		if !errors.Is(err, c.want) || (err == nil) != (int64(len(got)) == l.payload.Size) || into.Has(l.payload) || len(unfinished(t, into)) != 0 {
			t.Errorf("%s: %d bytes, %v; in the store: %t", name, len(got), err, into.Has(l.payload))
		}
		if got := l.asked(); got != c.ranges {
			t.Errorf("%s: asked for %q", name, got)
		}
	}
}

// TestMetadataOverABadLine has every metadata blob break off once.
func TestMetadataOverABadLine(t *testing.T) {
	b := memory.New()
	p := plugintest.Pack(t, "acme/a", "1.0.0")
	plugintest.Push(t, registrytest.Serve(t, b).Client().Target("acme/a"), p)
	h := handler.New(b, handler.Options{})
	var mu sync.Mutex
	seen := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.URL.Path]++
		n := seen[r.URL.Path]
		mu.Unlock()
		if n > 1 {
			h.ServeHTTP(w, r)
			return
		}
		whole := httptest.NewRecorder()
		h.ServeHTTP(whole, r)
		cut(whole.Body.Len()/2)(w, r, whole)
	}))
	defer s.Close()
	c, err := client.New(s.URL, client.Options{Retry: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fetch.Fetch(t.Context(), fetch.Sources{Default: c}, openStore(t), choices(t, c, "acme/a"), fetch.Options{Retry: atOnce}); err != nil {
		t.Error(err)
	}
	if len(seen) < 5 {
		t.Errorf("only %v", seen)
	}
}

// TestRedirectedParts continues at another host, as registries with a CDN do.
func TestRedirectedParts(t *testing.T) {
	p := pack(t, "acme/a")
	cdn := newLine(t, p, cut(1000))
	list := cdn.choices(t)
	l := newLine(t, p)
	l.rest = func(w http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) {
		http.Redirect(w, r, cdn.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}
	into := openStore(t)
	if err := through(t, l.source(t), into, list); err != nil || !into.Has(l.payload) {
		t.Error(err)
	}
	if got := cdn.asked(); got != " bytes=1000-" {
		t.Errorf("asked for %q", got)
	}
}

// TestCancelledInTheWait keeps what arrived.
func TestCancelledInTheWait(t *testing.T) {
	p := pack(t, "acme/a")
	l := newLine(t, p, cut(1000))
	into := openStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	asleep := fetch.Retry{Sleep: func(ctx context.Context, _ time.Duration) error { cancel(); return context.Cause(ctx) }}
	_, err := fetch.Fetch(ctx, fetch.Sources{Default: l.source(t)}, into, l.choices(t), fetch.Options{Memory: 1, Retry: asleep})
	if !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrUnreachable) || fmt.Sprint(unfinished(t, into)) != "[1000]" {
		t.Errorf("%v, left %v", err, unfinished(t, into))
	}
}

// TestProgressOfAResume begins where the file ends.
func TestProgressOfAResume(t *testing.T) {
	l := newLine(t, pack(t, "acme/a"), cut(1000))
	into, list := openStore(t), l.choices(t)
	var done []int64
	o := fetch.Options{Memory: 1, Retry: fetch.Retry{Times: -1}, Events: fetch.Events{Progress: func(p fetch.Progress) { done = append(done, p.Done) }}}
	if _, err := fetch.Fetch(t.Context(), fetch.Sources{Default: l.source(t)}, into, list, o); !errors.Is(err, fetch.ErrUnreachable) || done[len(done)-1] != 1000 {
		t.Fatal(done, err)
	}
	done = nil
	if _, err := fetch.Fetch(t.Context(), fetch.Sources{Default: l.source(t)}, into, list, o); err != nil || done[0] != 1000 || done[len(done)-1] != l.payload.Size || !slices.IsSorted(done) {
		t.Errorf("%v, %v", done, err)
	}
}

// wholly reads a payload from a source by hand.
func wholly(t *testing.T, src fetch.Source, id manifest.ID, d artifact.Descriptor) ([]byte, error) {
	t.Helper()
	r, err := src.Blobs(id).Open(t.Context(), d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, artifact.Verify(r, d))
	return b.Bytes(), err
}
