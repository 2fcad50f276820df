// Package registry is the wire protocol of a registry and what a registry must
// keep: routes, error codes, and the [Backend] behind them.
//
// The same interface stands on both sides of the wire as far as possible:
// registry/handler serves a Backend over HTTP, registry/client speaks to it.
// Implementations of Backend are in registry/memory and in the server; the suite
// in registry/registrytest runs over them.
package registry

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/store"
)

// Routes of the protocol. The rest of /v2 is that of OCI Distribution 1.1.
const (
	RouteDiscovery = "/.well-known/plugstead.json"
	RouteOCI       = "/v2/"
	RouteIndex     = "/index/v1/{ns}/{name}"
	RouteIndexAt   = "/index/v1/at/{digest}"
	RouteRevision  = "/index/v1/revision"
	RouteNames     = "/index/v1/names"
	RouteSearch    = "/api/v1/search"
	RouteYank      = "/api/v1/plugins/{ns}/{name}/versions/{version}/yank"

	RouteDeprecation   = "/api/v1/plugins/{ns}/{name}/deprecation"
	RouteChannel       = "/api/v1/plugins/{ns}/{name}/channels/{channel}"
	RouteRemoval       = "/api/v1/plugins/{ns}/{name}/versions/{version}/removal"
	RouteQuarantine    = "/api/v1/plugins/{ns}/{name}/versions/{version}/quarantine"
	RouteQuarantineAll = "/api/v1/plugins/{ns}/{name}/quarantine"
)

// Errors of a backend. They come wrapped with the object they are about.
var (
	ErrNotFound = store.ErrNotFound
	ErrBound    = store.ErrBound // a version tag names another artifact
	ErrRemoved  = errors.New("this version was removed; its number is not free again")
	ErrTooLate  = errors.New("too late")
	ErrState    = errors.New("not possible in its present state")
	ErrInvalid  = errors.New("invalid")
	ErrBusy     = errors.New("too many uploads at one time")
	// ErrChild says that a manifest names something that is not in its repository.
	ErrChild = errors.New("not in the repository")
	// ErrOffset says that a chunk of an upload does not begin where the last ended.
	ErrOffset = errors.New("chunk does not begin where the upload ends")
)

// Backend is everything a registry keeps. Its methods allow concurrent calls.
type Backend interface {
	Namespaces
	Documents
	Blobs
	Manifests
	Committer
}

// Kind says what the repositories of a namespace may hold.
type Kind string

// The kinds of namespaces.
const (
	// KindPlugin holds plugins: every tag is a version, never moves and is in the index.
	KindPlugin Kind = "plugin"
	// KindOCI holds whatever OCI clients push: tags move, and everything may be deleted.
	KindOCI Kind = "oci"
)

// Namespace is the first part of the name of a repository, and so of the id of a plugin.
type Namespace struct {
	Name string
	Kind Kind
}

// NamespaceOf returns the first part of the name of a repository.
func NamespaceOf(repo string) string {
	ns, _, _ := strings.Cut(repo, "/")
	return ns
}

// Namespaces are made by [Commit.Namespace].
type Namespaces interface {
	// Namespace returns a namespace, or ErrNotFound if nobody has made it.
	Namespace(ctx context.Context, name string) (Namespace, error)
}

// Documents reads the index.
type Documents interface {
	// Document returns the index bytes of a plugin and their digest, or
	// index.ErrNotFound. A name that others offer has a document too.
	Document(ctx context.Context, id manifest.ID) ([]byte, artifact.Digest, error)
	// DocumentAt returns the index bytes with a digest, or ErrNotFound. Only present
	// documents are kept.
	DocumentAt(ctx context.Context, d artifact.Digest) ([]byte, error)
	// Revision names the state of all documents together: as long as it is the same,
	// every name has the same document or none. It is of the form [CheckRevision] takes.
	Revision(ctx context.Context) (string, error)
	// Position returns that of the newest change that can be read, see [Receipt].
	Position(ctx context.Context) (int64, error)
	// Names lists at most limit plugins that have a release, sorted by their bytes, behind
	// the name after, which need not be there.
	Names(ctx context.Context, after manifest.ID, limit int) ([]manifest.ID, error)
	// Search yields plugins, the best match first.
	Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error]
}

