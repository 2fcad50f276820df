package ocitest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/plugstead/plugstead/artifact"
)

// User and Password open a registry with Private.
const (
	User     = "joe"
	Password = "joe's secret"
)

// Registry is a plain registry. Its fields are changed with Set.
type Registry struct {
	Page      int    // tags in a page at most; 0: all
	Bearer    bool   // everybody needs a token, and gets one for reading
	Private   bool   // with Bearer: only User gets one
	Basic     bool   // User needs no token
	Immutable bool   // a tag is bound once
	URL       string // http address
	server    *httptest.Server

	mu    sync.Mutex
	first func(w http.ResponseWriter, r *http.Request) bool
	log   []string // METHOD path
	repos map[string]*repository
}

type repository struct {
	blobs     map[string][]byte
	manifests map[string]stored // by digest
	tags      map[string]string // to digests
}

type stored struct {
	media string
	raw   []byte
}

// Cleaner is the part of a test that ends what was started.
type Cleaner interface{ Cleanup(func()) }

// New runs an empty registry until the test ends.
func New(t Cleaner) *Registry {
	g := Start()
	t.Cleanup(g.Close)
	return g
}

// Start runs an empty registry. The caller closes it.
func Start() *Registry {
	g := &Registry{repos: map[string]*repository{}}
	g.server = httptest.NewServer(g)
	g.URL = g.server.URL
	return g
}

// Close ends the registry.
func (g *Registry) Close() { g.server.Close() }

// Name returns the name of the registry as a source.
func (g *Registry) Name() string { return "oci://" + strings.TrimPrefix(g.URL, "http://") }

// Set calls f, which may change the fields, while no request is answered.
func (g *Registry) Set(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

// Answer has f answer a request first and report that, or leave it to the registry. It may be
// nil.
func (g *Registry) Answer(f func(w http.ResponseWriter, r *http.Request) bool) {
	g.Set(func() { g.first = f })
}

// Requests returns what was asked for since the last call, sorted, without the API itself.
func (g *Registry) Requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := g.log
	g.log = nil
	slices.Sort(out)
	return out
}

// Untag removes a tag.
func (g *Registry) Untag(repo, tag string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.repos[repo].tags, tag)
}

// Tag binds a tag to the manifest raw, which need not have children.
func (g *Registry) Tag(repo, tag, media string, raw []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.repo(repo)
	d := string(artifact.DigestOf(raw))
	r.manifests[d], r.tags[tag] = stored{media, raw}, d
}

// Put adds a blob.
func (g *Registry) Put(repo string, b []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.repo(repo).blobs[string(artifact.DigestOf(b))] = b
}

// Remove removes a blob, or a manifest.
func (g *Registry) Remove(repo string, d artifact.Digest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.repos[repo].blobs, string(d))
	delete(g.repos[repo].manifests, string(d))
}

// At returns the digest and the manifest of a tag; "" without one.
func (g *Registry) At(repo, tag string) (artifact.Digest, []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.repo(repo)
	d := r.tags[tag]
	return artifact.Digest(d), r.manifests[d].raw
}

// Blob returns a blob; nil without one.
func (g *Registry) Blob(repo string, d artifact.Digest) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.repo(repo).blobs[string(d)]
}

// repo returns a repository, made when it is missing.
func (g *Registry) repo(name string) *repository {
	r := g.repos[name]
	if r == nil {
		r = &repository{blobs: map[string][]byte{}, manifests: map[string]stored{}, tags: map[string]string{}}
		g.repos[name] = r
	}
	return r
}

// ServeHTTP implements http.Handler.
func (g *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		g.token(w, r)
		return
	}
	g.mu.Lock()
	first := g.first
	g.mu.Unlock()
	if first != nil && first(w, r) {
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v2/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.log = append(g.log, r.Method+" "+r.URL.Path)
	name, kind, ref := split(path)
	switch {
	case !g.allowed(w, r, name):
	case kind == "tags":
		g.list(w, r, name)
	case kind == "manifests":
		g.manifest(w, r, name, ref)
	case kind == "blobs":
		g.blob(w, r, name, ref)
	default:
		fail(w, http.StatusNotFound, "UNSUPPORTED")
	}
}

// split cuts repository, kind and reference apart.
func split(path string) (name, kind, ref string) {
	for _, k := range []string{"tags", "manifests", "blobs"} {
		if i := strings.LastIndex(path, "/"+k+"/"); i >= 0 {
			return path[:i], k, path[i+len(k)+2:]
		}
	}
	return "", "", ""
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"plain registry: %s"}]}`, code, strings.ToLower(code))
}
