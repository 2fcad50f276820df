package handler

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

const maxTags = 100 // of one push

// getManifest serves GET and HEAD. There is one form of a manifest, whatever is accepted.
func (h *handler) getManifest(w http.ResponseWriter, r *http.Request, t target, _ string) {
	err := registry.ErrNotFound
	var d artifact.Descriptor
	var raw []byte
	if _, bad := anyDigest(t.ref); bad == nil || tagPattern.MatchString(t.ref) {
		d, raw, err = h.b.Manifest(r.Context(), t.repo, t.ref)
	}
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeManifestUnknown))
		return
	}
	w.Header().Set(headerDigest, string(d.Digest))
	w.Header().Set("ETag", quoted(d.Digest))
	if matches(r.Header.Get("If-None-Match"), quoted(d.Digest)) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", d.MediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	if r.Method != http.MethodHead {
		w.Write(raw)
	}
}

// push is a manifest that is being pushed.
type push struct {
	m    *registry.Manifest
	doc  *document
	tags []string
}

func (h *handler) putManifest(w http.ResponseWriter, r *http.Request, t target, actor string) {
	p, err := readPush(r, t)
	if err == nil {
		err = h.checkChildren(r.Context(), t.repo, p.doc)
	}
	var rec registry.Receipt
	if err == nil {
		rec, err = h.commitPush(r, t.repo, p, actor, w.Header())
	}
	if err != nil {
		w.Header().Del("Warning") // of what was not published
		h.fail(w, r, registry.AsError(err, registry.CodeManifestUnknown))
		return
	}
	w.Header().Set("Location", "/v2/"+t.repo+"/manifests/"+string(p.m.Digest))
	w.Header().Set(headerDigest, string(p.m.Digest))
	w.Header().Set("Plugstead-Position", strconv.FormatInt(rec.Position, 10))
	if p.m.Subject != "" {
		w.Header().Set("OCI-Subject", string(p.m.Subject))
	}
	if isDigest(t.ref) && len(p.tags) > 0 {
		w.Header().Set("OCI-Tag", strings.Join(p.tags, ", "))
	}
	w.WriteHeader(http.StatusCreated)
}

// commitPush stores a manifest. What the kind of the namespace asks for comes with it: in one
// of plugins a tag is a version, is published, and never moves.
func (h *handler) commitPush(r *http.Request, repo string, p *push, actor string, answer http.Header) (rec registry.Receipt, err error) {
	c := registry.Commit{Repo: repo, Manifest: p.m, Tags: p.tags, Actor: actor}
	ns, err := h.b.Namespace(r.Context(), registry.NamespaceOf(repo))
	if errors.Is(err, registry.ErrNotFound) {
		ns, err = registry.Namespace{Name: registry.NamespaceOf(repo), Kind: registry.KindPlugin}, nil
		if len(p.tags) > 0 {
			c.Namespace = &ns // its first plugin makes it one of plugins
		}
	}
	if err != nil {
		return rec, err
	}
	if c.Move = ns.Kind == registry.KindOCI; !c.Move && len(p.tags) > 0 {
		if c.Release, err = h.release(r.Context(), repo, p, answer); err != nil {
			return rec, err
		}
	}
	return h.b.Commit(detached(r), c)
}

