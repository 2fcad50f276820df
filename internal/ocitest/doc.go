// Package ocitest is a plain OCI registry on loopback for tests: it speaks the distribution
// specification and nothing else, moves tags, gives them in pages, has no catalogue, and may
// want a token from everybody.
package ocitest
