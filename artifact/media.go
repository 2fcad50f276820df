package artifact

// Media and artifact types of an artifact. The OCI ones come from the image
// specification 1.1, the others are described in docs/spec/artifact.md.
const (
	MediaIndex    = "application/vnd.oci.image.index.v1+json"
	MediaManifest = "application/vnd.oci.image.manifest.v1+json"
	MediaEmpty    = "application/vnd.oci.empty.v1+json"
	MediaTarGzip  = "application/vnd.oci.image.layer.v1.tar+gzip"

	TypePlugin    = "application/vnd.plugstead.plugin.v1"
	TypeMeta      = "application/vnd.plugstead.plugin.meta.v1"
	TypePackage   = "application/vnd.plugstead.plugin.package.v1"
	MediaPlugin   = "application/vnd.plugstead.plugin.manifest.v1+json"
	MediaMarkdown = "text/markdown"
	MediaText     = "text/plain"
	MediaSchema   = "application/schema+json"
)

// Annotations of an artifact.
const (
	AnnotationResolve = "io.github.plugstead.plugin.resolve"
	AnnotationRuntime = "io.github.plugstead.plugin.runtime"

	annotationTitle       = "org.opencontainers.image.title"
	annotationVersion     = "org.opencontainers.image.version"
	annotationDescription = "org.opencontainers.image.description"
	annotationLicenses    = "org.opencontainers.image.licenses"
	annotationSource      = "org.opencontainers.image.source"
	annotationDocs        = "org.opencontainers.image.documentation"
	annotationURL         = "org.opencontainers.image.url"
	annotationCreated     = "org.opencontainers.image.created"
)

// Limits that every reader of an artifact enforces, in bytes.
const (
	MaxManifest = 4 << 20  // an OCI index or manifest
	MaxPlugin   = 1 << 20  // plugin.json
	MaxResolve  = 32 << 10 // the resolve annotation
	MaxDocument = 1 << 20  // README, LICENSE, CHANGELOG, configuration schema
	MaxPayload  = 4 << 30  // a payload; it may not unpack to more either
)
