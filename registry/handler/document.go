package handler

import (
	"cmp"
	"fmt"
	"mime"
	"strings"
	"unicode"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/registry"
)

// maxChildren is how many things one manifest may name: each costs a look into the database.
const maxChildren = 4096

// document is what the registry reads of an OCI index or manifest.
type document struct {
	SchemaVersion *int              `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *child            `json:"config"`
	Layers        []child           `json:"layers"`
	Manifests     []child           `json:"manifests"`
	Subject       *child            `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
}

// child is a descriptor in a document. What else it says is for those who pull.
type child struct {
	MediaType string          `json:"mediaType"`
	Digest    artifact.Digest `json:"digest"`
	Size      int64           `json:"size"`
}

func invalidManifest(format string, args ...any) error {
	return &registry.Error{Code: registry.CodeManifestInvalid, Detail: fmt.Sprintf(format, args...)}
}

// parseDocument reads the body of a manifest that was sent with a Content-Type, which may be
// "", and returns its media type.
func parseDocument(raw []byte, contentType string) (*document, string, error) {
	doc := new(document)
	if err := strictjson.Unmarshal(raw, doc, strictjson.Limits{Size: artifact.MaxManifest, Depth: 32, AllowUnknown: true}); err != nil {
		return nil, "", invalidManifest("%v", err)
	}
	sent, _, _ := mime.ParseMediaType(contentType)
	media := cmp.Or(doc.MediaType, sent)
	switch {
	case !registry.IsManifest(media):
		return nil, "", invalidManifest("media type %.100q", media)
	case sent != "" && sent != media && sent != "application/octet-stream":
		return nil, "", invalidManifest("sent as %.100s, says %s", sent, media)
	}
	return doc, media, doc.check(media)
}

// isIndex reports whether a media type of a manifest is that of an index.
func isIndex(media string) bool {
	return media == artifact.MediaIndex || media == "application/vnd.docker.distribution.manifest.list.v2+json"
}

// check reports what is wrong with the form. A document that could be read as index and as
// image means different things to different clients.
func (doc *document) check(media string) error {
	if doc.SchemaVersion != nil && *doc.SchemaVersion != 2 {
		return invalidManifest("schemaVersion %d, want 2", *doc.SchemaVersion)
	}
	if isIndex(media) && (doc.Config != nil || doc.Layers != nil) {
		return invalidManifest("an index with config or layers")
	}
	if !isIndex(media) && doc.Manifests != nil {
		return invalidManifest("an image with manifests")
	}
	if !isWord(doc.artifactType()) {
		return invalidManifest("artifact type %.100q", doc.artifactType())
	}
	for k := range doc.Annotations {
		if k == "" || strings.ContainsFunc(k, unicode.IsControl) {
			return invalidManifest("annotation %.100q", k)
		}
	}
	if doc.Subject != nil {
		if err := doc.Subject.check(true); err != nil {
			return invalidManifest("subject: %v", err)
		}
	}
	if n := len(doc.Layers) + len(doc.Manifests); n >= maxChildren {
		return invalidManifest("names %d blobs or manifests, at most %d are possible", n, maxChildren)
	}
	for _, c := range doc.blobs() {
		if err := c.check(c.elsewhere()); err != nil {
			return invalidManifest("%v", err)
		}
	}
	for _, c := range doc.Manifests {
		if err := c.check(false); err != nil { // a tag in place of a digest would be found
			return invalidManifest("%v", err)
		}
	}
	return nil
}

// artifactType is that of the descriptor of the document.
func (doc *document) artifactType() string {
	if doc.ArtifactType == "" && doc.Config != nil {
		return doc.Config.MediaType
	}
	return doc.ArtifactType
}

// blobs lists config and layers.
func (doc *document) blobs() []child {
	if doc.Config == nil {
		return doc.Layers
	}
	return append([]child{*doc.Config}, doc.Layers...)
}

// children lists what the document names, each once.
func (doc *document) children() []registry.Child {
	var out []registry.Child
	seen := map[artifact.Digest]bool{}
	add := func(c child, optional bool) {
		if !seen[c.Digest] {
			seen[c.Digest] = true
			out = append(out, registry.Child{Digest: c.Digest, Optional: optional})
		}
	}
	for _, c := range doc.blobs() {
		if !c.elsewhere() {
			add(c, false)
		}
	}
	for _, c := range doc.Manifests {
		add(c, false)
	}
	for _, c := range doc.blobs() { // the same bytes may be named as another layer, too
		add(c, true)
	}
	return out
}

// check reports what is wrong with the form of c. The algorithm of what may be missing need
// not be known.
func (c child) check(any bool) error {
	parse := artifact.ParseAnyDigest
	if any {
		parse = anyDigest
	}
	if _, err := parse(string(c.Digest)); err != nil {
		return err
	}
	if c.Size < 0 {
		return fmt.Errorf("descriptor %s: negative size", c.Digest.Short())
	}
	return nil
}

// elsewhere reports whether c is a layer that is never pushed, because its licence forbids it.
func (c child) elsewhere() bool {
	return strings.HasPrefix(c.MediaType, "application/vnd.oci.image.layer.nondistributable.v1.tar") ||
		strings.HasPrefix(c.MediaType, "application/vnd.docker.image.rootfs.foreign.diff.tar")
}
