// Package arch holds the tests that keep the shape of the tree: which package may
// import which, and what the documents promise about files.
package arch
