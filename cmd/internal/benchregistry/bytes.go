package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/figures"
)

// Sizes of what is measured.
const (
	blobSize  = 20 << 20
	blobGets  = 10
	blobPuts  = 3
	smallGets = 400
	clients   = 4
)

// web is the client of all measurements.
var web = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}

// call sends a request and reads the answer to its end.
func call(method, url, token string, body []byte, header ...string) (http.Header, error) {
	r, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.SetBasicAuth("bench", token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := web.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		b, _ := io.ReadAll(io.LimitReader(res.Body, 500))
		return nil, fmt.Errorf("%s %s: %s: %s", method, url, res.Status, b)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.Header, err
}

// times measures n calls by some clients at once.
func times(n, clients int, f func(i int) error) (time.Duration, error) {
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	begin := time.Now()
	for c := range clients {
		wg.Go(func() {
			for i := c; i < n; i += clients {
				if err := f(i); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		})
	}
	wg.Wait()
	d := time.Since(begin)
	for range clients {
		if err := <-errs; err != nil {
			return 0, err
		}
	}
	return d, nil
}

// pair is one measurement of ours and of the peer, and how often in a round.
type pair struct {
	name       string
	n, clients int
	bound      float64
	ours, peer func(i int) error
	a, b       []time.Duration
}

// bytes measures blobs, manifests and documents beside the file server.
func (b *bench) bytes(ctx context.Context, s *process) error {
	dir := filepath.Join(b.work, "files")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	peer, err := startPeer(dir)
	if err != nil {
		return err
	}
	defer peer.stop()
	p := &published{s: s, dir: dir}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	next := 0
	fresh := func() []byte { next++; return p.fresh(next) }
	list := []*pair{
		{
			name: "blob-get/file-server", n: blobGets, clients: 1, bound: 0.95,
			ours: func(int) error { return get(s.url + "/v2/bench/bytes/blobs/" + string(p.blob)) },
			peer: func(int) error { return get(peer.url + "/blob") },
		},
		{
			name: "blob-put/file-server-that-syncs", n: blobPuts, clients: 1, bound: 0.5,
			ours: func(int) error { return p.put(fresh()) },
			peer: func(int) error { _, err := call("PUT", peer.url+"/put", "", fresh()); return err },
		},
		{
			name: "manifest-get-by-tag/file-server", n: smallGets, clients: clients, bound: 0.5,
			ours: func(int) error { return get(s.url + "/v2/bench/bytes/manifests/1.0.0") },
			peer: func(int) error { return get(peer.url + "/manifest") },
		},
		{
			name: "index-get/file-server", n: smallGets, clients: clients, bound: 0.7,
			ours: func(int) error { return get(s.url + "/index/v1/bench/bytes") },
			peer: func(int) error { return get(peer.url + "/document") },
		},
	}
	for range b.rounds {
		for _, x := range list {
			a, err := times(x.n, x.clients, x.ours)
			if err != nil {
				return err
			}
			c, err := times(x.n, x.clients, x.peer)
			if err != nil {
				return err
			}
			x.a, x.b = append(x.a, a), append(x.b, c)
		}
	}
	fmt.Printf("%-36s %14s %14s\n", "p10 of a round", "ours", "peer")
	for _, x := range list {
		ours, theirs := figures.P10(x.a), figures.P10(x.b)
		fmt.Printf("%-36s %14v %14v\n", x.name, ours, theirs)
		b.atLeast(x.name, float64(theirs)/float64(ours), x.bound)
	}
	return nil
}

func get(url string) error {
	_, err := call("GET", url, "", nil)
	return err
}

// published is a plugin whose parts are read, and the same bytes as files.
type published struct {
	s    *process
	dir  string
	blob artifact.Digest
	base []byte
}

func (p *published) prepare(ctx context.Context) error {
	p.base = make([]byte, blobSize)
	for i := range p.base {
		p.base[i] = byte(rand.Uint32())
	}
	if err := p.put(p.base); err != nil {
		return err
	}
	p.blob = artifact.DigestOf(p.base)
	list, err := pack("bench/bytes", 1)
	if err != nil {
		return err
	}
	who, err := authors(p.s, 1)
	if err == nil {
		err = push(ctx, who[0], list[0])
	}
	if err != nil {
		return err
	}
	for name, from := range map[string]string{"manifest": "/v2/bench/bytes/manifests/1.0.0", "document": "/index/v1/bench/bytes"} {
		res, err := web.Get(p.s.url + from)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil {
			err = os.WriteFile(filepath.Join(p.dir, name), b, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(p.dir, "blob"), p.base, 0o600)
}

// fresh is a blob that was never put.
func (p *published) fresh(n int) []byte {
	b := bytes.Clone(p.base)
	copy(b, fmt.Sprintf("blob %d", n))
	return b
}

// put uploads a blob as clients do: POST, then PUT of everything.
func (p *published) put(b []byte) error {
	h, err := call("POST", p.s.url+"/v2/bench/bytes/blobs/uploads/", p.s.token, nil)
	if err != nil {
		return err
	}
	at := h.Get("Location")
	sep := "?"
	if strings.Contains(at, "?") {
		sep = "&"
	}
	_, err = call("PUT", p.s.url+at+sep+"digest="+string(artifact.DigestOf(b)), p.s.token, b, "Content-Type", "application/octet-stream")
	return err
}
