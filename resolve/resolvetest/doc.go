// Package resolvetest helps to test what resolve answers: an index written as text, and
// a checker of solutions and failures that shares no code with the solver.
package resolvetest
