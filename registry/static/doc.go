// Package static reads and writes a registry as files: a folder that any plain file server
// can serve. docs/spec/static.md describes it.
package static

import (
	"errors"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// Errors of this package. They come wrapped with the folder they are about.
var (
	// ErrNotTree says that a folder holds something else than a static tree.
	ErrNotTree = errors.New("not a static tree")
	// ErrForeign says that a document in a tree and one that should replace it are of
	// different registries: neither has all releases of the other.
	ErrForeign = errors.New("documents of different registries")
	// ErrName says that a file of a tree cannot have the name that it needs.
	ErrName = errors.New("this name is not possible in a static tree")
)

// Paths in a tree, with slashes and without one in front.
const (
	markerPath    = ".well-known/plugstead.json"
	revisionPath  = "index/v1/revision"
	namesPath     = "index/v1/names"
	availablePath = "available.json"
	documentsPath = "index/v1"
	lockPath      = ".lock"

	marker = `{"protocol":1,"index":"/index/v1/","oci":"/v2/"}` + "\n"
)

// RouteAvailable is where a client asks for the list of what is in a tree.
const RouteAvailable = "/" + availablePath

func documentPath(id manifest.ID) string { return documentsPath + "/" + string(id) }

func blobPath(id manifest.ID, d artifact.Descriptor) string {
	kind := "blobs"
	if registry.IsManifest(d.MediaType) {
		kind = "manifests"
	}
	return "v2/" + string(id) + "/" + kind + "/" + string(d.Digest)
}
