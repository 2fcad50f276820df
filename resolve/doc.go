// Package resolve is step 4 of 10: it chooses one version of every needed plugin.
//
// It does no I/O of its own: an index.Index answers "which versions are there, and
// what do they need?". What may be chosen at all is asked of a [Policy]. Fetching
// and trust are later steps.
//
// The engine is a depth-first search that tries the locked and then the newest
// version first and jumps back over decisions that had no part in a conflict. It
// is complete: if there is a solution within the budget of steps, it finds one.
package resolve
