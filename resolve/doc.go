// Package resolve is step 4 of 10: it chooses one version of every needed plugin.
//
// It does no I/O of its own: an index.Index answers "which versions are there, and
// what do they need?". What may be chosen at all is asked of a [Policy]. Fetching
// and trust are later steps.
//
// [Solve] answers one [Problem], a [Solver] many over the same index. There is a
// solution if and only if one is found, unless a [Budget] runs out; the answer depends
// on the problem and the documents alone, not on the order in which they arrive. A
// problem without a solution gives a [Failure]: a proof that names who asked for what,
// and changes that were tried and would help.
//
// Where to look: problem.go has the question, solution.go the answer, admit.go who is
// no candidate and why, compile.go documents made into sets, choice.go names that
// several plugins offer, failure.go, builder.go and explain.go the proof, suggest.go what
// would help, order.go the order of starting. The search itself knows only numbers and
// is in internal/pubgrub.
package resolve