// readPush reads a request and checks that reference, header and body say the same.
func readPush(r *http.Request, t target) (*push, error) {
	p := new(push)
	digest := artifact.Digest("")
	if isDigest(t.ref) {
		d, err := knownDigest(t.ref)
		if err != nil {
			return nil, err
		}
		digest, p.tags = d, slices.Compact(slices.Sorted(slices.Values(r.URL.Query()["tag"])))
	} else {
		p.tags = []string{t.ref}
	}
	if len(p.tags) > maxTags {
		return nil, invalidQuery("tag: at most 100 at one time")
	}
	for _, tag := range p.tags {
		if !tagPattern.MatchString(tag) {
			return nil, invalidManifest("tag %.140q", tag)
		}
	}
	raw, err := readManifest(r)
	if err != nil {
		return nil, err
	}
	var media string
	if p.doc, media, err = parseDocument(raw, r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	p.m = p.doc.manifest(media, raw)
	if digest != "" {
		if p.m.Digest = digest.Algorithm().DigestOf(raw); p.m.Digest != digest {
			return nil, &registry.Error{Code: registry.CodeDigestInvalid, Detail: "the body has digest " + string(p.m.Digest)}
		}
	}
	return p, p.fits()
}

// readManifest reads the body of a request.
func readManifest(r *http.Request) ([]byte, error) {
	tooLarge := &registry.Error{Code: registry.CodeSizeInvalid, Detail: "a manifest has at most 4 MiB"}
	if r.ContentLength > artifact.MaxManifest {
		return nil, tooLarge
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, artifact.MaxManifest+1))
	if err != nil {
		return nil, &registry.Error{Code: registry.CodeManifestInvalid, Detail: "the body ended early", Err: err}
	}
	if len(raw) > artifact.MaxManifest {
		return nil, tooLarge
	}
	return raw, nil
}

// manifest makes what the backend keeps.
func (doc *document) manifest(media string, raw []byte) *registry.Manifest {
	m := &registry.Manifest{Descriptor: artifact.Describe(media, raw), Raw: raw, Children: doc.children()}
	m.ArtifactType, m.Annotations = doc.artifactType(), doc.Annotations
	if doc.Subject != nil {
		m.Subject = doc.Subject.Digest
	}
	return m
}

// fits makes sure that the descriptor of a referrer fits on a page.
func (p *push) fits() error {
	if p.m.Subject == "" || len(p.m.Raw) < maxPageSize/8 {
		return nil
	}
	if b, err := encode(p.m.Descriptor); err != nil || len(b) > maxPageSize-pageFrame {
		return errors.Join(&registry.Error{Code: registry.CodeSizeInvalid, Detail: "annotations of what has a subject: less than 4 MiB"}, err)
	}
	return nil
}

// encode writes JSON as it will be sent.
func encode(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return []byte(b.String()), err
}

// checkChildren makes sure that all a manifest names is there, and has the size it says.
func (h *handler) checkChildren(ctx context.Context, repo string, doc *document) error {
	seen := map[child]bool{}
	look := func(c child, size func(context.Context, string, artifact.Digest) (int64, error)) error {
		if c.MediaType = ""; seen[c] {
			return nil
		}
		seen[c] = true
		n, err := size(ctx, repo, c.Digest)
		switch {
		case errors.Is(err, registry.ErrNotFound):
			return &registry.Error{Code: registry.CodeChildUnknown, Detail: "refers to " + string(c.Digest) + ", which was not pushed", Err: err}
		case err == nil && n != c.Size:
			return invalidManifest("%s has %d bytes, not %d", c.Digest, n, c.Size)
		}
		return err
	}
	for _, c := range doc.blobs() {
		if c.elsewhere() {
			continue
		}
		if err := look(c, h.b.StatBlob); err != nil {
			return err
		}
	}
	for _, c := range doc.Manifests {
		size := h.manifestSize
		if !registry.IsManifest(c.MediaType) {
			size = h.anySize
		}
		if err := look(c, size); err != nil {
			return err
		}
	}
	return nil
}

func (h *handler) manifestSize(ctx context.Context, repo string, d artifact.Digest) (int64, error) {
	m, _, err := h.b.Manifest(ctx, repo, string(d))
	return m.Size, err
}

// anySize is the size of a manifest or a blob: an index may name things of later times.
func (h *handler) anySize(ctx context.Context, repo string, d artifact.Digest) (int64, error) {
	n, err := h.manifestSize(ctx, repo, d)
	if errors.Is(err, registry.ErrNotFound) {
		return h.b.StatBlob(ctx, repo, d)
	}
	return n, err
}