// Blobs are bytes by digest, visible in the repositories they were put in.
type Blobs interface {
	// OpenBlob returns a blob and its size in bytes, or ErrNotFound. The caller closes it.
	// If it is an *os.File it is sent without copying.
	OpenBlob(ctx context.Context, repo string, d artifact.Digest) (io.ReadSeekCloser, int64, error)
	// StatBlob returns the size of a blob in bytes, or ErrNotFound.
	StatBlob(ctx context.Context, repo string, d artifact.Digest) (int64, error)
	// MountBlob makes a blob of one repository visible in another, or ErrNotFound.
	MountBlob(ctx context.Context, repo, from string, d artifact.Digest) error
	// PutBlob makes a blob of all that r gives, durable and visible in a repository. After
	// artifact.ErrDigest and after an error of r nothing is kept. A blob that the
	// repository has already is read and not written again.
	PutBlob(ctx context.Context, repo string, d artifact.Digest, r io.Reader) error
	// NewUpload begins an upload and returns its name. The blob will have a digest of
	// this algorithm; another one is possible and costs a second reading.
	NewUpload(ctx context.Context, repo string, a artifact.Algorithm) (name string, err error)
	// Upload returns one that was begun and not ended, or ErrNotFound. The caller
	// closes it.
	Upload(ctx context.Context, repo, name string) (Upload, error)
}

// Upload is a blob that is arriving, as one request sees it. Of two requests that add
// to one upload at the same time, one gets ErrOffset, or waits until the other is done.
type Upload interface {
	// Size is the number of bytes that arrived.
	Size() int64
	// Append adds bytes at the end. What arrived before an error of r stays.
	Append(ctx context.Context, r io.Reader) error
	// Commit adds the rest of the bytes, checks the digest, makes the blob durable and
	// visible and ends the upload. On artifact.ErrDigest the upload is gone; after an
	// error of r it stays with what arrived before Commit or with more.
	Commit(ctx context.Context, rest io.Reader, d artifact.Digest) error
	// Cancel ends the upload without a blob.
	Cancel(ctx context.Context) error
	// Close lets the upload go and keeps what arrived.
	Close() error
}

// Manifests are OCI indexes and manifests by digest, and tags.
type Manifests interface {
	// Manifest returns a manifest by digest or tag, or ErrNotFound.
	Manifest(ctx context.Context, repo, ref string) (artifact.Descriptor, []byte, error)
	// Tags lists a page of the tags of a repository, sorted by their bytes, or returns
	// ErrNotFound if there is no such repository.
	Tags(ctx context.Context, repo string, p Page) ([]string, error)
	// Referrers lists a page of the manifests whose subject is d, sorted by digest,
	// of one artifact type or, with "", of all.
	Referrers(ctx context.Context, repo string, d artifact.Digest, artifactType string, p Page) ([]artifact.Descriptor, error)
}

// Page is a part of a sorted list.
type Page struct {
	After string // the list goes on behind this entry, which need not be there
	Limit int    // at most so many entries; 0: all
}

// Committer changes what a registry says.
type Committer interface {
	// Commit makes everything in c true, durably, or nothing: one transaction. With it
	// change the documents of names that the plugin begins or ceases to offer. It
	// returns ErrBound if a tag that does not move names another digest or a namespace
	// has another kind, ErrNotFound for the object of an Edit or Delete that does not exist,
	// ErrRemoved for a version that was removed, the errors of an Edit, ErrChild, and
	// ErrInvalid if a limit of the index forbids it.
	Commit(ctx context.Context, c Commit) (Receipt, error)
}

// Commit is one change. Zero fields are left alone.
type Commit struct {
	Namespace *Namespace // made, unless it is there
	Repo      string
	Manifest  *Manifest // stored under its digest
	Tags      []string  // bound to Manifest
	Move      bool      // tags that name something else are bound anew
	Release   *Release  // tagging a plugin artifact publishes it
	Edit      Edit      // of what the index says beside the records
	Delete    *Delete
	Actor     string // who did it
	DryRun    bool   // run every check, keep nothing
}

// Delete removes one object of the repository: what is not "".
type Delete struct {
	Tag      string
	Manifest artifact.Digest // with the tags that name it
	Blob     artifact.Digest
}

