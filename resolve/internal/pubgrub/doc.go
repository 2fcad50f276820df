// Package pubgrub is the search engine of package resolve. It knows numbered packages
// and sets of their states, nothing of names, versions or reasons.
//
// The algorithm is PubGrub (Weizenbaum, "PubGrub: Next-Generation Version Solving",
// 2018, and doc/solver.md of the Dart project pub) on finite domains: every package
// has the states "absent" and each of its versions, a [Set] is a bit set of them, and
// an incompatibility, called clause here, is a list of (package, set) that must not
// all hold. Positive and negative terms, needs, optional needs and conflicts are then
// one thing, and a clause covers all versions that share a need.
//
// The engine has no clock, no goroutine and no recursion. Its decisions depend on the
// problem alone: packages with many conflicts first, then those with a single version
// left, then in the order in which they were first needed.
package pubgrub
