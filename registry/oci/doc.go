// Package oci reads plugins from any registry that speaks the OCI distribution specification,
// and publishes to it. Such a registry has no index documents, so they are made here, of its
// tags and artifacts; docs/spec/oci-source.md describes how, and the cache that saves most of
// the requests. It says nothing of trust: what a registry states about an artifact is compared
// with the artifact by fetch and verify.
package oci
