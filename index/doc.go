// Package index is step 3 of 10: it says which versions of a plugin exist, what
// they need, and which of them were withdrawn.
//
// The index of a plugin is one document (docs/spec/index.md): a header line and
// one line per release. A release line holds the immutable record of the release,
// kept byte for byte, and its present state. This package reads and writes
// documents and makes records of artifacts; it fetches nothing.
package index
