package ocitest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/plugstead/plugstead/artifact"
)

// User and Password open a registry with Private.
const (
	User     = "joe"
	Password = "joe's secret"
)

// Registry is a plain registry. Set its fields before the first request, or in between with
// nobody asking.
type Registry struct {
	Page      int  // tags in a page at most; 0: all
	Bearer    bool // everybody needs a token, and gets one for reading
	Private   bool // with Bearer: only User gets one
	Basic     bool // User needs no token
	Immutable bool // a tag is bound once
	// First answers a request and reports that, or leaves it to the registry. It may be nil.
	First func(w http.ResponseWriter, r *http.Request) bool

	URL    string // http address
	server *httptest.Server

	mu    sync.Mutex
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
	if g.First != nil && g.First(w, r) {
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

func (g *Registry) list(w http.ResponseWriter, r *http.Request, name string) {
	repo := g.repos[name]
	if repo == nil {
		fail(w, http.StatusNotFound, "NAME_UNKNOWN")
		return
	}
	tags := slices.Sorted(maps.Keys(repo.tags))
	if last := r.URL.Query().Get("last"); last != "" {
		tags = slices.DeleteFunc(tags, func(t string) bool { return t <= last })
	}
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil || g.Page > 0 {
		n = g.Page
	}
	if n > 0 && n < len(tags) {
		tags = tags[:n]
		w.Header().Set("Link", fmt.Sprintf(`</v2/%s/tags/list?last=%s&n=%d>; rel="next"`, name, tags[n-1], n))
	}
	json.NewEncoder(w).Encode(map[string]any{"name": name, "tags": tags})
}

func (g *Registry) manifest(w http.ResponseWriter, r *http.Request, name, ref string) {
	if r.Method == http.MethodPut {
		g.putManifest(w, r, name, ref)
		return
	}
	repo := g.repos[name]
	if repo == nil {
		fail(w, http.StatusNotFound, "NAME_UNKNOWN")
		return
	}
	digest := ref
	if !strings.Contains(ref, ":") {
		digest = repo.tags[ref]
	}
	m, ok := repo.manifests[digest]
	if !ok {
		fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	w.Header().Set("Content-Type", m.media)
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Length", strconv.Itoa(len(m.raw)))
	if r.Method == http.MethodGet {
		w.Write(m.raw)
	}
}

func (g *Registry) putManifest(w http.ResponseWriter, r *http.Request, name, ref string) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	repo := g.repo(name)
	if missing := repo.missing(raw); missing != "" {
		fail(w, http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN")
		return
	}
	d := string(artifact.DigestOf(raw))
	if strings.Contains(ref, ":") && ref != d {
		fail(w, http.StatusBadRequest, "DIGEST_INVALID")
		return
	}
	if !strings.Contains(ref, ":") {
		if g.Immutable && repo.tags[ref] != "" {
			fail(w, http.StatusConflict, "TAG_IMMUTABLE")
			return
		}
		repo.tags[ref] = d
	}
	repo.manifests[d] = stored{r.Header.Get("Content-Type"), raw}
	w.Header().Set("Docker-Content-Digest", d)
	w.WriteHeader(http.StatusCreated)
}

// missing returns a child of a manifest that was not pushed.
func (p *repository) missing(raw []byte) string {
	var x struct {
		Config            artifact.Descriptor
		Layers, Manifests []artifact.Descriptor
	}
	if err := json.Unmarshal(raw, &x); err != nil {
		return err.Error()
	}
	for _, d := range x.Manifests {
		if _, ok := p.manifests[string(d.Digest)]; !ok {
			return string(d.Digest)
		}
	}
	for _, d := range append(x.Layers, x.Config) {
		if _, ok := p.blobs[string(d.Digest)]; !ok && d.Digest != "" {
			return string(d.Digest)
		}
	}
	return ""
}

func (g *Registry) blob(w http.ResponseWriter, r *http.Request, name, ref string) {
	repo := g.repo(name)
	switch r.Method {
	case http.MethodPost:
		w.Header().Set("Location", "/v2/"+name+"/blobs/uploads/1?state=x")
		w.WriteHeader(http.StatusAccepted)
	case http.MethodPut:
		b, err := io.ReadAll(r.Body)
		if d := r.URL.Query().Get("digest"); err != nil || d != string(artifact.DigestOf(b)) {
			fail(w, http.StatusBadRequest, "DIGEST_INVALID")
			return
		}
		repo.blobs[string(artifact.DigestOf(b))] = b
		w.WriteHeader(http.StatusCreated)
	default:
		b, ok := repo.blobs[ref]
		if !ok {
			fail(w, http.StatusNotFound, "BLOB_UNKNOWN")
			return
		}
		http.ServeContent(w, r, "", zero, strings.NewReader(string(b)))
	}
}