// Manifest is an OCI index or manifest to store.
type Manifest struct {
	artifact.Descriptor
	Raw      []byte
	Subject  artifact.Digest // what it refers to, or ""
	Children []Child         // what it names, all of it
}

// Redirector is implemented by backends whose blobs others may serve.
type Redirector interface {
	// BlobURL returns an address at which everybody can read a blob for a while, or "" if
	// there is none. It is a secret for that time. It returns ErrNotFound like OpenBlob.
	BlobURL(ctx context.Context, repo string, d artifact.Digest, ttl time.Duration) (string, error)
}

// Child is a blob or a manifest that a manifest names. What is in the repository stays
// there as long as the manifest does, unless it is deleted.
type Child struct {
	Digest   artifact.Digest
	Optional bool // it need not be there
}

// Release is a published plugin version. Its record is fixed when the commit begins.
type Release struct {
	Header index.Header // of the plugin as this version describes it
	index.Release
	Readme string // Markdown, for search and catalogue
}

// Receipt is proof that a commit is durable.
type Receipt struct {
	Position int64 // grows with every commit that changed something
	Existed  bool  // nothing had to change
}

// Publish adds a release to the document of its plugin, which may be nil. It is how
// every backend makes the new document, so that their bytes are equal. The providers stay
// as they are.
func Publish(old *index.Plugin, r *Release) (*index.Plugin, error) {
	p := &index.Plugin{Header: r.Header}
	p.Providers, p.Deprecated, p.Channels = nil, nil, nil
	if old != nil {
		p.Releases = append(p.Releases, old.Releases...)
	}
	if old, ok := p.Find(r.Version); ok {
		return nil, bound(old)
	}
	p.Releases = append(p.Releases, r.Release)
	if latest, ok := p.Latest(); old != nil && ok && latest.Version != r.Version {
		p.Header = old.Header // an older line or a pre-release does not rewrite the summary
	}
	if old != nil {
		p.Providers, p.Deprecated, p.Channels = old.Providers, old.Deprecated, old.Channels
	}
	return p, nil
}

// bound is the error of who publishes a version that is there.
func bound(r *index.Release) error {
	if r.State.Removed != nil {
		return ErrRemoved
	}
	return ErrBound
}

// Republish reports what forbids to publish a release whose tag names its digest already:
// [ErrRemoved] if it is gone. p may be nil.
func Republish(p *index.Plugin, r *Release) error {
	if p == nil {
		return nil
	}
	if old, ok := p.Find(r.Version); ok && old.State.Removed != nil {
		return ErrRemoved
	}
	return nil
}

// ChangedOffers lists the names that only one of two documents of a plugin offers, sorted.
// Both may be nil. A backend that replaces the one by the other makes the documents of
// these names anew, in the same transaction, with [index.WithProviders].
func ChangedOffers(old, now *index.Plugin) []manifest.ID {
	var a, b []manifest.ID
	if old != nil {
		a = old.Offered()
	}
	if now != nil {
		b = now.Offered()
	}
	missing := func(from []manifest.ID) func(manifest.ID) bool {
		return func(id manifest.ID) bool { return slices.Contains(from, id) }
	}
	out := slices.DeleteFunc(slices.Clone(a), missing(b))
	out = append(out, slices.DeleteFunc(slices.Clone(b), missing(a))...)
	slices.Sort(out)
	return out
}

// RepoBlobs shows the blobs and manifests of one repository as artifact.Blobs.
type RepoBlobs struct {
	Backend Backend
	Repo    string
}

var _ artifact.Blobs = RepoBlobs{}

// Open implements artifact.Blobs.
func (b RepoBlobs) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if IsManifest(d.MediaType) {
		_, raw, err := b.Backend.Manifest(ctx, b.Repo, string(d.Digest))
		if err != nil {
			return nil, err
		}
		return newBytes(raw), nil
	}
	r, _, err := b.Backend.OpenBlob(ctx, b.Repo, d.Digest)
	return r, err
}

// IsManifest reports whether a media type is that of an OCI index or manifest, or
// of their Docker ancestors.
func IsManifest(mediaType string) bool {
	switch mediaType {
	case artifact.MediaIndex, artifact.MediaManifest,
		"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json":
		return true
	}
	return false
}
