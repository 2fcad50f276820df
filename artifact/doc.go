// Package artifact packs a plugin folder into an OCI image index and reads it
// back. It moves no bytes over a network and judges nobody: who made an artifact
// and whether it may run are questions for verify.
//
// The layout is described in docs/spec/artifact.md. In short:
//
//	image index, artifactType [TypePlugin], annotation [AnnotationResolve]
//	├ manifest [TypeMeta]: config = plugin.json, layers = README, LICENSE, …
//	└ manifest [TypePackage], one per platform, with exactly one payload layer
//
// Packing is reproducible: one tree and one creation time give one digest.
package artifact
